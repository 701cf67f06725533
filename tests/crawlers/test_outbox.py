"""The outbox and the store: what a crawl found is brought in exactly once, whatever dies in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawlers import drain as draining
from crawlers.drain import Drained, drain
from crawlers.frontier.file import Frontier, NoSpace
from crawlers.frontier.outbox import Outbox
from crawlers.frontier.queue import Fetched, Queue, Wanted
from crawlers.page import FoundRecord
from store.database import DiskFull, Store
from store.page_id import page_id
from store.pages import pages
from store.records import records
from store.sightings import first_pages, sightings
from store.sources import source_id, sources

DECLARED = {"kind": "site", "name": "forum", "start": ["http://a.example/"]}
SOURCE = source_id("forum", DECLARED)
BEGAN = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def put(frontier: Frontier, number: int, texts: list[str], **changed: Any) -> str:
    """One page of the outbox; gives its id."""
    url, at = f"http://a.example/{number}", BEGAN + timedelta(seconds=number)
    page = {
        "page_id": page_id(SOURCE, url, at),
        "url": url,
        "final_url": url,
        "fetched_at": at.isoformat(),
        "status": 200,
        "rendered": "http",
        "depth": 0,
        "error": None,
        "warc_file": "warc/x.warc.gz",
        "warc_offset": number,
        **changed,
    }
    found = [FoundRecord(i, None, text, {"n": i}) for i, text in enumerate(texts)]
    Outbox(frontier).add_source(SOURCE, name="forum", kind="site", declared=DECLARED)
    Outbox(frontier).add_page("run", SOURCE, page, {"items": len(texts), "empty": 0, "unmatched": {}}, found)
    return str(page["page_id"])


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def counts(store: Store) -> tuple[int, int, int, int]:
    return tuple(table.num_rows for table in (sources(store), pages(store), records(store), sightings(store)))  # type: ignore[return-value]


def test_pages_records_and_sightings_arrive_together(frontier: Frontier, store: Store) -> None:
    first = put(frontier, 1, ["alpha", "beta"])
    second = put(frontier, 2, ["beta"])
    heard: list[Drained] = []
    assert drain(store, frontier, heard.append) == 2
    assert counts(store) == (1, 2, 2, 3)
    assert [(d.source_name, len(d.pages), d.new, d.known) for d in heard] == [("forum", 2, 2, 1)]
    assert Outbox(frontier).waiting() == 0
    rows = {row["text"]: row for row in records(store).to_pylist()}
    assert rows["alpha"]["url"] == "http://a.example/1" and rows["alpha"]["metadata"] == '{"n": 0}'
    seen = first_pages(store, [rows["beta"]["record_id"], "unknown"]).to_pylist()
    assert (seen[0]["page_id"], seen[0]["pages"], seen[0]["warc_offset"]) == (first, 2, 1)
    assert (seen[1]["page_id"], seen[1]["pages"]) == (None, 0)
    assert pages(store, [second])["fetched_at"].to_pylist() == [BEGAN + timedelta(seconds=2)]


def test_a_death_between_the_store_and_the_outbox_adds_nothing_twice(
    frontier: Frontier, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(frontier, 1, ["alpha", "beta"])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Outbox, "forget", die)
        drain(store, frontier, lambda _: None)
    assert counts(store) == (1, 1, 2, 2) and Outbox(frontier).waiting() == 1
    drain(store, frontier, lambda _: None)
    assert counts(store) == (1, 1, 2, 2) and Outbox(frontier).waiting() == 0


def test_a_death_inside_the_transaction_leaves_store_and_outbox_as_they_were(
    frontier: Frontier, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(frontier, 1, ["alpha"])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(draining, "add_sightings", die)
        drain(store, frontier, lambda _: None)
    assert counts(store) == (0, 0, 0, 0) and Outbox(frontier).waiting() == 1
    drain(store, frontier, lambda _: None)
    assert counts(store) == (1, 1, 1, 1)


def test_more_than_one_batch_is_drained_in_order(
    frontier: Frontier, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "PAGES_A_BATCH", 3)
    for number in range(8):
        put(frontier, number, [f"text {number}"])
    heard: list[Drained] = []
    assert drain(store, frontier, heard.append) == 8
    assert [len(d.pages) for d in heard] == [3, 3, 2]
    assert counts(store) == (1, 8, 8, 8)


def test_an_item_that_stands_twice_on_a_page_is_one_sighting(frontier: Frontier, store: Store) -> None:
    put(frontier, 1, ["alpha", "alpha"])
    drain(store, frontier, lambda _: None)
    assert counts(store) == (1, 1, 1, 1)
    assert sightings(store)["position"].to_pylist() == [0]


def test_a_page_and_its_records_enter_the_outbox_together_or_not_at_all(frontier: Frontier) -> None:
    Outbox(frontier).add_source(SOURCE, name="forum", kind="site", declared=DECLARED)
    twice = [FoundRecord(0, None, "a", {}), FoundRecord(0, None, "b", {})]  # one position cannot hold two
    with pytest.raises(Exception, match="UNIQUE"):
        Outbox(frontier).add_page("run", SOURCE, {"url": "u", "final_url": None}, {}, twice)
    assert Outbox(frontier).waiting() == 0


def test_a_full_disk_is_said_and_loses_no_page_that_was_kept(frontier: Frontier, store: Store) -> None:
    frontier._db.execute("PRAGMA max_page_count = 30")  # SQLite's own way to run out of room
    kept = 0
    with pytest.raises(NoSpace, match="No space left on the disk that holds") as caught:
        for number in range(1_000):
            put(frontier, number, ["x" * 500])
            kept += 1
    assert caught.value.exit_code == 1 and kept > 10
    frontier._db.execute("PRAGMA max_page_count = 1000000")
    assert drain(store, frontier, lambda _: None) == kept


def test_a_page_that_the_store_cannot_take_holds_up_no_other(frontier: Frontier, store: Store) -> None:
    put(frontier, 1, ["alpha"])
    torn = put(frontier, 2, ["beta"], error="item: a \ud83d half")
    put(frontier, 3, ["gamma"])
    heard: list[Drained] = []
    assert drain(store, frontier, heard.append) == 3
    assert sorted(records(store)["text"].to_pylist()) == ["alpha", "gamma"]
    (row,) = pages(store, [torn]).to_pylist()
    assert row["error"].startswith("store: the store cannot take what it gave (UnicodeEncodeError")
    assert row["warc_offset"] == 2  # its bytes can be found
    assert {url for drained in heard for url in drained.set_aside} == {"http://a.example/2"}
    assert Outbox(frontier).waiting() == 0 and drain(store, frontier, heard.append) == 0


def test_a_page_whose_records_cannot_be_brought_in_is_read_again_by_the_next_crawl(
    frontier: Frontier, store: Store
) -> None:
    url = "http://a.example/1"
    queue = Queue(frontier)
    queue.add_done(Wanted("forum", url, "a.example"), Fetched(200, gave_records=1), 1)
    put(frontier, 1, ["alpha"], depth="deep")
    drain(store, frontier, lambda _: None)
    row = queue.known("forum", "page", url)
    assert row is not None and row["gave_records"] is None


def test_trouble_of_the_store_sets_no_page_aside(
    frontier: Frontier, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(frontier, 1, ["alpha"])

    def full(*_: object) -> None:
        raise DiskFull("no room")

    with monkeypatch.context() as patched, pytest.raises(DiskFull):
        patched.setattr(draining, "add_sightings", full)
        drain(store, frontier, lambda _: None)
    assert Outbox(frontier).waiting() == 1


def test_pages_with_much_text_are_taken_a_few_at_a_time(frontier: Frontier) -> None:
    for number in range(5):
        put(frontier, number, ["x" * 600])
    outbox = Outbox(frontier)
    assert [w.sequence for w in outbox.take(10, characters=1_000)] == [1, 2]
    assert [w.sequence for w in outbox.take(10, characters=1)] == [1]
    assert len(outbox.take(10)) == 5


def test_what_waits_is_counted_while_pages_come_and_go(frontier: Frontier) -> None:
    for number in range(4):
        put(frontier, number, [])
    outbox = Outbox(frontier)
    outbox.forget(outbox.take(3))
    put(frontier, 9, ["nine"])
    assert outbox.waiting() == 2
