"""What robots.txt says, also where it is damaged, huge, or none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from crawlers.manners.robots_file import RobotsFile, decoded, looks_like_html, only_groups_of, robots_for_agents

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


def test_for_each_agent_that_is_asked_about() -> None:
    assert robots_for_agents(RULES, f"{SITE}/t/1", ["GPTBot", "CCBot"]) == {"GPTBot": False, "CCBot": True}


NAMES = ["User-agent: *", "User-agent: tilth", "user agent tilth", "User-agent: GPTBot", "useragent:b*", "User-agent:"]
RULE_LINES = [
    "Disallow: /",
    "Disallow: /a",
    "Allow: /a/b",
    "Allow: /",
    "Crawl-delay: 4",
    "Sitemap: x",
    "",
    "# all",
    "?",
]
lines = st.lists(st.sampled_from(NAMES + RULE_LINES), max_size=25)


@given(lines, st.sampled_from(["/", "/a", "/a/b", "/c"]))
def test_leaving_the_names_of_others_out_changes_nothing_for_us(rows: list[str], path: str) -> None:
    text = "\n".join(rows)
    whole, ours = Protego.parse(text), Protego.parse(only_groups_of(text, ["tilth"]))
    assert ours.can_fetch(SITE + path, "tilth") == whole.can_fetch(SITE + path, "tilth")
    assert ours.crawl_delay("tilth") == whole.crawl_delay("tilth")
    assert list(ours.sitemaps) == list(whole.sitemaps)


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(body: bytes) -> None:
    RobotsFile.read(body).allows(f"{SITE}/x")
    assert "\0" not in decoded(body)
