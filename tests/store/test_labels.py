"""Labels: written, replaced, taken away."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from store.database import Store
from store.labels import COLUMNS, labels, write_labels


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as store:
        yield store


def rows(at=1, **values):
    return pa.Table.from_pylist(
        [
            {
                "record_id": name,
                "value": value,
                "quality": 0.5,
                "annotations": 1,
                "annotators": 1,
                "method": "single",
                "schema_hash": "h",
                "resolved_at": datetime(2026, 11, at, tzinfo=UTC),
            }
            for name, value in values.items()
        ],
        schema=COLUMNS,
    )


def test_a_later_label_replaces_the_earlier(store):
    assert write_labels(store, rows(a="x", b="y")) == 2
    assert write_labels(store, rows(2, a="z", b="y")) == 1
    assert labels(store)["value"].to_pylist() == ["z", "y"]


def test_a_label_that_says_the_same_keeps_its_time(store):
    write_labels(store, rows(1, a="x"))
    assert write_labels(store, rows(2, a="x")) == 0
    assert labels(store)["resolved_at"][0].as_py().day == 1


def test_withdrawn_records_lose_their_label(store):
    write_labels(store, rows(a="x", b="y"))
    assert write_labels(store, rows(), withdrawn=["a", "never labelled"]) == 1
    assert labels(store)["record_id"].to_pylist() == ["b"]


def test_labels_come_in_the_order_of_the_ids_asked_for(store):
    write_labels(store, rows(a="x", b="y", c="z"))
    assert labels(store, ["c", "missing", "a"])["record_id"].to_pylist() == ["c", "a"]
    assert labels(store, []).num_rows == 0


def test_what_was_written_is_undone_with_the_transaction_around_it(store):
    write_labels(store, rows(a="x"))
    with pytest.raises(ZeroDivisionError), store.transaction():
        write_labels(store, rows(a="y", b="z"), withdrawn=["a"])
        raise ZeroDivisionError
    assert labels(store)["value"].to_pylist() == ["x"]
