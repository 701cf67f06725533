"""What a crawl came to, and what a person is told to do about it."""

import re
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawlers import outcome as outcome_module
from crawlers.drain import Drained
from crawlers.frontier.outbox import Waiting
from crawlers.kinds import read_source
from crawlers.outcome import Outcome, SourceTally, Trouble
from crawlers.remedies import REMEDIES, of_start

CRAWLERS = Path(outcome_module.__file__).parent
NO_PAGE_ERRORS = {"killed", "lost", "scope"}
"""Kinds of reasons for which a URL is left alone; they are told with the URL."""
FORUM = {
    "name": "forum",
    "start": ["http://forum.example/"],
    "item": "article",
    "fields": {"text": "p"},
    "follow": "a",
}
TALLY: dict[str, Any] = {"items": 0, "empty": 0, "unmatched": {}, "role": "page"}


def page(path: str, error: str | None = None, *, depth: int = 1, **more: Any) -> dict[str, Any]:
    told = {"url": f"http://forum.example/{path}", "error": error, "depth": depth, "status": 200, "robots": None}
    return told | more


def heard(*pages: dict[str, Any], **declared: Any) -> list[Trouble]:
    """What is told of a crawl of these pages."""
    outcome = Outcome("run", [read_source(FORUM | declared)])
    waiting = [Waiting(place, "run", "id", one, TALLY, ()) for place, one in enumerate(pages)]
    outcome.hear(Drained("forum", waiting, 0, 0))
    return list(outcome.result(1.0).troubles)


def test_every_kind_of_page_error_has_a_sentence_of_what_to_do() -> None:
    kinds = set()
    for path in CRAWLERS.rglob("*.py"):
        errors = re.finditer(
            r"(?:Extraction\(error=|error = |return |PageEnd\(|notes?\.append\(|note = |error=|said = )"
            r'\[?f?"([a-z][a-z0-9-]+): ',
            path.read_text(encoding="utf-8"),
        )
        kinds |= {found[1] for found in errors}
    assert len(kinds) > 15, "the errors are written in another way by now"
    assert kinds - NO_PAGE_ERRORS <= set(REMEDIES)


def test_no_remedy_ends_a_sentence_or_begins_one() -> None:
    assert all(said and said[0].islower() and said[-1] not in ".;" for said in REMEDIES.values())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "browser: it has died",
            "could not be had: it has died; crawl again; if the browser dies again, run: tilth doctor.",
        ),
        (
            'item: item "posts" finds nothing, not a list',
            'was answered, but item "posts" finds nothing, not a list; write as item the path of the list of items.',
        ),
        (
            'item: item "posts" finds nothing, not a list; lists in it are: data',
            'was answered, but item "posts" finds nothing, not a list; lists in it are: data.',
        ),
        ("not-json: it is HTML", "is not JSON: it is HTML; name an address that answers JSON."),
        ("status: the server answered 404", "answered 404; check the address."),
        (
            "unsafe: forum.example:80 is at 169.254.169.254, which is where a cloud machine keeps its secrets; "
            'if it belongs to the source, add hosts = ["forum.example:80"] to it',
            "could not be had: forum.example:80 is at 169.254.169.254, which is where a cloud machine keeps its "
            "secrets; no name may lead there; where that machine is meant, write its address itself.",
        ),
        (
            "unsafe: inside:80 is at 10.0.0.1, which is private; if it belongs to the source, "
            'add hosts = ["inside:80"] to it',
            "could not be had: inside:80 is at 10.0.0.1, which is private; if it belongs to the source, "
            'add hosts = ["inside:80"] to it.',
        ),
        (
            "proxy: the proxy http://p:1 leads to a server that cannot prove who it is: it has expired",
            "could not be had: the proxy http://p:1 leads to a server that cannot prove who it is: it has expired; "
            "check [proxies], for the proxy may have answered in its place.",
        ),
        ("new-kind: nobody knows", "could not be had: nobody knows; open it in a browser to see why."),
    ],
)
def test_a_start_page_that_could_not_be_had_says_what_to_do_once(error: str, told: str) -> None:
    assert of_start("http://forum.example/", error) == told


@pytest.mark.parametrize("kind", ["wait-for", "steps", "load"])
def test_a_start_page_that_was_drawn_if_not_as_told_was_had(kind: str) -> None:
    assert not any(trouble.refused for trouble in heard(page("", f"{kind}: nothing came", depth=0)))


def test_a_page_that_the_store_could_not_take_is_told() -> None:
    outcome = Outcome("run", [])
    outcome.hear(
        Drained("forum", (), 0, 0, {"http://forum.example/1": "the store cannot take what it gave (TypeError)"})
    )
    (trouble,) = outcome.result(1.0).troubles
    assert trouble.message.startswith('source "forum": http://forum.example/1 was fetched, but the store cannot take')
    assert trouble.message.endswith("its bytes are kept, and the next crawl reads it again.")


def test_pages_that_ask_for_no_link_to_be_followed_are_told() -> None:
    outcome = Outcome("run", [read_source(FORUM)])
    waiting = [
        Waiting(n, "run", "id", page(f"{n}", depth=n), TALLY | {"items": 1, "nofollow": n < 2}, ()) for n in range(3)
    ]
    outcome.hear(Drained("forum", waiting, 0, 0))
    (trouble,) = outcome.result(1.0).troubles
    assert "2 pages, such as http://forum.example/0, ask for no link to be followed" in trouble.message
    assert trouble.field == ("follow",)
    assert not trouble.refused


def test_links_that_lie_too_deep_are_counted_for_each_source() -> None:
    outcome = Outcome("run", [read_source(FORUM | {"name": name}) for name in ("one", "two")])
    outcome.hear_too_deep({"one": 1, "two": 3})
    said = [trouble.message for trouble in outcome.result(1.0).troubles]
    assert "1 link deeper than max_depth = " in said[0] and "3 links deeper than max_depth = " in said[1]


def test_many_pages_read_in_part_are_counted() -> None:
    told = [t.message for t in heard(page("", depth=0), *(page(str(n), "feed: it breaks off") for n in range(9)))]
    assert sum("it breaks off" in one for one in told) == 5
    assert 'source "forum": 4 pages more could be read only in part.' in told


def test_what_is_counted_of_a_source_takes_no_more_memory_the_more_pages_there_are() -> None:
    tally = SourceTally(SimpleNamespace(name="forum", start=(), kind="site"))

    def hear(first: int, last: int) -> None:
        for n in range(first, last):
            tally.hear(page(f"{n}/{'x' * 200}"), TALLY)
            tally.hear(page(f"{n}/{'y' * 200}", "feed: it breaks off"), TALLY)

    hear(0, 100)
    tracemalloc.start()
    hear(100, 2_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
