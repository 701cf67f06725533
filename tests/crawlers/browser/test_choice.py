"""What `render = "auto"` learns, from what, and what teaches it nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.browser.choice import EVERY, FAILURES, FIRST_PAGES, Choices, Reading, evidence
from crawlers.browser.template import skeleton, url_pattern
from crawlers.frontier.file import Frontier

SHELL = b"<html><body><div id=app></div></body></html>"
FULL = b"<html><body><main class=thread><p>text</p></main></body></html>"
MUCH, LITTLE = Reading(5, 900, 10), Reading(0, 0, 10)
URL = "https://forum.example/t/{}"


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


def taught(frontier: Frontier, http: Reading, browser: Reading, html: bytes = SHELL) -> Choices:
    choices = Choices(frontier, now=lambda: 7.0)
    for n in range(FIRST_PAGES):
        assert choices.choose("forum", URL.format(n)) == "both"
        choices.learn("forum", URL.format(n), html, http, browser)
    return choices


def test_pages_that_the_browser_gives_more_of_are_drawn_and_the_others_are_not(frontier: Frontier) -> None:
    choices = taught(frontier, LITTLE, MUCH)
    assert choices.choose("forum", URL.format(99)) == "browser"
    assert choices.choose("other", URL.format(99)) == "both"
    assert choices.choose("forum", "https://forum.example/about") == "both"
    choices = Choices(frontier)
    for n in range(FIRST_PAGES):
        choices.learn("plain", URL.format(n), FULL, MUCH, MUCH)
    assert choices.choose("plain", URL.format(99)) == "http"
    assert not choices.needs_browser("plain", URL.format(99), FULL)


def test_one_page_of_the_first_few_that_needs_the_browser_decides(frontier: Frontier) -> None:
    choices = Choices(frontier)
    for n, drawn in enumerate([MUCH, Reading(6, 950, 10), MUCH]):
        choices.learn("forum", URL.format(n), FULL, MUCH, drawn)
    assert choices.choose("forum", URL.format(9)) == "browser"


@pytest.mark.parametrize(
    ("http", "browser", "more"),
    [
        (Reading(1, 1000, 5), Reading(1, 1005, 5), False),
        (Reading(1, 1000, 5), Reading(1, 1500, 5), True),
        (Reading(1, 0, 5), Reading(1, 30, 5), False),
        (Reading(5, 100, 5), Reading(4, 900, 50), False),
        (Reading(0, 0, 2), Reading(0, 0, 30), True),
        (Reading(0, 0, 20), Reading(0, 0, 21), False),
    ],
)
def test_more_is_records_or_clearly_more_text_or_links(http: Reading, browser: Reading, more: bool) -> None:
    assert browser.gives_more_than(http) is more


def test_what_was_learnt_is_known_after_a_restart_with_its_evidence(frontier: Frontier) -> None:
    taught(frontier, LITTLE, MUCH)
    assert Choices(frontier).choose("forum", URL.format(99)) == "browser"
    (found,) = evidence(frontier, "forum")
    assert found.template == f"forum.example/t/{{n}}#{skeleton(SHELL)}" and found.total == FIRST_PAGES
    assert (found.decision, found.compared[0].http, found.compared[0].browser) == ("browser", LITTLE, MUCH)
    assert [each.url for each in found.compared] == [URL.format(n) for n in range(FIRST_PAGES)]
    assert found.compared[0].at == 7.0


def test_failures_teach_nothing_and_are_met_less_often_after_some(frontier: Frontier) -> None:
    choices = Choices(frontier)
    for n in range(FAILURES):
        assert choices.choose("forum", URL.format(n)) == "both"
        choices.failed("forum", URL.format(n))
    assert evidence(frontier, "forum") == []
    ways = [choices.choose("forum", URL.format(n)) for n in range(40)]
    assert ways.count("both") == 4 and ways.count("http") == 36
    assert Choices(frontier).choose("forum", URL.format(1)) == "both"


def test_a_look_now_and_then_notices_that_a_site_has_changed(frontier: Frontier) -> None:
    choices = taught(frontier, MUCH, MUCH)
    ways = [choices.choose("forum", URL.format(n)) for n in range(2 * EVERY)]
    assert ways.count("both") == 2 and ways.count("http") == 2 * EVERY - 2
    choices.learn("forum", URL.format(1), SHELL, LITTLE, MUCH)
    assert choices.choose("forum", URL.format(2)) == "browser"


def test_a_page_of_a_known_address_but_another_shape_is_looked_at_both_ways(frontier: Frontier) -> None:
    choices = taught(frontier, MUCH, MUCH, html=FULL)
    assert choices.choose("forum", URL.format(9)) == "http"
    assert choices.needs_browser("forum", URL.format(9), SHELL)
    for n in range(FIRST_PAGES):
        choices.learn("forum", URL.format(n), SHELL, LITTLE, MUCH)
    assert choices.choose("forum", URL.format(9)) == "http", "which shape it has shows when it is there"
    assert choices.needs_browser("forum", URL.format(9), SHELL)
    assert not choices.needs_browser("forum", URL.format(9), FULL)


def test_evidence_that_cannot_be_read_is_gathered_again(frontier: Frontier) -> None:
    frontier.write("INSERT INTO templates VALUES ('forum', 'forum.example/t/{n}#x', 'not json')")
    assert evidence(frontier, "forum") == []
    assert Choices(frontier).choose("forum", URL.format(1)) == "both"


def test_pages_of_one_kind_have_one_pattern() -> None:
    assert url_pattern("https://A.example/t/12-how-to?page=3&b=1") == url_pattern("https://a.example/t/9?b=x&page=4")
    assert url_pattern("https://a.example/t/how-to-cook-beans") == url_pattern("https://a.example/t/what-else-is-new")
    assert url_pattern("https://a.example/t/1") != url_pattern("https://a.example/u/1")
    assert url_pattern("https://a.example/about") != url_pattern("https://a.example/contact")


def test_a_skeleton_is_of_the_furniture_and_not_of_the_text() -> None:
    one = b"<body><ul class='list x'><li id=a1>one<li id=a2>two</ul><script>1</script></body>"
    many = b"<body><ul class='x list'><li id=a9>more<li>other<li>words</ul></body>"
    assert skeleton(one) == skeleton(many)
    assert skeleton(one) != skeleton(SHELL)
