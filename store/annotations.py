"""Annotations: people's answers, append-only. A change is a new row beside the old one; nothing is ever taken away."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from store.database import Store, utc_now

DELETED = "deleted"
"""The revision, and the state, of an answer that was taken back where it was given."""

_UTC = pa.timestamp("us", tz="UTC")
GIVEN_COLUMNS = pa.schema(
    [
        ("origin", pa.string()),
        ("external_id", pa.string()),
        ("revision", pa.string()),
        ("record_id", pa.string()),
        ("assignment_id", pa.string()),
        ("annotator", pa.string()),
        ("value", pa.string()),
        ("annotated_at", _UTC),
        ("lead_time", pa.float64()),
        ("model_id", pa.string()),
        ("schema_hash", pa.string()),
        ("state", pa.string()),
    ]
)


@dataclass(frozen=True)
class Appended:
    """What a batch of annotations came to.

    Attributes:
        new: Answers that were not there before.
        changed: New revisions of answers that were: given anew, or cancelled.
        deleted: Answers marked as deleted.
        cancelled: How many of the appended rows say that a person declined to answer; among `new` and `changed` too.
        known: Rows that were there already and were left alone.
        last_sequence: The newest annotation's sequence number, 0 where there is none.
    """

    new: int
    changed: int
    deleted: int
    cancelled: int
    known: int
    last_sequence: int


def add_annotations(store: Store, batch: pa.Table) -> Appended:
    """Append annotations; a revision that is already there is left alone.

    `batch` has the columns of `GIVEN_COLUMNS`; `origin`, `external_id` and `revision` name a row, rows are received in
    the batch's order. Values must have been checked against the schema: what it does not allow goes to `issues`, never
    here.
    """
    given = batch.select(GIVEN_COLUMNS.names).cast(GIVEN_COLUMNS)
    given = given.append_column("place", pa.array(range(given.num_rows), pa.int64()))
    with store.transaction() as db, store.table("given_annotations", given):
        # One process writes and rows are never taken away, so counting on from the newest gives each row its number,
        # without the holes that a sequence leaves after a killed transaction.
        fresh = store.read(
            """
            SELECT given_annotations.*,
                   EXISTS (
                       FROM annotations
                       WHERE annotations.origin = given_annotations.origin
                         AND annotations.external_id = given_annotations.external_id
                   ) AS seen
            FROM given_annotations
            ANTI JOIN annotations USING (origin, external_id, revision)
            QUALIFY row_number() OVER (PARTITION BY origin, external_id, revision ORDER BY place) = 1
            ORDER BY place
            """
        )
        last = last_sequence(store)
        numbers = pa.array(range(last + 1, last + 1 + fresh.num_rows), pa.int64())
        rows = fresh.drop_columns(["place", "seen"]).append_column("sequence", numbers)
        if rows.num_rows:
            with store.table("fresh_annotations", rows):
                db.execute(
                    "INSERT INTO annotations BY NAME SELECT *, $1 AS received_at FROM fresh_annotations", [utc_now()]
                )
    states = list(zip(fresh["state"].to_pylist(), fresh["seen"].to_pylist(), strict=True))
    return Appended(
        new=sum(not seen for _, seen in states),
        changed=sum(seen and state != DELETED for state, seen in states),
        deleted=sum(seen and state == DELETED for state, seen in states),
        cancelled=sum(state == "cancelled" for state, _ in states),
        known=given.num_rows - fresh.num_rows,
        last_sequence=last + fresh.num_rows,
    )


def last_sequence(store: Store) -> int:
    """The sequence number of the annotation received last; 0 where there is none."""
    return int(store.read("SELECT coalesce(max(sequence), 0) AS last FROM annotations")["last"][0].as_py())


# The newest revision of each answer. `deleted` is the last thing that can happen to one.
_NEWEST = """
    SELECT *
    FROM annotations
    WHERE $1 IS NULL OR sequence <= $1
    QUALIFY row_number() OVER (PARTITION BY origin, external_id ORDER BY sequence DESC) = 1
"""


def current_annotations(store: Store, as_of_sequence: int | None = None) -> pa.Table:
    """The answers that stand now, or stood when `as_of_sequence` was the newest: all columns, in order of sequence.

    That is the newest revision of each answer, if it is given; of one annotator's several answers to one record, the
    one given or revised last.
    """
    return store.read(
        f"""
        SELECT *
        FROM ({_NEWEST})
        WHERE state = 'given'
        QUALIFY row_number() OVER (PARTITION BY record_id, annotator ORDER BY annotated_at DESC, sequence DESC) = 1
        ORDER BY sequence
        """,
        [as_of_sequence],
    )


def standing(store: Store, assignment_ids: Sequence[str]) -> pa.Table:
    """The newest revision of each answer to these assignments that was not deleted: all columns, by sequence."""
    with store.table("asked", pa.table({"assignment_id": pa.array(assignment_ids, pa.string())})):
        return store.read(
            """
            SELECT *
            FROM (SELECT annotations.* FROM annotations SEMI JOIN asked USING (assignment_id))
            QUALIFY row_number() OVER (PARTITION BY origin, external_id ORDER BY sequence DESC) = 1
                AND state <> 'deleted'
            ORDER BY sequence
            """
        )


def history(store: Store, record_id: str) -> pa.Table:
    """Everything that was ever answered about a record: all columns, in the order received."""
    return store.read("SELECT * FROM annotations WHERE record_id = $1 ORDER BY sequence", [record_id])
