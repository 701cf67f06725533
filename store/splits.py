"""Splits: which records are trained on, and which measure; a group is never torn apart."""

import pyarrow as pa

from store.database import Store, utc_now
from store.versions import OUTDATED, VERSIONS

SPLITS = ("train", "validation", "test", "holdout")


def assign_splits(store: Store, batch: pa.Table, *, origin: str) -> int:
    """Put records into splits and give how many were new; a record that is in one already stays there.

    `batch` has `record_id` and `split`, and may have `group_id` (default: the record itself). `origin` is `drawn` or
    `import`.
    """
    groups = batch["group_id"] if "group_id" in batch.column_names else batch["record_id"]
    rows = pa.table({"record_id": batch["record_id"], "split": batch["split"], "group_id": groups})
    with store.transaction() as db, store.table("split_rows", rows):
        done = db.execute(
            "INSERT OR IGNORE INTO splits SELECT record_id, split, group_id, $1, $2 FROM split_rows",
            [origin, utc_now()],
        ).fetchall()
    return int(done[0][0])


def inherit_splits(store: Store) -> int:
    """Put every version of a text that is in no split beside the one that is, into its split and group.

    So what supersedes a record that is measured with is never trained on. Of several, the split that is measured with
    counts. Gives how many records that were.
    """
    with store.transaction() as db:
        done = db.execute(
            f"""
            WITH versions AS MATERIALIZED ({VERSIONS}),
            placed AS (
                SELECT family_id, splits.*, CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END AS rank,
                       depth
                FROM versions
                JOIN splits USING (record_id)
            ),
            strictest AS (
                SELECT family_id, arg_min((split, group_id, origin), (-rank, depth, record_id)) AS first
                FROM placed
                GROUP BY family_id
            )
            INSERT INTO splits
            SELECT record_id, first[1], first[2], first[3], $1
            FROM versions
            JOIN strictest USING (family_id)
            ANTI JOIN splits USING (record_id)
            """,
            [utc_now()],
        ).fetchall()
    return int(done[0][0])


def splits(store: Store) -> pa.Table:
    """Every record that is in a split: `record_id`, `split`, `group_id`, `origin`, `assigned_at`, by id."""
    return store.read("SELECT * FROM splits ORDER BY record_id")


def split_counts(store: Store) -> pa.Table:
    """How many records are in each split, of several versions the present one: `split`, `records`."""
    return store.read(
        f"""
        SELECT split, count(*) AS records
        FROM splits
        ANTI JOIN ({OUTDATED}) AS past USING (record_id)
        GROUP BY split
        ORDER BY split
        """
    )
