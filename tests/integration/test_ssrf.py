"""No attempt to lead a crawl inside reaches anything: over HTTP, in the browser, by name, redirect or resource."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store
from store.pages import pages
from tests.integration.ssrf import FAR, HOSTS, Attacker, Inside, attacking, inside, moves
from tests.integration.ssrf_runs import browse, crawl_the


@pytest.fixture
def nobodys() -> Iterator[Inside]:
    with inside() as places:
        yield places


@pytest.fixture
def site(nobodys: Inside) -> Iterator[Attacker]:
    with attacking(nobodys.target) as attacker:
        yield attacker


def test_nothing_that_a_page_asks_for_gets_past_the_egress(site: Attacker, nobodys: Inside) -> None:
    seen = asyncio.run(browse(site, [site.url]))
    assert nobodys.visits == 0
    assert not [url for url in seen.urls if url.startswith(("file:", "view-source:", "chrome://version"))]
    assert len(seen.refused) >= 20
    assert site.asked["/resources"] and all(site.asked[f"/move/{name}"] for name in moves(site.target))


def test_a_crawl_over_http_is_led_nowhere(site: Attacker, nobodys: Inside, tmp_path: Path) -> None:
    kept = crawl_the(site, tmp_path / "project", "http")
    assert nobodys.visits == 0
    assert kept[f"{site.url}/"]["error"] is None
    errors = {url: row["error"] for url, row in kept.items() if row["error"]}
    unsafe = [url for url, error in errors.items() if error.startswith("unsafe: ")]
    assert len(unsafe) >= 2 * len(HOSTS) // 3 + len(FAR)
    assert {f"{site.url}/redirect/302", f"{site.url}/chain/3", f"{site.url}/refresh", FAR[0]} <= set(unsafe)


def test_a_crawl_in_the_browser_is_led_nowhere(site: Attacker, nobodys: Inside, tmp_path: Path) -> None:
    project = tmp_path / "project"
    paths = ["/resources", "/scripts", "/hosts", "/move/location", "/move/post", "/move/open", "/move/file"]
    kept = crawl_the(site, project, "browser", paths)
    assert nobodys.visits == 0
    assert {url for url in kept if url.startswith(site.url)} >= {site.url + path for path in paths}
    warc = b"".join(path.read_bytes() for path in (project / "warc").glob("*"))
    assert b"root:x:0" not in warc


@pytest.mark.parametrize("render", ["http", "browser"])
def test_the_inside_of_the_proving_site_is_not_visited(shared: Path, tmp_path: Path, render: str) -> None:
    with proving_site(shared, posts=30) as url:
        declared = {"name": "forum", "start": [f"{url}/inside", f"{url}/metadata", f"{url}/t/1"], "allow": ["^http"]}
        with Store(tmp_path / "tilth.duckdb") as store:
            crawl(store, tmp_path, [read_source(declared | {"render": render})], contact="me@example.org")
            errors = {row["url"].removeprefix(url): row["error"] for row in pages(store).to_pylist()}
        assert json.loads(urllib.request.urlopen(f"{url}/__stats", timeout=10).read())["inside"] == 0
    assert errors["/t/1"] is None
    assert errors["/inside"].startswith("unsafe: 127.0.0.1:")
    assert errors["/metadata"].startswith("unsafe: 169.254.169.254:80 is where a cloud machine keeps its secrets;")


@contextmanager
def proving_site(shared: Path, *, posts: int) -> Iterator[str]:
    """The proving site, until the block ends."""
    program, rows = shared / "sites" / "proving_site.py", shared / "data" / "banking77" / "train.csv"
    if not program.is_file() or not rows.is_file():
        pytest.skip(f"needs the proving site in {shared}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--data", rows, "--port", str(port), "--limit", str(posts), "--crawl-delay", "0"]
    with subprocess.Popen([sys.executable, program, *options], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
