"""Manners on the proving site: the delay that it asks for is kept, and so is Retry-After, over two crawls."""

import itertools
import socket
import time
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
from tests.crawlers.safety.servers import listening
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


def test_a_server_that_ends_the_connections_that_were_kept_costs_another_turn_and_no_page(tmp_path: Path) -> None:
    def once(connection: socket.socket, head: bytes) -> None:
        """Answer as if the connection would last, and end it at the next request."""
        times.append(time.monotonic())
        path = head.split(b" ")[1]
        body = b"User-agent: *\nCrawl-delay: 0.3\n" if path == b"/robots.txt" else b"<title>a</title><p>a page</p>"
        kind = b"text/plain" if path == b"/robots.txt" else b"text/html"
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body)
        )
        if connection.recv(65_536):
            times.append(time.monotonic())

    times: list[float] = []
    with listening(once) as server:
        starts = [f"http://127.0.0.1:{server.port}/{number}" for number in range(4)]
        source = {"name": "kept", "start": starts, "max_depth": 0}
        with Store(tmp_path / "tilth.duckdb") as store:
            crawl(store, tmp_path, [read_source(source)], contact="me@example.org")
            errors = {row["error"] for row in pages(store).to_pylist()}
            assert errors == {None} and pages(store).num_rows == 4
    assert len(times) >= 8  # robots.txt, the TDM file, four pages, and what was sent in vain
    assert min(after - before for before, after in itertools.pairwise(times)) >= 0.95 * 0.3
