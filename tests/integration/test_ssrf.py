"""No attempt to lead a crawl inside reaches anything: over HTTP, in the browser, by name, redirect or resource."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

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
