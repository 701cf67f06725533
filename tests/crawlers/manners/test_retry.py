"""What is tried again, how often and when, and what goes to the spider after the last try."""

import itertools
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.manners.retry_after import retry_after
from tests.crawlers.manners.made_site import Crawled, Site, crawl, in_turn, say, sites


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def cut(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"<p>half")
    break_off(request)


def hang(_: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


ANSWERS = {
    "404": say(status=404),
    "403": say(status=403),
    "501": say(status=501),
    "408": say(status=408),
    "500": say(status=500),
    "502": say(status=502),
    "503": say(status=503),
    "504": say(status=504),
    "429": say(status=429),
    "waits": say(status=503, headers={"Retry-After": "1"}),
    "garbage": say(status=503, headers={"Retry-After": "when the cows come home"}),
    "flaky": in_turn(say(status=500), say(status=502), say()),
    "broken": break_off,
    "cut": cut,
    "hangs": hang,
}
TIMES = dict.fromkeys(ANSWERS, 3) | {"404": 1, "403": 1, "501": 1, "hangs": 1, "waits": 6}


@dataclass(frozen=True)
class Tried:
    made: dict[str, Site]
    done: Crawled
    refused: str


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """A site for each answer, and one crawl of them all; a port where nobody listens beside them."""
    with sites(*ANSWERS) as made, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        for name, answer in ANSWERS.items():
            made[name].answers["/x"] = answer
        urls = [site.url("/x") for site in made.values()] + [refused]
        frontier = tmp_path_factory.mktemp("retry") / "frontier.sqlite"
        yield Tried(made, crawl(*urls, frontier=frontier, RETRY_TIMES=2, DOWNLOAD_TIMEOUT=1.5), refused)


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_asked_for_so_often(tried: Tried, name: str) -> None:
    assert tried.made[name].count()["/x"] == TIMES[name]


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.isdigit()])
def test_the_last_answer_goes_to_the_spider_with_its_status(tried: Tried, name: str) -> None:
    outcome = tried.done.outcomes[tried.made[name].url("/x")]
    assert outcome["status"] == int(name) and outcome["tries"] == TIMES[name] - 1


def test_what_is_well_again_is_had(tried: Tried) -> None:
    assert tried.done.outcomes[tried.made["flaky"].url("/x")] == {"status": 200, "tries": 2, "robots": None}


@pytest.mark.parametrize(
    ("name", "error"),
    [("broken", "DownloadFailedError"), ("cut", "ResponseDataLossError"), ("hangs", "DownloadTimeoutError")],
)
def test_the_last_error_goes_to_the_spider(tried: Tried, name: str, error: str) -> None:
    assert tried.done.outcomes[tried.made[name].url("/x")]["error"] == error


def test_a_refused_connection_is_tried_again(tried: Tried) -> None:
    outcome = tried.done.outcomes[tried.refused]
    assert outcome["error"] == "DownloadConnectionRefusedError" and outcome["tries"] == 2


@pytest.mark.parametrize("name", ["500", "503", "429", "broken", "garbage"])
def test_the_pause_before_the_second_try_is_longer_than_that_before_the_first(tried: Tried, name: str) -> None:
    first, second, third = tried.made[name].times("/x")
    assert 0.4 < second - first < third - second


def test_retry_after_is_waited_for_each_time(tried: Tried) -> None:
    times = tried.made["waits"].times("/x")
    assert min(after - before for before, after in itertools.pairwise(times)) >= 1


@given(st.text() | st.integers().map(str) | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")))
def test_any_retry_after_is_seconds_to_come_or_none(said: str) -> None:
    seconds = retry_after({"Retry-After": said}, now=1_800_000_000.0)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120),
        ("Friday, 15-Jan-27 08:02:00 GMT", 120),
        ("Fri Jan 15 08:02:00 2027", 120),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("-120", None),
        ("120 s", None),
        ("", None),
        ("99999999999999999999999999, 99 Xyz 9999", None),
    ],
)
def test_both_forms_of_retry_after_are_read(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, now=1_800_000_000.0) == seconds
