"""The end of a page: whatever it gave, the page is kept."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request

from crawlers.crawl_spec import SourceSpec
from crawlers.frontier.file import Frontier
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import Fetched, Queue
from crawlers.page import Extraction, FetchedPage, FoundRecord, Link
from crawlers.page_end import Kept, PageEnds, wanted_by
from crawlers.page_row import PageEnd
from crawlers.source_run import SourceRun

URL = "http://a.example/"


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


def keep(frontier: Frontier, error: str | None = None, *, header: str = "", **gave: Any) -> Kept:
    """Keep a page that was answered."""
    run = SourceRun.of(SourceSpec("id", {"name": "small", "kind": "site", "start": [URL], "follow": "a"}), frontier)
    run.number = Passes(frontier).begin("small", "id").number
    queue = Queue(frontier)
    queue.add([wanted_by(run, Link(URL), 0)], run.number)
    row = queue.lease("small", "a.example")
    assert row is not None
    meta = {"frontier_id": row["id"], "source": "small", "role": "page", "about": {}, "asked": URL, "depth": 0}
    headers = (("link", header),) if header else ()
    meta |= {"known": Fetched(), "answer": (200, dict(headers)), "sent": headers, "rights": {}}
    page = FetchedPage(URL, URL, 200, headers, b"body", "http", "page", {}, datetime.now(UTC))
    end = PageEnd(error, page=page, extraction=Extraction(**gave))
    return PageEnds(frontier, "run").keep(run, Request(URL, meta=meta), end)


def kept_page(frontier: Frontier) -> Any:
    (row,) = frontier.read("SELECT page FROM outbox_pages")
    return json.loads(row["page"])


@pytest.mark.parametrize(
    "gave",
    [
        {"records": (FoundRecord(0, None, "a", {"n": object()}),)},
        {"records": (FoundRecord(0, None, "\ud83d", {}),)},
        {"links": (Link(URL + "2", about={"alt": "\ud83d"}),)},
        {"rights": {"items": [{"kind": "license"}]}},
        {"items": 1, "unmatched": {"text": object()}},
    ],
)
def test_a_page_that_gave_what_cannot_be_kept_is_kept_with_an_error(frontier: Frontier, gave: Any) -> None:
    kept = keep(frontier, **gave)
    assert kept.error is not None and kept.error.startswith("extract: ") and kept.records == 0
    assert kept_page(frontier)["error"] == kept.error
    assert [row["state"] for row in frontier.read("SELECT state FROM requests")] == ["done"]


def test_a_half_character_in_an_error_does_not_get_into_the_outbox(frontier: Frontier) -> None:
    keep(frontier, "item: lists in it are: \ud83d")
    assert kept_page(frontier)["error"] == "item: lists in it are: \ufffd"


def test_what_a_page_gave_is_kept_with_it(frontier: Frontier) -> None:
    kept = keep(frontier, records=(FoundRecord(0, "k", "a text", {}),), links=(Link(URL + "2"), Link("http://b.x/")))
    assert (kept.error, kept.records, kept.counts) == (None, 1, True)
    assert [wanted.url for wanted in kept.new] == [URL + "2"]
    assert kept_page(frontier)["error"] is None
