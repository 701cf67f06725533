"""The report in a real browser: its charts are drawn, its map is read by pointing, and no text of a record runs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crawlers.browser.executable import BrowserMissing, find_browser
from store.label_schema import LabelSchema
from tilth.report import render
from tilth.report.facts import ReportFacts
from tilth.report.pool_picture import PoolPicture

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert("x")</script>'
NOTHING = ReportFacts(
    counts={},
    crawl=[],
    fetches=[],
    slow_hosts=[],
    troubled_pages=[],
    label_rows=[],
    curve=[],
    rounds=[],
    metrics=None,
    suspicions=[],
    issue_states={},
)
ONE_RECORD = {
    "x": [500],
    "y": [500],
    "what": [1],
    "round": [1],
    "label": [0],
    "said": [1],
    "sure": [70],
    "verdict": [-1],
    "text": [HOSTILE],
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple]:
    """The page in a window, and the dialogs that it opened."""
    from playwright.sync_api import sync_playwright

    try:
        chosen = find_browser()
    except BrowserMissing as error:
        pytest.skip(str(error))
    curve = [{"arm": "chosen by the model", "round": 1, "labels": 9, "accuracy": 0.5, "low": 0.4, "high": 0.6}]
    facts = replace(NOTHING, curve=curve, picture=PoolPicture(columns=ONE_RECORD, method="pca", known=1))
    page = render(facts, LabelSchema("text-classification", (HOSTILE, "b")), name=HOSTILE, description=HOSTILE)
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    dialogs: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chosen.path), args=list(chosen.args))
        window = browser.new_page(viewport={"width": 1100, "height": 900})
        window.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        window.goto((tmp_path / "report.html").as_uri())
        window.wait_for_selector("#chart-rounds-map canvas")
        yield window, dialogs
        browser.close()


def test_charts_are_drawn_and_what_one_points_at_is_read_as_text(opened):
    window, dialogs = opened
    window.wait_for_selector("#chart-curve svg path")
    canvas = window.locator("#chart-rounds-map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    window.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    window.wait_for_selector("#vg-tooltip-element.visible")
    assert HOSTILE in window.locator("#vg-tooltip-element").inner_text()
    assert window.locator("#vg-tooltip-element img").count() == 0
    assert dialogs == []


def test_a_narrow_window_scrolls_in_one_direction_only(opened):
    window, _ = opened
    window.set_viewport_size({"width": 400, "height": 800})
    window.reload()
    window.wait_for_selector("#chart-rounds-map canvas")
    wide = json.loads(window.evaluate("JSON.stringify(document.documentElement.scrollWidth)"))
    assert wide <= 400
