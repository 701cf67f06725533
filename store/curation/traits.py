"""Traits: what a step of curation found about a record, with the version that found it.

A record never changes, so a trait is found once; records come and versions change, and only what is missing is found.
"""

from collections.abc import Callable

import pyarrow as pa

from store.database import Store, utc_now

BATCH = 20_000

Step = Callable[[pa.Table], pa.Table]
Progress = Callable[[int, int | None], None]


def find_missing(store: Store, name: str, version: str, step: Step, progress: Progress | None = None) -> int:
    """Find a trait of every text record that has none of this version; gives how many records that were.

    Each batch becomes durable on its own, so that a run that is killed goes on where it was.

    Args:
        step: From `record_id` and `text` to `record_id` and further columns, which become the value as JSON.
        progress: Told how many of these records are done, of how many.
    """
    missing = """
        FROM records
        ANTI JOIN (SELECT record_id FROM traits WHERE name = $1 AND version = $2) AS known USING (record_id)
        WHERE text IS NOT NULL
    """
    total = int(store.read(f"SELECT count(*) AS n {missing}", [name, version])["n"][0].as_py())
    done = 0
    while done < total:
        batch = store.read(f"SELECT record_id, text {missing} LIMIT {BATCH}", [name, version])
        write_traits(store, name, version, step(batch))
        done += batch.num_rows
        if progress is not None:
            progress(done, total)
    return total


def write_traits(store: Store, name: str, version: str, found: pa.Table) -> None:
    """Keep a trait of the records of a batch; `found` has `record_id` and the columns that are its value."""
    columns = [column for column in found.column_names if column != "record_id"]
    packed = ", ".join(f"{column} := {column}" for column in columns)
    with store.transaction() as db, store.table("found_traits", found):
        db.execute(
            f"""
            INSERT OR REPLACE INTO traits
            SELECT record_id, $1, to_json(struct_pack({packed})), $2, $3
            FROM found_traits
            """,
            [name, version, utc_now()],
        )


def traits(store: Store, name: str) -> pa.Table:
    """What a step found: `record_id`, `value` (JSON), `version`, `found_at`, by id."""
    return store.read(
        "SELECT record_id, value, version, found_at FROM traits WHERE name = $1 ORDER BY record_id", [name]
    )
