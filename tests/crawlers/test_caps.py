"""Caps: which URLs are of one pattern, when a pattern is closed, and what is left alone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.caps import DRY_PAGES, Caps, pattern_of
from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Queue, Wanted
from crawlers.kinds import read_source
from crawlers.page import FoundRecord

SITE = "https://a.example"


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


def caps(frontier: Frontier, **declared: Any) -> Caps:
    return Caps(frontier, read_source({"name": "forum", "start": [SITE + "/"], **declared}))


def wanted(path: str) -> Wanted:
    return Wanted("forum", SITE + path, "a.example")


def months(found: Caps, count: int, *, text: str | None = None, leads_to: str | None = None) -> None:
    for month in range(count):
        links = [f"{SITE}/calendar?m={month + 1}"] + ([SITE + leads_to.format(month)] if leads_to else [])
        records = [FoundRecord(0, None, text.format(month), {})] if text else []
        found.learn(f"{SITE}/calendar?m={month}", links, records)


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("/t/17", "a.example/t/0"),
        ("/2026/03/04/spring", "a.example/0/0/0/spring"),
        ("/list?page=3&sort=up", "a.example/list?page&sort"),
        ("/list?sort=up&page=3", "a.example/list?page&sort"),
        ("/about", None),
    ],
)
def test_urls_that_differ_in_numbers_and_values_are_of_one_pattern(url: str, pattern: str | None) -> None:
    assert pattern_of(SITE + url) == pattern


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_number_does_not_change_the_pattern(one: int, other: int) -> None:
    assert pattern_of(f"{SITE}/t/{one}?p={one}") == pattern_of(f"{SITE}/t/{other}?p={other}")


def test_a_calendar_without_end_is_closed(frontier: Frontier) -> None:
    found = caps(frontier)
    months(found, DRY_PAGES - 1)
    assert found.judge(wanted("/calendar?m=99")) is None
    months(found, 1)
    assert (found.judge(wanted("/calendar?m=100")) or "").startswith("nothing new: ")
    assert found.closed(f"{SITE}/calendar?m=101") is not None and found.closed(f"{SITE}/t/1") is None


def test_that_a_pattern_is_closed_is_known_to_the_next_crawl(frontier: Frontier) -> None:
    months(caps(frontier), DRY_PAGES)
    assert caps(frontier).closed(f"{SITE}/calendar?m=1") is not None


def test_pages_that_say_the_same_words_again_are_nothing_new(frontier: Frontier) -> None:
    found = caps(frontier)
    months(found, DRY_PAGES + 1, text="Nothing on.")
    assert found.closed(f"{SITE}/calendar?m=1") is not None


@pytest.mark.parametrize("new", [{"text": "words of {}"}, {"leads_to": "/event/of-{}"}])
def test_pages_that_say_something_new_or_lead_elsewhere_keep_a_pattern_open(
    frontier: Frontier, new: dict[str, str]
) -> None:
    found = caps(frontier)
    months(found, 3 * DRY_PAGES, **new)
    assert found.closed(f"{SITE}/calendar?m=1") is None


def test_no_more_of_a_pattern_is_taken_than_the_source_says(frontier: Frontier) -> None:
    found = caps(frontier, max_per_pattern=3)
    judged = Queue(frontier).add([wanted(f"/t/{n}") for n in range(5)], judge=found.judge)
    assert judged == [True, True, True, False, False]
    ((why, count, _),) = Queue(frontier).skipped("forum")
    assert why == "max_per_pattern: over 3 URLs like a.example/t/0" and count == 2


def test_no_more_query_strings_of_a_path_are_taken_than_the_source_says(frontier: Frontier) -> None:
    found = caps(frontier, max_query_variants=2)
    words = ("red", "green", "blue", "black")
    judged = Queue(frontier).add([wanted(f"/search?q={word}") for word in words], judge=found.judge)
    assert judged == [True, True, False, False]


def test_what_is_known_is_not_counted_twice(frontier: Frontier) -> None:
    found, queue = caps(frontier, max_per_pattern=2), Queue(frontier)
    for _ in range(3):
        queue.add([wanted("/t/1")], judge=found.judge)
    assert queue.add([wanted("/t/2")], judge=found.judge) == [True]
