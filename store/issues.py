"""Issues: suspicions about records and labels, and what became of them.

An issue is named by what is suspected, so that the same suspicion raised twice is one row. It is `open` until it is
sent to people (`sent`); a person's look ends it as `confirmed` (what was given stands) or `corrected`; `dismissed`
means that the suspicion was given up before anyone looked, and it may come back.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import pyarrow as pa

from store.database import Store, utc_now

State = Literal["open", "sent", "confirmed", "corrected", "dismissed"]
ENDED: tuple[State, ...] = ("confirmed", "corrected", "dismissed")

COLUMNS = pa.schema(
    [
        ("issue_id", pa.string()),
        ("kind", pa.string()),
        ("record_id", pa.string()),
        ("score", pa.float64()),
        ("given", pa.string()),
        ("suggested", pa.string()),
        ("evidence", pa.string()),
        ("state", pa.string()),
        ("assignment_id", pa.string()),
        ("found_at", pa.timestamp("us", tz="UTC")),
        ("closed_at", pa.timestamp("us", tz="UTC")),
    ]
)


def issue_id(kind: str, record_id: str | None, given: str | None, key: str = "") -> str:
    """32 hex digits that name a suspicion: kind, record, given value, and `key` where that is not enough."""
    parts = [kind, record_id or "", given or "", key]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def add_issues(store: Store, batch: pa.Table) -> int:
    """Keep suspicions as open issues; a known one that nobody has looked at takes the newer score and evidence.

    Args:
        batch: `kind`, `record_id` (nullable), `evidence` (JSON), and where there are such `score` in [0, 1], `given`
            and `suggested` (JSON), `key` (told apart by, where kind, record and given value are not enough).

    Returns:
        How many were not known before. Issues that were sent, confirmed or corrected stay as they are.
    """
    rows = _rows(batch)
    if not rows.num_rows:
        return 0
    with store.transaction() as db, store.table("suspected", rows):
        before = _count(store)
        db.execute(
            """
            INSERT INTO issues BY NAME
            SELECT *
            FROM suspected
            ON CONFLICT (issue_id) DO UPDATE SET
                score = excluded.score,
                suggested = excluded.suggested,
                evidence = excluded.evidence,
                state = 'open',
                closed_at = NULL
            WHERE issues.state IN ('open', 'dismissed')
            """
        )
        return _count(store) - before


def _rows(batch: pa.Table) -> pa.Table:
    found = {}
    for row in batch.to_pylist():
        row = {"key": "", "score": None, "given": None, "suggested": None, **row}
        name = issue_id(row["kind"], row["record_id"], row["given"], row.pop("key") or "")
        found[name] = row | {"issue_id": name, "state": "open", "found_at": utc_now()}
    return pa.Table.from_pylist(list(found.values()), schema=COLUMNS)


def _count(store: Store) -> int:
    return int(store.read("SELECT count(*) AS n FROM issues")["n"][0].as_py())


def issues(store: Store, *, kind: str | None = None, states: Sequence[State] | None = None) -> pa.Table:
    """All columns of the issues of a kind in the given states (all by default), the most suspicious first."""
    return store.read(
        """
        SELECT *
        FROM issues
        WHERE ($1 IS NULL OR kind = $1)
          AND ($2 IS NULL OR list_contains($2, state))
        ORDER BY score DESC NULLS LAST, issue_id
        """,
        [kind, list(states) if states is not None else None],
    )


def open_issues(store: Store, kind: str | None = None, limit: int | None = None) -> pa.Table:
    """All columns of the issues that nobody has looked at yet, the most suspicious first, at most `limit`."""
    return issues(store, kind=kind, states=("open",)).slice(0, limit)


def set_state(
    store: Store, issue_ids: Sequence[str], state: State, *, assignment_ids: Sequence[str] | None = None
) -> None:
    """Say what became of issues.

    Args:
        issue_ids: Which; ids that are not there are left alone.
        state: `confirmed`, `corrected` and `dismissed` end an issue, and keep when.
        assignment_ids: The second looks that they led to, one for each of `issue_ids`; without it that column stays.
    """
    assignments = list(assignment_ids) if assignment_ids is not None else [None] * len(issue_ids)
    ids = pa.array(list(issue_ids), pa.string())
    changed = pa.table({"issue_id": ids, "assignment_id": pa.array(assignments, pa.string())})
    with store.transaction() as db, store.table("changed_issues", changed):
        db.execute(
            """
            UPDATE issues
            SET state = $1,
                assignment_id = coalesce(changed_issues.assignment_id, issues.assignment_id),
                closed_at = $2
            FROM changed_issues
            WHERE issues.issue_id = changed_issues.issue_id
            """,
            [state, utc_now() if state in ENDED else None],
        )
