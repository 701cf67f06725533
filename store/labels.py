"""Labels: what is believed about a record now, resolved from its annotations."""

from collections.abc import Sequence

import pyarrow as pa

from store.database import Store

COLUMNS = pa.schema(
    [
        ("record_id", pa.string()),
        ("value", pa.string()),
        ("quality", pa.float64()),
        ("annotations", pa.int32()),
        ("annotators", pa.int32()),
        ("method", pa.string()),
        ("schema_hash", pa.string()),
        ("resolved_at", pa.timestamp("us", tz="UTC")),
    ]
)


def write_labels(store: Store, batch: pa.Table, *, withdrawn: Sequence[str] = ()) -> int:
    """Let `batch` (the table's columns, one row a record) be what is believed of its records.

    Args:
        batch: A row that says the same as the one that is there leaves it, with its time, as it is.
        withdrawn: Records whose answers were all taken back: they lose their label.

    Returns:
        How many labels were written or removed.
    """
    rows = batch.select(COLUMNS.names).cast(COLUMNS)
    gone = pa.table({"record_id": pa.array(list(withdrawn), pa.string())})
    with store.transaction() as db, store.table("believed", rows), store.table("withdrawn", gone):
        removed = db.execute("DELETE FROM labels WHERE record_id IN (SELECT record_id FROM withdrawn)").fetchall()
        written = db.execute(
            """
            INSERT OR REPLACE INTO labels BY NAME
            SELECT *
            FROM believed
            ANTI JOIN labels USING (record_id, value, quality, annotations, annotators, method, schema_hash)
            """
        ).fetchall()
        return int(removed[0][0]) + int(written[0][0])


def labels(store: Store, ids: Sequence[str] | None = None) -> pa.Table:
    """All columns of the labels by record id, or of the records `ids` in their order, without those that have none."""
    if ids is None:
        return store.read("SELECT * FROM labels ORDER BY record_id")
    wanted = pa.table({"record_id": pa.array(list(ids), pa.string()), "place": pa.array(range(len(ids)), pa.int64())})
    with store.table("wanted", wanted):
        return store.read(
            """
            SELECT labels.*
            FROM wanted
            JOIN labels USING (record_id)
            ORDER BY place
            """
        )
