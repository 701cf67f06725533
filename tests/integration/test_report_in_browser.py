"""The report in a real browser: its charts are drawn, its map is read by pointing, and no text of a record runs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crawlers.browser.executable import BrowserMissing, find_browser
from store.label_schema import LabelSchema
from tests.tilth.report.empty_facts import NOTHING
from tilth.report import render
from tilth.report.pool_picture import PoolPicture

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert("x")</script>'
# One that was asked about, in the middle, and one of the pool of which nothing is known, in a corner.
RECORDS = {
    "x": [500, 100],
    "y": [500, 100],
    "what": [1, 0],
    "round": [1, 0],
    "label": [0, -1],
    "said": [1, -1],
    "sure": [70, -1],
    "verdict": [-1, -1],
    "text": [HOSTILE, "of the pool"],
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
    labelled = [{"label": HOSTILE, "split": "train", "records": 34}]
    picture = PoolPicture(columns=RECORDS, method="pca", known=1, in_pool=1, of_pool=1)
    facts = replace(NOTHING, curve=curve, label_rows=labelled, picture=picture)
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


def point_at_the_map(window, right: float, down: float) -> str:
    """What is told of the place that lies so far to the right and down on the map of the rounds, as shares of it."""
    canvas = window.locator("#chart-rounds-map canvas")
    canvas.scroll_into_view_if_needed()
    box, margin = canvas.bounding_box(), 17  # Vega's padding, and that of the scale
    width, height = (box[side] - 2 * margin for side in ("width", "height"))
    window.mouse.move(box["x"] + margin + right * width, box["y"] + margin + down * height)
    window.wait_for_selector("#vg-tooltip-element.visible")
    return window.locator("#vg-tooltip-element").inner_text()


def test_charts_are_drawn_and_what_one_points_at_is_read_as_text(opened):
    window, dialogs = opened
    window.wait_for_selector("#chart-curve svg path")
    told = point_at_the_map(window, 0.5, 0.5)
    assert told.startswith(HOSTILE)
    assert "the model says" in told
    assert window.locator("#vg-tooltip-element img").count() == 0
    assert dialogs == []


def test_what_is_not_known_of_a_record_is_not_told(opened):
    window, _ = opened
    told = point_at_the_map(window, 0.1, 0.9)
    assert " ".join(told.split()) == "of the pool it is in the pool"


def test_a_narrow_window_scrolls_in_one_direction_only(opened):
    window, _ = opened
    window.set_viewport_size({"width": 400, "height": 800})
    window.reload()
    window.wait_for_selector("#chart-rounds-map canvas")
    window.wait_for_selector("#chart-labels svg")
    wide = json.loads(window.evaluate("JSON.stringify(document.documentElement.scrollWidth)"))
    assert wide <= 400
