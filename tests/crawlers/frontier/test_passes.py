"""Passes: what a new one asks again, what a change of the declaration means, and when one ends."""

from pathlib import Path
from typing import Any

import pytest

from crawlers.frontier.file import Frontier
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import DEATHS_FORGIVEN, Fetched, Queue, Wanted

WEEK = 7 * 86_400.0


def wanted(number: int, host: str = "a.example") -> Wanted:
    return Wanted("forum", f"https://{host}/{number}", host)


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


@pytest.fixture
def queue(frontier: Frontier) -> Queue:
    return Queue(frontier)


@pytest.fixture
def passes(frontier: Frontier) -> Passes:
    return Passes(frontier)


def numbers(queue: Queue) -> list[int]:
    """All that can be taken, in its order."""
    taken = []
    while (row := queue.lease("forum", "a.example")) is not None:
        taken.append(int(row["url"].rsplit("/", 1)[1]))
    return taken


def leased(queue: Queue, host: str = "a.example") -> int:
    row = queue.lease("forum", host)
    assert row is not None
    return int(row["id"])


def read(queue: Queue, number: int, by: str, at: float = 100.0) -> None:
    """A page that was fetched and read by a declaration."""
    queue.add([wanted(number)])
    queue.done(leased(queue), Fetched(200, at, source_id=by))


def skipped(queue: Queue, number: int, why: str) -> None:
    queue.add([wanted(number)])
    queue.skip(leased(queue), why)


def test_a_new_pass_asks_again_for_what_is_old_enough(frontier: Frontier, queue: Queue) -> None:
    passes = Passes(frontier)
    assert passes.begin("forum", "v1", now=100.0).number == 1
    queue.add([wanted(1), wanted(2)])
    for at in (50.0, 90.0):
        row = queue.lease("forum", "a.example")
        assert row is not None
        queue.done(row["id"], Fetched(200, at))
    assert passes.begin("forum", "v1", now=100.0).continued
    assert passes.end("forum")
    begun = passes.begin("forum", "v1", recrawl_after=30.0, now=100.0)
    assert (begun.number, begun.continued) == (2, False)
    assert numbers(queue) == [1]


def test_a_pass_with_something_queued_does_not_end(frontier: Frontier, queue: Queue) -> None:
    passes = Passes(frontier)
    passes.begin("forum", "v1")
    queue.add([wanted(1)])
    assert not passes.end("forum")
    row = queue.lease("forum", "a.example")
    assert row is not None and not passes.end("forum")
    queue.put_back(row["id"], not_before=1.0, tries=1)
    assert not passes.end("forum")
    queue.wake(["forum"])
    row = queue.lease("forum", "a.example")
    assert row is not None
    queue.skip(row["id"], "scope: away")
    assert passes.end("forum")


def test_a_page_that_was_left_alone_for_deaths_is_tried_again_in_the_next_pass(
    frontier: Frontier, queue: Queue
) -> None:
    passes = Passes(frontier)
    passes.begin("forum", "v1")
    queue.add([wanted(1)])
    frontier.write("UPDATE requests SET deaths = ?", [DEATHS_FORGIVEN])
    leased(queue)
    frontier.write("UPDATE requests SET owner = '1:0.0'")
    assert queue.take_back() == (0, 1) and passes.end("forum")
    passes.begin("forum", "v1")
    assert numbers(queue) == [1]


def test_a_change_of_the_declaration_asks_for_all_that_was_read_by_another_however_lately(
    queue: Queue, passes: Passes
) -> None:
    passes.begin("forum", "v1", now=100.0)
    read(queue, 1, by="v1")
    read(queue, 2, by="v2")
    assert passes.end("forum")
    passes.begin("forum", "v2", recrawl_after=WEEK, now=101.0)
    assert numbers(queue) == [1]


def test_a_change_in_the_middle_of_a_pass_is_read_anew_by_the_next_one_also_where_it_was_changed_back(
    queue: Queue, passes: Passes
) -> None:
    passes.begin("forum", "v1", now=100.0)
    read(queue, 1, by="v1")
    assert passes.begin("forum", "v2", recrawl_after=WEEK, now=100.0).continued
    read(queue, 2, by="v2")
    assert passes.begin("forum", "v1", recrawl_after=WEEK, now=100.0).continued
    assert passes.end("forum")
    passes.begin("forum", "v1", recrawl_after=WEEK, now=101.0)
    assert numbers(queue) == [2] and not passes.end("forum")


def test_a_change_of_the_declaration_is_read_anew_once(queue: Queue, passes: Passes) -> None:
    for declaration in ("v1", "v2", "v2"):
        passes.begin("forum", declaration, recrawl_after=WEEK, now=101.0)
        if declaration == "v1":
            read(queue, 1, by="v1")
        asked = numbers(queue)
        queue.release("")
        while asked and (row := queue.lease("forum", "a.example")) is not None:
            queue.done(row["id"], Fetched(404, 101.0, source_id="v1"))  # it is gone, and was not read
        assert passes.end("forum")
    assert asked == []


@pytest.mark.parametrize("ended", [True, False])
def test_what_was_out_of_bounds_is_judged_anew_after_a_change_of_the_declaration(
    queue: Queue, passes: Passes, ended: bool
) -> None:
    passes.begin("forum", "v1", now=100.0)
    skipped(queue, 1, "scope: it is denied")
    skipped(queue, 2, "max_pages: the source has fetched as many pages as it may")
    skipped(queue, 3, "max_per_pattern: over 100 URLs like a.example/0")
    if ended:
        assert passes.end("forum")
    passes.begin("forum", "v2", recrawl_after=WEEK, now=101.0)
    assert queue.add([wanted(3)]) == [True]  # found again
    assert numbers(queue) == [1, 2, 3]


def test_what_the_declaration_forbids_stays_out_while_it_is_the_same(queue: Queue, passes: Passes) -> None:
    passes.begin("forum", "v1")
    skipped(queue, 1, "scope: it is denied")
    assert passes.end("forum")
    passes.begin("forum", "v1")
    assert numbers(queue) == []


def test_what_was_closed_for_saying_nothing_new_is_tried_again_in_the_next_pass(
    frontier: Frontier, queue: Queue, passes: Passes
) -> None:
    passes.begin("forum", "v1")
    frontier.write("INSERT INTO patterns VALUES ('forum', 'a.example/0', 50, 20)")
    skipped(queue, 1, "nothing new: 20 pages in a row")
    assert passes.end("forum")
    passes.begin("forum", "v1")
    assert numbers(queue) == [1]
    assert frontier.read("SELECT urls, dry FROM patterns")[0][:] == (50, 0)


def test_a_pass_ends_though_a_host_that_it_does_not_wait_for_has_something_left(
    frontier: Frontier, queue: Queue, passes: Passes
) -> None:
    passes.begin("forum", "v1")
    queue.add([wanted(1), wanted(2, "dead.example")])
    assert not passes.end("forum", but=["dead.example"])
    queue.done(leased(queue), Fetched(200, 1.0))
    queue.put_back(leased(queue, "dead.example"), not_before=50.0, tries=0)
    assert passes.end("forum", but=["dead.example"])
    begun = passes.begin("forum", "v1")
    assert begun.number == 2 and numbers(queue) == [1]
    assert queue.wake(["forum"]) == [("forum", "dead.example")]  # what was left is taken by the next
    assert {row["pass"] for row in frontier.read("SELECT pass FROM requests")} == {2}


def test_a_pass_with_something_in_hand_does_not_end_wherever_that_is(queue: Queue, passes: Passes) -> None:
    passes.begin("forum", "v1")
    queue.add([wanted(1, "dead.example")])
    leased(queue, "dead.example")
    assert not passes.end("forum", but=["dead.example"])
