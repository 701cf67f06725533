"""Annotations: append-only, newest revision counts, and any earlier moment can be seen again."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from store.annotations import GIVEN_COLUMNS, add_annotations, current_annotations, history, last_sequence
from store.database import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def answers(*given):
    """Rows of (external id, record, annotator, label, minute, state)."""
    rows = [
        {
            "origin": "studio/1",
            "external_id": external_id,
            "revision": "deleted" if state == "deleted" else f"minute {minute}",
            "record_id": record,
            "annotator": annotator,
            "value": json.dumps({"label": label}),
            "annotated_at": NOON + timedelta(minutes=minute),
            "schema_hash": "s",
            "state": state,
        }
        for external_id, record, annotator, label, minute, state in given
    ]
    return pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS)


def current(store, as_of=None):
    rows = current_annotations(store, as_of).to_pylist()
    return [(row["record_id"], row["annotator"], json.loads(row["value"])["label"]) for row in rows]


def test_appending_the_same_revisions_again_changes_nothing(store):
    batch = answers(("1", "r", "anna", "a", 0, "given"), ("2", "q", "anna", "b", 1, "given"))
    assert add_annotations(store, batch).new == 2
    again = add_annotations(store, batch)
    assert (again.new, again.changed, again.known) == (0, 0, 2)
    assert last_sequence(store) == 2


def test_a_revision_is_a_new_row_and_the_old_one_stays(store):
    add_annotations(store, answers(("1", "r", "anna", "a", 0, "given")))
    assert add_annotations(store, answers(("1", "r", "anna", "b", 5, "given"))).changed == 1
    assert current(store) == [("r", "anna", "b")]
    assert history(store, "r")["revision"].to_pylist() == ["minute 0", "minute 5"]


@pytest.mark.parametrize("state", ["deleted", "cancelled"])
def test_an_answer_that_was_taken_back_no_longer_counts(store, state):
    add_annotations(store, answers(("1", "r", "anna", "a", 0, "given")))
    add_annotations(store, answers(("1", "r", "anna", "a", 1, state)))
    assert current(store) == []
    assert history(store, "r").num_rows == 2


def test_of_one_annotators_answers_to_a_record_the_newest_counts(store):
    add_annotations(store, answers(("1", "r", "anna", "a", 0, "given"), ("2", "r", "anna", "b", 1, "given")))
    assert current(store) == [("r", "anna", "b")]
    add_annotations(store, answers(("1", "r", "anna", "c", 2, "given")))
    assert current(store) == [("r", "anna", "c")]


def test_different_annotators_answers_stand_beside_each_other(store):
    add_annotations(store, answers(("1", "r", "anna", "a", 0, "given"), ("2", "r", "ben", "b", 1, "given")))
    assert current(store) == [("r", "anna", "a"), ("r", "ben", "b")]


def test_what_stood_at_an_earlier_moment_can_be_seen_again(store):
    add_annotations(store, answers(("1", "r", "anna", "a", 0, "given")))
    then, seen = last_sequence(store), current(store)
    add_annotations(store, answers(("1", "r", "anna", "b", 1, "given"), ("2", "q", "ben", "a", 1, "given")))
    add_annotations(store, answers(("1", "r", "anna", "b", 2, "deleted")))
    assert current(store, then) == seen
    assert current(store) == [("q", "ben", "a")]


def test_rows_are_numbered_in_the_order_received_without_holes(store):
    add_annotations(store, answers(("9", "r", "anna", "a", 5, "given"), ("1", "q", "anna", "a", 0, "given")))
    add_annotations(store, answers(("9", "r", "anna", "a", 5, "given"), ("5", "p", "anna", "a", 1, "given")))
    rows = current_annotations(store)
    assert rows["sequence"].to_pylist() == [1, 2, 3]
    assert rows["record_id"].to_pylist() == ["r", "q", "p"]
