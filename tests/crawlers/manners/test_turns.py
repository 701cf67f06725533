"""Scrapy's requests take turns, and none is lost, whatever becomes of them."""

import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from crawlers.frontier.file import Frontier
from tests.crawlers.manners.made_site import Site, crawl, in_turn, say


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def hang(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"<p>")
    request.wfile.flush()
    time.sleep(6)


def test_no_turn_is_open_after_answers_errors_redirects_timeouts_and_broken_connections(site: Site) -> None:
    site.answers |= {
        "/gone": say(status=404),
        "/broken": break_off,
        "/hang": hang,
        "/moved": say(status=302, headers={"Location": "/there"}),
        "/loop": say(status=302, headers={"Location": "/loop"}),
    }
    paths = ["/", "/gone", "/broken", "/hang", "/moved", "/loop", "/last"]
    done = crawl(*map(site.url, paths), DOWNLOAD_TIMEOUT=1, RETRY_TIMES=1)
    assert done.open_turns == 0
    assert set(done.outcomes) == set(map(site.url, paths))
    assert done.outcomes[site.url("/last")]["status"] == 200


def test_a_host_gets_no_more_requests_at_once_than_it_may(site: Site) -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.1)
        say()(request)

    for n in range(12):
        site.answers[f"/{n}"] = slow
    crawl(*(site.url(f"/{n}") for n in range(12)), CONCURRENT_REQUESTS_PER_DOMAIN=2)
    assert site.most_at_once == 2


def test_retry_after_holds_back_every_page_of_the_host(site: Site) -> None:
    site.answers["/busy"] = in_turn(say(status=429, headers={"Retry-After": "2"}), say())
    done = crawl(*map(site.url, ["/busy", "/a", "/b", "/c", "/d", "/e"]), CONCURRENT_REQUESTS_PER_DOMAIN=1)
    busy = site.times("/busy")
    assert done.outcomes[site.url("/busy")] == {"status": 200, "tries": 1, "robots": None}
    assert busy[1] - busy[0] >= 2
    assert not [path for at, path in site.asks if busy[0] < at < busy[0] + 2]


def test_no_turn_is_open_after_requests_were_given_up_on_the_wire_and_in_the_queue(site: Site) -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        time.sleep(2 if request.path == "/last" else 0.6)
        say()(request)

    site.answers["/last"] = slow
    for n in range(6):
        site.answers[f"/slow/{n}"] = slow
    given_up = [site.url(f"/slow/{n}") for n in range(6)]
    done = crawl(site.url("/last"), cancelled=given_up, CONCURRENT_REQUESTS_PER_DOMAIN=2, AUTOTHROTTLE_START_DELAY=0.5)
    assert done.open_turns == 0 and done.outcomes[site.url("/last")]["status"] == 200
    assert site.most_at_once <= 2


def test_a_page_whose_turn_is_far_off_goes_back_to_the_frontier_and_others_go_on(
    site: Site, other_site: Site, tmp_path: Path
) -> None:
    frontier = tmp_path / "frontier.sqlite"
    site.answers["/first"] = say(status=503, headers={"Retry-After": "7200"})
    done = crawl(
        site.url("/first"), site.url("/later"), other_site.url("/"), frontier=frontier, CONCURRENT_REQUESTS_PER_DOMAIN=1
    )
    assert set(done.outcomes) == {other_site.url("/")} and "2 hours" in done.closed[site.host]
    with Frontier(frontier) as kept:
        rows = kept.read("SELECT state FROM requests WHERE host = ?", [site.host])
    assert [row["state"] for row in rows] == ["queued", "queued"]
    again = crawl(frontier=frontier)
    assert again.outcomes == {} and site.host in again.closed and site.count() == {"/first": 1}
