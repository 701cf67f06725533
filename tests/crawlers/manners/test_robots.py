"""robots.txt as hosts really serve it, and what a crawl makes of it."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from crawlers.frontier.file import Frontier
from tests.crawlers.manners.made_site import Answer, Crawled, Site, crawl, crawling, in_turn, say, sites

OBEY = {"crawlers.manners.robots.RobotsAndDelay": 100}
ALL_BUT_PRIVATE = "User-agent: *\nDisallow: /private\n"


@pytest.fixture
def frontier(tmp_path: Path) -> Path:
    return tmp_path / "frontier.sqlite"


def obey(*urls: str, frontier: Path, **settings: Any) -> Crawled:
    return crawl(*urls, frontier=frontier, MIDDLEWARES=OBEY, **settings)


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def hang(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"User-agent: *\nAllow: /\n")
    request.wfile.flush()
    time.sleep(3)


def huge(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "text/plain")
    request.send_header("Content-Length", str(100 * 2**20))
    request.end_headers()
    request.wfile.write(ALL_BUT_PRIVATE.encode())
    for _ in range(100):
        request.wfile.write(b"# and so on\n" * (2**20 // 12))


def test_what_it_disallows_is_not_asked_for_and_verdicts_are_noted(site: Site, frontier: Path) -> None:
    site.robots(ALL_BUT_PRIVATE)
    done = obey(site.url("/"), site.url("/private/1"), frontier=frontier)
    assert done.outcomes[site.url("/")] == {"status": 200, "tries": 0, "robots": "allowed"}
    assert done.outcomes[site.url("/private/1")]["error"] == "DisallowedByRobots"
    assert done.outcomes[site.url("/private/1")]["robots"] == "disallowed"
    assert site.count() == {"/robots.txt": 1, "/": 1}


STRANGE: dict[str, tuple[Answer, str, int | str]] = {
    "404": (say(status=404), "none", 200),
    "403": (say("go away", status=403), "none", 200),
    "html": (say(b"<!doctype html><p>Disallow: /</p>"), "none", 200),
    "empty": (say(b""), "allowed", 200),
    "100 MB": (huge, "allowed", "DisallowedByRobots"),
    "byte order mark": (say("\ufeff" + ALL_BUT_PRIVATE), "allowed", "DisallowedByRobots"),
    "endless redirects": (say(status=302, headers={"Location": "/robots.txt"}), "none", 200),
    "a redirect to a file": (say(status=302, headers={"Location": "file:///etc/passwd"}), "none", 200),
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Site], Crawled]]:
    """A site for each strange file, and one crawl of them all."""
    with sites(*STRANGE) as made:
        for name, (answer, _, _) in STRANGE.items():
            made[name].answers["/robots.txt"] = answer
        urls = [site.url(path) for site in made.values() for path in ("/", "/private/1")]
        yield made, obey(*urls, frontier=tmp_path_factory.mktemp("strange") / "frontier.sqlite")


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_file_does_not_stop_the_crawl(strange: tuple[dict[str, Site], Crawled], name: str) -> None:
    (made, done), (_, verdict, private) = strange, STRANGE[name]
    site = made[name]
    assert done.outcomes[site.url("/")] == {"status": 200, "tries": 0, "robots": verdict}
    outcome = done.outcomes[site.url("/private/1")]
    assert outcome.get("status", outcome.get("error")) == private
    assert site.count()["/robots.txt"] <= 6 and done.open_turns == 0


def test_up_to_five_redirects_are_followed_also_to_another_host(site: Site, other_site: Site, frontier: Path) -> None:
    for n in range(4):
        site.answers["/robots.txt" if n == 0 else f"/r{n}"] = say(status=301, headers={"Location": f"/r{n + 1}"})
    site.answers["/r4"] = say(status=301, headers={"Location": other_site.url("/theirs")})
    other_site.answers["/theirs"] = say(ALL_BUT_PRIVATE)
    done = obey(site.url("/private/1"), frontier=frontier)
    assert done.outcomes[site.url("/private/1")]["error"] == "DisallowedByRobots"
    assert other_site.count() == {"/theirs": 1}


def test_pages_wait_in_the_queue_while_it_cannot_be_had(site: Site, frontier: Path) -> None:
    site.answers["/robots.txt"] = in_turn(break_off, say(status=503), say(status=500), say(ALL_BUT_PRIVATE))
    done = obey(site.url("/"), site.url("/1"), site.url("/private/1"), frontier=frontier)
    assert done.outcomes[site.url("/")] == {"status": 200, "tries": 0, "robots": "allowed"}
    assert done.outcomes[site.url("/private/1")]["error"] == "DisallowedByRobots"
    asked = site.times("/robots.txt")
    assert len(asked) == 4 and asked[1] - asked[0] >= 1 and asked[2] - asked[1] >= 2 and asked[3] - asked[2] >= 4
    assert min(at for at, path in site.asks if path != "/robots.txt") > asked[3]


def test_a_host_whose_file_cannot_be_had_is_left_for_the_next_crawl(site: Site, frontier: Path) -> None:
    troubles = {"503": say(status=503), "429": say(status=429), "hangs": hang, "broken": break_off}
    with sites(*troubles) as made:
        for name, answer in troubles.items():
            made[name].answers["/robots.txt"] = answer
        urls = sorted(one.url(path) for one in made.values() for path in ("/", "/1"))
        done = obey(*urls, site.url("/"), frontier=frontier, MANNERS_PATIENCE=2, DOWNLOAD_TIMEOUT=1)
        assert set(done.outcomes) == {site.url("/")}
        for one in made.values():
            assert "robots.txt could not be had" in done.closed[one.host] and done.closed[one.host] in done.said
            assert set(one.count()) == {"/robots.txt"}
        with Frontier(frontier) as kept:
            rows = kept.read("SELECT url FROM requests WHERE state = 'queued' ORDER BY url")
            assert [row["url"] for row in rows] == urls

        for one in made.values():
            one.robots(ALL_BUT_PRIVATE)
        again = obey(frontier=frontier)
        assert {url: said["status"] for url, said in again.outcomes.items()} == dict.fromkeys(urls, 200)


def test_a_redirect_to_a_host_that_is_left_does_not_keep_the_crawl_waiting(
    site: Site, other_site: Site, frontier: Path
) -> None:
    site.answers["/moved"] = say(status=302, headers={"Location": other_site.url("/there")})
    other_site.robots("", status=503)
    done = obey(site.url("/moved"), site.url("/1"), frontier=frontier, MANNERS_PATIENCE=1)
    assert done.outcomes[site.url("/moved")]["error"] == "OutOfScope"
    assert done.outcomes[site.url("/1")]["status"] == 200 and set(other_site.count()) == {"/robots.txt"}


def test_it_is_fetched_once_a_day_by_two_crawls(site: Site, frontier: Path) -> None:
    site.robots(ALL_BUT_PRIVATE)
    obey(site.url("/1"), site.url("/2"), frontier=frontier)
    done = obey(site.url("/3"), site.url("/private/1"), frontier=frontier)
    assert done.outcomes[site.url("/private/1")]["error"] == "DisallowedByRobots"
    assert site.count()["/robots.txt"] == 1


@pytest.mark.parametrize("age", [86_401, -3600], ids=["yesterday's", "one of the future"])
def test_it_is_fetched_again_after_a_day_and_when_the_clock_went_back(site: Site, frontier: Path, age: float) -> None:
    site.robots("User-agent: *\nDisallow: /\n")
    obey(site.url("/1"), frontier=frontier)
    with Frontier(frontier) as kept:
        kept.write("UPDATE host_files SET fetched_at = ?", [time.time() - age])
    site.robots(ALL_BUT_PRIVATE)
    done = obey(site.url("/2"), frontier=frontier)
    assert done.outcomes[site.url("/2")]["status"] == 200 and site.count()["/robots.txt"] == 2


@pytest.mark.parametrize("rule", ["Crawl-delay: 0.3", "Request-rate: 10/3s"])
def test_the_server_sees_no_gap_under_the_delay(site: Site, frontier: Path, rule: str) -> None:
    site.robots(f"User-agent: *\n{rule}\n")
    site.answers["/moved"] = say(status=302, headers={"Location": "/there"})
    site.answers["/busy"] = in_turn(say(status=503), say())
    paths = ["/1", "/2", "/moved", "/busy", "/3", "/4"]
    done = obey(*map(site.url, paths), frontier=frontier)
    assert {said["status"] for said in done.outcomes.values()} == {200} and len(done.outcomes) == len(paths)
    assert site.most_at_once == 1 and site.smallest_gap() >= 0.3 * 0.95


def test_a_restart_at_once_after_a_kill_does_not_hurry_the_host(site: Site, frontier: Path) -> None:
    site.robots("User-agent: *\nCrawl-delay: 2\n")
    with crawling(*(site.url(f"/{n}") for n in range(3)), frontier=frontier, MIDDLEWARES=OBEY) as process:
        while len(site.asks) < 2:
            time.sleep(0.005)
        process.kill()
    done = obey(frontier=frontier)
    assert site.smallest_gap() >= 2 * 0.95
    assert site.count()["/robots.txt"] == 1 and {"/0", "/1", "/2"} <= set(site.count())
    assert {said["status"] for said in done.outcomes.values()} == {200}


def test_the_user_agent_names_us_to_robots_too(site: Site, frontier: Path) -> None:
    obey(site.url("/"), frontier=frontier)
    assert site.agents == {"tilth/test"}
