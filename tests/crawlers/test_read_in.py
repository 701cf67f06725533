"""Reading a source that is not fetched: what it gives is kept, what it breaks on and what gives nothing is told."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from crawlers import read_in as reading_in
from crawlers.declaration import Declaration
from crawlers.kinds import read_source
from crawlers.outcome import Outcome
from crawlers.page import FoundRecord
from crawlers.read_in import Reading, read_in
from crawlers.reading.batches import Batch
from store.database import Store
from store.records import records

SQL = {"kind": "sql", "name": "letters", "database": "sqlite:///x.db", "query": "SELECT text FROM t"}
Batches = Callable[[], Iterator[Batch]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


@pytest.fixture
def letters() -> Declaration:
    return read_source(SQL)


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> Callable[[Batches], None]:
    """Lets the source's kind give these batches."""

    def let(batches: Batches) -> None:
        kind = SimpleNamespace(batches=lambda *_: batches())
        monkeypatch.setattr(reading_in, "kind_module", lambda _: kind)

    return let


def batch(*texts: str) -> Batch:
    made = Batch()
    made.extend(FoundRecord(place, None, text, {}) for place, text in enumerate(texts))
    return made


def test_whatever_a_library_raises_is_told_and_what_came_before_stays(
    store: Store, letters: Declaration, gives: Callable[[Batches], None], tmp_path: Path
) -> None:
    def broken() -> Iterator[Batch]:
        yield batch("one", "two")
        raise AttributeError("'NoneType' object has no attribute 'columns'\nmore")

    gives(broken)
    found = read_in(store, tmp_path, letters)
    assert (found.new, found.known) == (2, 0) and records(store).num_rows == 2
    assert found.refused == (
        "source \"letters\": it cannot be read to its end (AttributeError: 'NoneType' object has no attribute "
        "'columns'); what came before that is in the store."
    )


def test_who_looks_into_it_gets_the_error_itself(
    store: Store,
    letters: Declaration,
    gives: Callable[[Batches], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> Iterator[Batch]:
        raise AttributeError("columns")
        yield

    gives(broken)
    monkeypatch.setenv("TILTH_DEBUG", "1")
    with pytest.raises(AttributeError):
        read_in(store, tmp_path, letters)


def test_rows_that_give_no_record_are_counted_and_told(store: Store, letters: Declaration, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t (text)")
        db.executemany("INSERT INTO t VALUES (?)", [(b"\xff\xd8",), (b"\xff\xd9",), ("a letter",)])
    db.close()
    outcome = Outcome("run", [])
    outcome.hear_read(read_in(store, tmp_path, letters))
    (trouble,) = outcome.result(1.0).troubles
    assert trouble.message.startswith('source "letters": 2 of 3 rows gave no record: ')


def test_the_store_is_not_held_while_a_batch_is_long_in_coming(
    store: Store,
    letters: Declaration,
    gives: Callable[[Batches], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = []

    def slow() -> Iterator[Batch]:
        for number in range(3):
            held.append(store._connection is not None)
            yield batch(f"text {number}")

    gives(slow)
    assert store.connection
    monkeypatch.setattr(reading_in, "SECONDS_WORTH_LETTING_GO", 0.0)
    read_in(store, tmp_path, letters)
    assert held == [False, False, False]


def test_after_each_batch_it_is_said_how_many_records_there_are(
    store: Store, letters: Declaration, gives: Callable[[Batches], None], tmp_path: Path
) -> None:
    gives(lambda: iter([batch("one", "two"), batch("two", "three", "four")]))
    heard: list[Reading] = []
    read_in(store, tmp_path, letters, heard.append)
    assert [so_far.records for so_far in heard] == [2, 5]
    assert heard[-1].source == "letters" and heard[-1].records_per_second > 0
