"""The queue of a frontier: what comes first, what is known, what waits, and what the dead had in hand."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.frontier.file import Frontier, FrontierUnreadable
from crawlers.frontier.finish import Finished, finish
from crawlers.frontier.leases import LeaseLost, this_process
from crawlers.frontier.outbox import Outbox
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import DEATHS_FORGIVEN, LONGEST_REST, Fetched, Queue, Wanted
from crawlers.frontier.tables import VERSION_1, statements

FAR = 1e12


def wanted(number: int, host: str = "a.example", **other: Any) -> Wanted:
    return Wanted("forum", f"https://{host}/{number}", host, **other)


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


@pytest.fixture
def queue(frontier: Frontier) -> Queue:
    return Queue(frontier)


def numbers(queue: Queue) -> list[int]:
    """All that can be taken, in its order."""
    taken = []
    while (row := queue.lease("forum", "a.example")) is not None:
        taken.append(int(row["url"].rsplit("/", 1)[1]))
    return taken


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3)), max_size=20))
def test_priority_comes_before_depth_and_depth_before_order(
    tmp_path_factory: Any, ranks: list[tuple[int, int]]
) -> None:
    with Frontier(tmp_path_factory.mktemp("frontier") / "frontier.sqlite") as frontier:
        queue = Queue(frontier)
        queue.add(wanted(n, priority=priority, depth=depth) for n, (priority, depth) in enumerate(ranks))
        assert numbers(queue) == sorted(range(len(ranks)), key=lambda n: (-ranks[n][0], ranks[n][1], n))


def test_a_url_is_known_once_a_source_and_role(queue: Queue) -> None:
    assert queue.add([wanted(1), wanted(1), wanted(1, role="image")]) == [True, False, True]
    other = Wanted("other", "https://a.example/1", "a.example")
    assert queue.add([other]) == [True]
    row = queue.lease("forum", "a.example")
    assert row is not None
    queue.done(row["id"], Fetched(200, 1.0))
    assert queue.add([wanted(1)]) == [False]


def test_hosts_are_those_with_something_to_take(queue: Queue) -> None:
    queue.add([wanted(1, "b.example"), wanted(2, "a.example"), wanted(3, "b.example")])
    assert queue.hosts("forum") == ["a.example", "b.example"] and queue.hosts("other") == []
    assert queue.waiting(["forum"]) == {"a.example": 1, "b.example": 2}
    queue.lease("forum", "a.example")
    assert queue.hosts("forum") == ["b.example"]


def test_what_is_put_back_waits_for_its_time_on_disk(frontier: Frontier, queue: Queue) -> None:
    queue.add([wanted(1)])
    row = queue.lease("forum", "a.example")
    assert row is not None
    queue.put_back(row["id"], not_before=1_000.0, tries=2)
    again = Queue(Frontier(frontier.path))
    assert again.lease("forum", "a.example") is None and again.next_due(["forum"]) == 1_000.0
    assert again.next_due(["forum"], but=["a.example"]) is None and again.next_due(["other"]) is None
    assert again.wake(["forum"], now=999.0) == [] and again.wake(["forum"], now=1_000.0) == [("forum", "a.example")]
    woken = again.lease("forum", "a.example")
    assert woken is not None and woken["tries"] == 2


def test_what_waits_of_other_sources_is_left_waiting(queue: Queue) -> None:
    queue.add([wanted(1)])
    row = queue.lease("forum", "a.example")
    assert row is not None
    queue.put_back(row["id"], not_before=1_000.0, tries=1)
    assert queue.wake(["other"], now=2_000.0) == [] and queue.next_due(["forum"]) == 1_000.0


def test_a_clock_that_went_backwards_makes_nothing_wait_for_years(queue: Queue) -> None:
    queue.add([wanted(1)])
    row = queue.lease("forum", "a.example")
    assert row is not None
    queue.put_back(row["id"], not_before=FAR, tries=1)
    assert queue.wake(["forum"], now=1_000.0) == [("forum", "a.example")]


def test_a_lease_of_a_living_process_is_left_and_one_of_a_dead_process_taken_back(frontier: Frontier) -> None:
    program = (
        "import sys; from pathlib import Path; from crawlers.frontier.file import Frontier; "
        "from crawlers.frontier.queue import Queue\n"
        "queue = Queue(Frontier(Path(sys.argv[1]))); queue.lease('forum', 'a.example'); print('leased', flush=True)\n"
        "sys.stdin.read()"
    )
    queue = Queue(frontier)
    queue.add([wanted(1)])
    other = subprocess.Popen(
        [sys.executable, "-c", program, frontier.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None and other.stdin is not None
    assert other.stdout.readline() == b"leased\n"
    assert queue.take_back() == (0, 0) and queue.leased_by_others()
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert queue.take_back() == (1, 0) and not queue.leased_by_others()
    assert numbers(queue) == [1]


def test_a_pid_that_lives_again_in_another_process_owns_nothing(frontier: Frontier, queue: Queue) -> None:
    queue.add([wanted(1)])
    queue.lease("forum", "a.example")
    alive = psutil.Process(1)
    frontier.write("UPDATE requests SET owner = ?", [f"{alive.pid}:{alive.create_time() - 60:.2f}"])
    assert queue.take_back() == (1, 0)


def die(frontier: Frontier) -> None:
    """What is in hand is from now on that of a process which is gone."""
    frontier.write("UPDATE requests SET owner = '1:0.0' WHERE state = 'leased'")


def test_a_page_that_kills_the_process_each_time_rests_longer_and_longer_and_is_left_alone_at_last(
    frontier: Frontier, queue: Queue
) -> None:
    queue.add([wanted(1)])
    now, rests = 1_000.0, []
    while True:
        assert queue.lease("forum", "a.example") is not None
        die(frontier)
        again, given_up = queue.take_back(now=now)
        if given_up:
            break
        assert again == 1
        due = queue.next_due(["forum"], now=now) or now
        rests.append(due - now)
        now = due
        queue.wake(["forum"], now)
    assert rests == [0, 2, 4, 8, 16, 32, 64, LONGEST_REST, LONGEST_REST, LONGEST_REST] and len(rests) == DEATHS_FORGIVEN
    ((why, count, url),) = queue.skipped("forum")
    assert why.startswith("killed: ") and (count, url) == (1, "https://a.example/1")


def test_fifty_deaths_in_short_succession_are_not_held_against_a_page(frontier: Frontier, queue: Queue) -> None:
    queue.add([wanted(1)])
    for death in range(50):
        queue.wake(["forum"], 1_000.0 + 5 * death)
        queue.lease("forum", "a.example")
        die(frontier)
        queue.take_back(now=1_000.0 + 5 * death)
    assert queue.skipped("forum") == []


def test_what_is_released_is_queued_again_and_no_death_is_counted(frontier: Frontier, queue: Queue) -> None:
    queue.add([wanted(1), wanted(2)])
    queue.lease("forum", "a.example")
    frontier.write("UPDATE requests SET owner = '12:0.0' WHERE state = 'leased'")
    queue.lease("forum", "a.example")
    assert queue.release("1:") == 0
    assert queue.release("12:") == 1 and queue.release(this_process()) == 1
    assert {row["deaths"] for row in frontier.read("SELECT deaths FROM requests")} == {0}
    assert numbers(queue) == [1, 2]


def test_what_this_process_has_in_hand_is_not_taken_back_while_it_works(queue: Queue) -> None:
    queue.add([wanted(1)])
    queue.lease("forum", "a.example")
    assert queue.take_back() == (0, 0)
    assert queue.take_back(own=True) == (1, 0)


def test_a_page_whose_request_is_another_process_s_by_now_leaves_nothing(frontier: Frontier, queue: Queue) -> None:
    queue.add([wanted(1)])
    row = queue.lease("forum", "a.example")
    assert row is not None
    Passes(frontier).forget("forum")
    queue.add([wanted(2)])  # it gets the same id
    queue.lease("forum", "a.example")
    frontier.write("UPDATE requests SET owner = '1:0.0'")
    page = {"url": "https://a.example/1", "final_url": None}
    done = Finished(row["id"], "forum", "run", "v1", page, {}, (), Fetched(200, 1.0), wanted=[wanted(3)])
    with pytest.raises(LeaseLost):
        finish(frontier, done, 1)
    assert Outbox(frontier).take(1) == []
    with pytest.raises(LeaseLost):
        queue.skip(row["id"], "scope: away")
    assert [(r["url"], r["state"]) for r in frontier.read("SELECT url, state FROM requests")] == [
        ("https://a.example/2", "leased")
    ]


def test_an_inner_transaction_is_undone_with_the_outer(frontier: Frontier, queue: Queue) -> None:
    with pytest.raises(KeyboardInterrupt), frontier.transaction():
        queue.add([wanted(1)])
        with frontier.transaction():
            queue.add([wanted(2)])
        raise KeyboardInterrupt
    assert numbers(queue) == []


def test_a_frontier_of_version_1_keeps_its_outbox(tmp_path: Path) -> None:
    path = tmp_path / "frontier.sqlite"
    old = sqlite3.connect(path)
    for statement in statements(VERSION_1):
        old.execute(statement)
    old.execute("INSERT INTO sources VALUES ('s', 'forum', 'site', '{}')")
    old.execute("INSERT INTO outbox_pages (run_id, source_id, page, tally) VALUES ('r', 's', '{\"url\": \"u\"}', '{}')")
    old.execute("INSERT INTO outbox_records VALUES (1, 0, NULL, 'words', 'u', '{}')")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Frontier(path) as frontier:
        (waiting,) = Outbox(frontier).take(10)
        assert waiting.records[0]["text"] == "words" and waiting.records[0]["modality"] == "text"
        assert Queue(frontier).hosts("forum") == []


def test_a_newer_frontier_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frontier.sqlite"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(FrontierUnreadable, match="newer tilth"):
        Frontier(path)
