"""Files about a host: one flight for all who ask, kept for a day, and never more than 500 KiB."""

import gzip
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from crawlers.manners.host_files import root_of
from tests.crawlers.manners.made_site import Site, crawl, in_turn, say

TDM = "/.well-known/tdmrep.json"


@pytest.fixture
def frontier(tmp_path: Path) -> Path:
    return tmp_path / "frontier.sqlite"


def test_what_five_ask_for_at_once_is_fetched_once_and_once_a_day(site: Site, frontier: Path) -> None:
    site.answers[TDM] = say("[]")
    first = crawl(files=[site.url(TDM), site.url(TDM)], frontier=frontier)
    second = crawl(files=[site.url(TDM)], frontier=frontier)
    assert first.outcomes[site.url(TDM)] == [[200, "[]", None]] * 2
    assert second.outcomes[site.url(TDM)] == [[200, "[]", None]]
    assert site.count() == {TDM: 1}


def test_that_there_is_none_is_known_for_a_day_too(site: Site, frontier: Path) -> None:
    site.answers[TDM] = say("nothing here", status=404)
    for _ in range(2):
        assert crawl(files=[site.url(TDM)], frontier=frontier).outcomes[site.url(TDM)] == [[404, "", None]]
    assert site.count() == {TDM: 1}


def test_one_that_cannot_be_had_is_not_asked_for_by_every_page(site: Site, frontier: Path) -> None:
    def hang(_: BaseHTTPRequestHandler) -> None:
        time.sleep(2)

    site.answers[TDM] = hang
    done = crawl(files=[site.url(TDM)] * 3, frontier=frontier, DOWNLOAD_TIMEOUT=1)
    assert done.outcomes[site.url(TDM)] == [[None, "", "no whole answer within 1 s"]] * 3
    assert site.count() == {TDM: 1} and done.open_turns == 0


def test_robots_that_could_not_be_had_are_asked_for_again_only_after_a_pause(site: Site, frontier: Path) -> None:
    site.answers["/robots.txt"] = in_turn(say(status=500), say("User-agent: *"))
    url = site.url("/robots.txt")
    done = crawl(files=[url, url], frontier=frontier)
    assert done.outcomes[url] == [[500, "", "the server answered 500"]] * 2


def test_a_file_ends_at_500_kib(site: Site, frontier: Path) -> None:
    site.answers[TDM] = say(("x" * 99 + "\n") * 2**14)
    ((status, body, error),) = crawl(files=[site.url(TDM)], frontier=frontier).outcomes[site.url(TDM)]
    assert (status, len(body), error) == (200, 500 * 1024 // 100 * 100, None)


def test_a_packed_file_that_is_cut_ends_with_a_whole_line_too(site: Site, frontier: Path) -> None:
    packed = gzip.compress(("x" * 99 + "\n").encode() * 2**14, compresslevel=0)
    site.answers[TDM] = say(packed, headers={"Content-Encoding": "gzip"})
    ((status, body, error),) = crawl(files=[site.url(TDM)], frontier=frontier).outcomes[site.url(TDM)]
    assert (status, error) == (200, None)
    assert body.endswith("x\n") and 0 <= 500 * 1024 - len(body) < 2**16


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://A.example:443/x?y#z", "https://a.example"),
        ("http://user:word@a.example:8080/", "http://a.example:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_only_scheme_host_and_port_count(url: str, root: str) -> None:
    assert root_of(url) == root
