"""Assignments: records sent to people, why, in which order, and what became of each.

An assignment is `intended` before Label Studio hears of it, `sent` when its task is known to be there, `answered` when
as many people as wanted have answered, `lost` when its task was deleted there, `withdrawn` when it was taken back
unanswered.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import pyarrow as pa

from store.annotations import standing
from store.database import Store, utc_now

State = Literal["intended", "sent", "answered", "withdrawn", "lost"]

GIVEN_COLUMNS = pa.schema(
    [
        ("assignment_id", pa.string()),
        ("record_id", pa.string()),
        ("round_id", pa.string()),
        ("purpose", pa.string()),
        ("why", pa.string()),
        ("score", pa.float64()),
        ("position", pa.int64()),
        ("answers_wanted", pa.int32()),
        ("model_id", pa.string()),
        ("prediction", pa.string()),
    ]
)


def assignment_id(record_id: str, purpose: str, round_id: str | None) -> str:
    """32 hex digits that name one look at a record: the same choice made again has the same."""
    return hashlib.sha256(f"{record_id}\n{purpose}\n{round_id or ''}".encode()).hexdigest()[:32]


def intend(store: Store, batch: pa.Table, *, studio: str, project_id: int) -> int:
    """Write down what is to be sent, before it is; assignments that are known stay, lost ones are intended anew.

    Args:
        batch: The columns of `GIVEN_COLUMNS`.

    Returns:
        How many were intended by this call.
    """
    rows = batch.select(GIVEN_COLUMNS.names).cast(GIVEN_COLUMNS)
    with store.transaction() as db, store.table("given_assignments", rows):
        db.execute(
            """
            INSERT INTO assignments BY NAME
            SELECT *, $1 AS studio, $2 AS project_id, 'intended' AS state, $3 AS created_at
            FROM given_assignments
            ON CONFLICT (assignment_id) DO UPDATE SET
                studio = excluded.studio,
                project_id = excluded.project_id,
                external_task_id = NULL,
                position = excluded.position,
                model_id = excluded.model_id,
                prediction = excluded.prediction,
                state = 'intended',
                created_at = excluded.created_at,
                sent_at = NULL
            WHERE assignments.state = 'lost'
            """,
            [studio, project_id, (now := utc_now())],
        )
        fresh = store.read(
            """
            SELECT count(*) AS n
            FROM assignments
            SEMI JOIN given_assignments USING (assignment_id)
            WHERE state = 'intended' AND created_at = $1
            """,
            [now],
        )
        return int(fresh["n"][0].as_py())


def assignments(
    store: Store,
    *,
    ids: Sequence[str] | None = None,
    studio: str | None = None,
    project_id: int | None = None,
    round_id: str | None = None,
    states: Sequence[State] | None = None,
) -> pa.Table:
    """All columns of the assignments that fit every argument given, in the order in which they were sent."""
    return store.read(
        """
        SELECT *
        FROM assignments
        WHERE ($1 IS NULL OR list_contains($1, assignment_id))
          AND ($2 IS NULL OR studio = $2)
          AND ($3 IS NULL OR project_id = $3)
          AND ($4 IS NULL OR round_id = $4)
          AND ($5 IS NULL OR list_contains($5, state))
        ORDER BY created_at, position, assignment_id
        """,
        [
            list(ids) if ids is not None else None,
            studio,
            project_id,
            round_id,
            list(states) if states is not None else None,
        ],
    )


def confirm_sent(store: Store, batch: pa.Table) -> None:
    """Say that tasks are there: `assignment_id`, `external_task_id`."""
    rows = batch.select(["assignment_id", "external_task_id"])
    with store.transaction() as db, store.table("seen_tasks", rows):
        db.execute(
            """
            UPDATE assignments
            SET external_task_id = seen_tasks.external_task_id,
                state = CASE state WHEN 'intended' THEN 'sent' ELSE state END,
                sent_at = coalesce(sent_at, $1)
            FROM seen_tasks
            WHERE assignments.assignment_id = seen_tasks.assignment_id
            """,
            [utc_now()],
        )


def count_answers(store: Store, ids: Sequence[str]) -> None:
    """Count how many people's answers to these assignments stand; as many as are wanted make one answered.

    Where too many people declined for that, it is withdrawn; an answer that was taken back makes it wait again. What is
    only intended stays so until its task is known.
    """
    with (
        store.transaction() as db,
        store.table("counted", pa.table({"assignment_id": pa.array(ids, pa.string())})),
        store.table("standing_answers", standing(store, ids)),
    ):
        db.execute(
            """
            UPDATE assignments
            SET state = CASE
                WHEN gave >= answers_wanted THEN 'answered'
                WHEN reacted >= answers_wanted THEN 'withdrawn'
                ELSE 'sent'
            END
            FROM (
                SELECT counted.assignment_id,
                       count(DISTINCT annotator) FILTER (WHERE state = 'given') AS gave,
                       count(DISTINCT annotator) AS reacted
                FROM counted
                LEFT JOIN standing_answers USING (assignment_id)
                GROUP BY counted.assignment_id
            ) AS answers
            WHERE assignments.assignment_id = answers.assignment_id
              AND state IN ('sent', 'answered', 'withdrawn')
            """
        )


def want_at_most(store: Store, round_id: str, most: int) -> None:
    """Wait for no more than `most` people in a round; records that so many answered are answered then."""
    waiting = assignments(store, round_id=round_id, states=("intended", "sent"))
    ids = [row["assignment_id"] for row in waiting.to_pylist() if row["answers_wanted"] > most]
    if not ids:
        return
    with store.transaction() as db, store.table("relaxed", pa.table({"assignment_id": pa.array(ids, pa.string())})):
        db.execute(
            """
            UPDATE assignments
            SET answers_wanted = $1
            WHERE assignment_id IN (SELECT assignment_id FROM relaxed)
            """,
            [most],
        )
        count_answers(store, ids)


def want(store: Store, batch: pa.Table) -> None:
    """Wait for so many people's answers to assignments that were sent: `assignment_id`, `answers_wanted`.

    One that was answered by fewer waits again; one that has so many is answered.
    """
    rows = batch.select(["assignment_id", "answers_wanted"])
    with store.transaction() as db, store.table("wanted_answers", rows):
        db.execute(
            """
            UPDATE assignments
            SET answers_wanted = wanted_answers.answers_wanted
            FROM wanted_answers
            WHERE assignments.assignment_id = wanted_answers.assignment_id
            """
        )
        count_answers(store, rows["assignment_id"].to_pylist())


def half_answered(store: Store) -> int:
    """How many records somebody has answered, and wait for another person still."""
    sent = assignments(store, states=("sent",))["assignment_id"].to_pylist()
    given = standing(store, sent)
    return len({row["assignment_id"] for row in given.to_pylist() if row["state"] == "given"})


def mark(store: Store, ids: Sequence[str], state: State) -> None:
    """Put assignments into a state."""
    with store.transaction() as db, store.table("marked", pa.table({"assignment_id": pa.array(ids, pa.string())})):
        db.execute(
            "UPDATE assignments SET state = $1 WHERE assignment_id IN (SELECT assignment_id FROM marked)", [state]
        )


def state_counts(store: Store, *, studio: str | None = None, project_id: int | None = None) -> dict[str, int]:
    """How many assignments are in each state; states that none is in are left out."""
    rows = store.read(
        """
        SELECT state, count(*) AS n
        FROM assignments
        WHERE ($1 IS NULL OR studio = $1)
          AND ($2 IS NULL OR project_id = $2)
        GROUP BY state
        ORDER BY state
        """,
        [studio, project_id],
    )
    return dict(zip(rows["state"].to_pylist(), rows["n"].to_pylist(), strict=True))
