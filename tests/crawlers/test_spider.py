"""What the spider makes of the rows that its scheduler takes."""

from pathlib import Path
from typing import Any, cast

import pytest

from crawlers.caps import DRY_PAGES
from crawlers.crawl_spec import CrawlSpec, SourceSpec
from crawlers.extraction.workers import PageReader
from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Fetched, Wanted
from crawlers.spider import CrawlSpider

HOST = "forum.example"


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


def spider(frontier: Frontier) -> CrawlSpider:
    declared = {"name": "forum", "kind": "site", "start": [f"https://{HOST}/"]}
    spec = CrawlSpec("run", (SourceSpec("v1", declared),), str(frontier.path.parent), "somebody@example.org")
    return CrawlSpider(spec, frontier, cast(PageReader, None))


def test_a_pattern_that_says_nothing_new_closes_for_what_is_new_and_not_for_what_is_known(frontier: Frontier) -> None:
    found = spider(frontier)
    queue = found.queue
    while (start := queue.lease("forum", HOST)) is not None:
        queue.done(start["id"], Fetched(200, 1.0))
    queue.add([Wanted("forum", f"https://{HOST}/thread/1", HOST, depth=1)])
    known = queue.lease("forum", HOST)
    assert known is not None
    queue.done(known["id"], Fetched(200, 1.0))
    frontier.write("INSERT INTO patterns VALUES ('forum', ?, 30, ?)", [f"{HOST}/thread/0", DRY_PAGES])
    frontier.write("UPDATE requests SET state = 'queued' WHERE id = ?", [known["id"]])
    queue.add([Wanted("forum", f"https://{HOST}/thread/2", HOST, depth=1)])
    made = []
    while (row := queue.lease("forum", HOST)) is not None:
        request = found.request_of(row)
        made += [request.url] if request is not None else []
    assert made == [f"https://{HOST}/thread/1"]
    ((why, _, url),) = queue.skipped("forum")
    assert why.startswith("nothing new: ") and url == f"https://{HOST}/thread/2"
