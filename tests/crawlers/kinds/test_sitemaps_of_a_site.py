"""A sitemap source that starts at a site: what is asked of a real server, by what its robots.txt says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.crawl_spec import RightsSpec
from crawlers.kinds import read_source
from store.database import Store
from store.pages import pages
from tests.crawlers.manners.made_site import Site, in_turn, say, sites

NO_TDM = RightsSpec(tdmrep=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with sites("one") as made:
        yield made["one"]


def gather(project: Path, site: Site, **declared: Any) -> dict[str, str | None]:
    """The pages that a crawl of the site's sitemaps asked for, and their errors."""
    source = read_source({"name": "map", "kind": "sitemap", "start": [site.url("/")], **declared})
    with Store(project / "tilth.duckdb") as store:
        crawl(store, project, [source], contact="me@example.org", rights=NO_TDM)
        return {row["url"]: row["error"] for row in pages(store).to_pylist()}


def listing(site: Site, *paths: str) -> Any:
    return say("\n".join(map(site.url, paths)), kind="text/plain")


def test_the_sitemaps_that_robots_txt_names_are_asked_for_and_no_other(site: Site, tmp_path: Path) -> None:
    named = "".join(f"Sitemap: {site.url(path)}\n" for path in ("/maps/a.txt", "/maps/b.txt"))
    site.robots(f"{named}User-agent: *\nDisallow: /private\n")
    site.answers["/maps/a.txt"] = listing(site, "/1", "/private/1")
    site.answers["/maps/b.txt"] = listing(site, "/2")
    found = gather(tmp_path, site)
    assert found.pop(site.url("/private/1")) is not None
    assert found == dict.fromkeys(map(site.url, ("/maps/a.txt", "/maps/b.txt", "/1", "/2")))
    assert site.count() == dict.fromkeys(("/robots.txt", "/maps/a.txt", "/maps/b.txt", "/1", "/2"), 1)


def test_a_later_crawl_asks_for_them_again_however_lately_they_were_read(site: Site, tmp_path: Path) -> None:
    site.robots(f"Sitemap: {site.url('/map.txt')}\n")
    site.answers["/map.txt"] = in_turn(listing(site, "/1"), listing(site, "/1", "/2"))
    gather(tmp_path, site, recrawl_after="7d")
    found = gather(tmp_path, site, recrawl_after="7d")
    assert site.url("/2") in found
    assert site.count() == {"/robots.txt": 1, "/map.txt": 2, "/1": 1, "/2": 1}


@pytest.mark.parametrize("robots", [say("none", status=404), say("User-agent: *\nSitemap:\nAllow: /\n")])
def test_where_it_names_none_its_own_place_is_asked(site: Site, tmp_path: Path, robots: Any) -> None:
    site.answers["/robots.txt"] = robots
    site.answers["/sitemap.xml"] = listing(site, "/1")
    assert set(gather(tmp_path, site)) == set(map(site.url, ("/sitemap.xml", "/1")))


def test_a_robots_txt_that_comes_a_little_later_is_waited_for(site: Site, tmp_path: Path) -> None:
    there = say(f"Sitemap: {site.url('/map.txt')}\n", kind="text/plain")
    site.answers["/robots.txt"] = in_turn(say("busy", status=503), there)
    site.answers["/map.txt"] = listing(site, "/1")
    assert set(gather(tmp_path, site)) == set(map(site.url, ("/map.txt", "/1")))
    assert site.count()["/robots.txt"] == 2


def test_a_sitemap_on_another_host_is_gone_to_where_that_is_safe(site: Site, tmp_path: Path) -> None:
    with sites("other") as made:
        other = made["other"]
        site.robots(f"Sitemap: {other.url('/map.txt')}\n")
        found = gather(tmp_path, site)
        assert (found[other.url("/map.txt")] or "").startswith("unsafe: ")
        assert not other.asks


def test_a_sitemap_that_moved_is_followed_whatever_pages_are_allowed(site: Site, tmp_path: Path) -> None:
    site.answers["/sitemap.xml"] = say(status=301, headers={"Location": "/maps/all.txt"})
    site.answers["/maps/all.txt"] = listing(site, "/articles/1", "/about")
    found = gather(tmp_path, site, allow=["/articles/"])
    assert found == {site.url("/sitemap.xml"): None, site.url("/articles/1"): None}
