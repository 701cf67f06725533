"""Clusters that lie in several splits: a later record may join two clusters that were apart when the splits were drawn.

The members that are measured with stay; those that are trained on give way.
"""

import json

import pyarrow as pa

from store.database import Store
from store.issues import add_issues, issues, set_state

KIND = "split-conflict"


def straddling(store: Store) -> pa.Table:
    """Records of training or validation that are near-equal to one that is measured with.

    Columns: `record_id`, `split`, `measured_id` (the smallest of those), `measured_split`, by id. A labelled record
    without a split is of training. Validation gives way only to test and holdout, and training to validation too.
    """
    return store.read(
        """
        WITH placed AS (
            SELECT record_id, cluster_id, coalesce(split, 'train') AS split,
                   CASE coalesce(split, 'train') WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END AS rank
            FROM duplicates
            LEFT JOIN splits USING (record_id)
            LEFT JOIN (SELECT record_id, true AS labelled FROM labels) AS answered USING (record_id)
            WHERE split IS NOT NULL OR labelled
        ),
        measured AS (
            SELECT cluster_id, max(rank) AS rank, arg_min(record_id, (-rank, record_id)) AS measured_id,
                   arg_min(split, (-rank, record_id)) AS measured_split
            FROM placed
            GROUP BY cluster_id
        )
        SELECT placed.record_id, placed.split, measured_id, measured_split
        FROM placed
        JOIN measured ON measured.cluster_id = placed.cluster_id AND placed.rank < measured.rank
        ORDER BY placed.record_id
        """
    )


def set_straddling_aside(store: Store) -> int:
    """Set aside what gives way, raise an issue of kind `split-conflict` for each, and give how many there are."""
    found = straddling(store).to_pylist()
    given = pa.table(
        {
            "record_id": pa.array([row["record_id"] for row in found], pa.string()),
            "reason": pa.array([f"near-equal to a record in {row['measured_split']}" for row in found], pa.string()),
        }
    )
    suspected = [
        {
            "kind": KIND,
            "record_id": row["record_id"],
            "evidence": json.dumps({name: row[name] for name in ("split", "measured_id", "measured_split")}),
        }
        for row in found
    ]
    with store.transaction() as db, store.table("giving_way", given):
        db.execute("DELETE FROM set_aside WHERE step = 'split'")
        db.execute("INSERT INTO set_aside SELECT record_id, 'split', reason FROM giving_way")
        if suspected:
            add_issues(store, pa.Table.from_pylist(suspected))
        end_issues(store, KIND, {row["record_id"] for row in found})
    return len(found)


def end_issues(store: Store, kind: str, still: set[str]) -> None:
    """Dismiss open issues of a kind about records that are not in `still`: what they were about is gone."""
    known = issues(store, kind=kind, states=("open",))
    pairs = zip(known["issue_id"].to_pylist(), known["record_id"].to_pylist(), strict=True)
    gone = [issue for issue, record in pairs if record not in still]
    if gone:
        set_state(store, gone, "dismissed")
