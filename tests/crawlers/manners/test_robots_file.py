"""What robots.txt says, also where it is damaged, huge, or none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.manners.robots_file import MOST_BYTES, RobotsFile, decoded, looks_like_html

SITE = "https://a.example"
RULES = """User-agent: GPTBot
Disallow: /

User-agent: *
Disallow: /private/
Crawl-delay: 0.5
Request-rate: 1/2

Sitemap: https://a.example/sitemap.xml
"""


def test_the_group_of_all_holds_where_none_names_us() -> None:
    robots = RobotsFile.read(RULES.encode())
    assert robots.allows(f"{SITE}/t/1") and not robots.allows(f"{SITE}/private/1")
    assert robots.sitemaps == ("https://a.example/sitemap.xml",)


def test_a_group_that_names_us_holds_instead_of_that_of_all() -> None:
    robots = RobotsFile.read((RULES + "\nUser-agent: Tilth\nDisallow: /t/\nCrawl-delay: 3\n").encode())
    assert not robots.allows(f"{SITE}/t/1") and robots.allows(f"{SITE}/private/1") and robots.delay == 3


@pytest.mark.parametrize(
    ("said", "delay"),
    [
        ("Crawl-delay: 0.5\nRequest-rate: 1/2", 2),
        ("Crawl-delay: 5\nRequest-rate: 10/1m", 6),
        ("Crawl-delay: 10", 10),
        ("Request-rate: 2/1s", 0.5),
        ("Crawl-delay: -1", 0),
        ("Crawl-delay: inf", 0),
        ("Crawl-delay: nan\nRequest-rate: 0/5", 0),
        ("Crawl-delay: often\nRequest-rate: /", 0),
        ("", 0),
    ],
)
def test_the_delay_is_the_longer_of_crawl_delay_and_request_rate(said: str, delay: float) -> None:
    assert RobotsFile.read(f"User-agent: *\n{said}\n".encode()).delay == delay


@pytest.mark.parametrize(
    "coded",
    [
        RULES.encode(),
        b"\xef\xbb\xbf" + RULES.encode(),
        RULES.encode("utf-16"),
        RULES.replace("\n", "\r").encode(),
        RULES.replace("\n", "\0\n\0").encode(),
        RULES.encode() + "Disallow: /caf\xe9".encode("latin-1"),
    ],
    ids=["plain", "bom", "utf-16", "cr", "nul", "latin-1"],
)
def test_a_file_is_read_whatever_its_bytes(coded: bytes) -> None:
    robots = RobotsFile.read(coded)
    assert not robots.allows(f"{SITE}/private/1") and robots.allows(f"{SITE}/t/1")


def test_html_in_its_place_has_no_rules() -> None:
    page = b"<!DOCTYPE html><html><head><title>Not found</title></head><body><p>Disallow: /</p></body></html>"
    assert RobotsFile.read(page).allows(f"{SITE}/") and looks_like_html(page)


def test_what_stands_past_500_kib_is_not_read() -> None:
    robots = RobotsFile.read(b"User-agent: *\n" + b"#" * 500 * 1024 + b"\nDisallow: /\n")
    assert robots.allows(f"{SITE}/")


def test_many_names_and_many_rules_take_no_minutes() -> None:
    hostile = "\n".join(f"User-agent: bot{n}" for n in range(15_000)) + "\nDisallow: /a\n" * 11_000
    began = time.perf_counter()
    robots = RobotsFile.read((hostile + "\nUser-agent: *\nDisallow: /b\n").encode())
    assert time.perf_counter() - began < 5 and robots.allows(f"{SITE}/a")


@pytest.mark.parametrize("last", ["Disallow: /private/", "Disallow: /p", "Allow: /"])
def test_the_line_in_which_a_long_file_is_cut_is_no_rule(last: str) -> None:
    rules = f"User-agent: *\n{last}"
    cut = rules.rindex("/") + 1
    body = b"# \n" * ((MOST_BYTES - cut) // 3) + b"#" * ((MOST_BYTES - cut) % 3 - 1) + b"\n"
    body = body[len(body) - (MOST_BYTES - cut) :] + rules.encode() + b"x" * 1000
    robots = RobotsFile.read(body)
    assert robots.allows(f"{SITE}/page") and robots.allows(f"{SITE}/private/1")


@pytest.mark.parametrize("period", ["9" * 400, "9" * 400 + "d", "9" * 5000])
def test_a_rate_beyond_all_numbers_fails_no_page(period: str) -> None:
    robots = RobotsFile.read(f"User-agent: *\nRequest-rate: 1/{period}\nDisallow: /a\n".encode())
    assert (robots.delay > 1e300 or robots.delay == 0) and not robots.allows(f"{SITE}/a")


def test_bytes_that_are_no_utf_8_are_those_of_the_url() -> None:
    robots = RobotsFile.read("User-agent: *\nDisallow: /privé\nDisallow: /xéy\n".encode("latin-1"))
    allowed = {path: robots.allows(SITE + path) for path in ("/priv", "/priv%E9", "/privx", "/xy", "/x%e9y")}
    assert allowed == {"/priv": True, "/priv%E9": False, "/privx": True, "/xy": True, "/x%e9y": False}


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(body: bytes) -> None:
    RobotsFile.read(body).allows(f"{SITE}/x")
    assert "\0" not in decoded(body)
