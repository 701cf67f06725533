"""Manners on the proving site: the delay that it asks for is kept, and so is Retry-After, over two crawls."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.browser.executable import BrowserMissing, find_browser
from crawlers.crawl import crawl
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.database import Store
from store.pages import pages
from tests.proving_site import POST, proving_site, stats

DELAY = 0.5


@pytest.fixture
def site(shared: Path) -> Iterator[str]:
    with proving_site(shared, posts=40, crawl_delay=DELAY) as url:
        yield url


def run(project: Path, *sources: dict[str, Any]) -> CrawlResult:
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, [read_source(POST | source) for source in sources], contact="me@example.org")


def asked(site: str) -> list[tuple[float, str]]:
    """When the site was asked for what."""
    return [(at, path) for at, path in stats(site)["times"]]


def test_two_crawls_keep_the_delay_and_retry_after_and_fetch_robots_once(site: str, tmp_path: Path) -> None:
    first = {
        "name": "first",
        "start": [site + "/busy", site + "/moved", site + "/t/1"],
        "max_depth": 0,
    }
    second = {"name": "second", "start": [site + f"/t/{n}" for n in range(2, 5)], "max_depth": 0}
    run(tmp_path, first)
    run(tmp_path, second)
    times = asked(site)
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(times)]
    assert min(gaps) >= 0.95 * DELAY
    busy = [at for at, path in times if path == "/busy"]
    assert len(busy) == 2 and busy[1] - busy[0] >= 2
    assert not [path for at, path in times if busy[0] < at < busy[0] + 2]
    assert [path for _, path in times].count("/robots.txt") == 1
    with Store(tmp_path / "tilth.duckdb") as store:
        assert {row["status"] for row in pages(store).to_pylist()} == {200}


def test_pages_in_the_browser_and_over_http_keep_the_delay_together(site: str, tmp_path: Path) -> None:
    try:
        find_browser()
    except BrowserMissing as missing:
        pytest.skip(str(missing))
    drawn = {"name": "drawn", "start": [site + "/app"], "render": "browser", "max_depth": 0}
    fetched = {"name": "fetched", "start": [site + f"/t/{n}" for n in range(6)], "max_depth": 0}
    run(tmp_path, drawn, fetched)
    times = asked(site)
    paths = [path for _, path in times]
    assert "/app" in paths and "/api/posts?page=1" in paths and "/t/5" in paths
    assert min(after - before for (before, _), (after, _) in itertools.pairwise(times)) >= 0.95 * DELAY
