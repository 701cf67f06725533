"""Ingest of records in batches of 10,000 (2 KB each), against a bare Arrow insert into the same keyed table.

Both go batch by batch in turn, into two files of the same tables, so that a slow moment of the machine meets both.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from claim import Proof, arguments, at_least, reported
from store.database import Store, utc_now
from store.records import add_records, records

ROWS = 10_000
TEXT_BYTES = 2_000


def batch(number: int) -> pa.Table:
    """Records as a crawl brings them."""
    return pa.table(
        {
            "natural_key": [f"{number}-{row}" for row in range(ROWS)],
            "text": [os.urandom(TEXT_BYTES // 2).hex() for _ in range(ROWS)],
            "url": [f"https://forum.example/t/{number}/{row}" for row in range(ROWS)],
            "metadata": ['{"author": "somebody"}'] * ROWS,
        }
    )


def bare_insert(store: Store, rows: pa.Table) -> float:
    """Seconds to insert ready-made rows of the table."""
    began = time.perf_counter()
    with store.table("bare_rows", rows):
        store.connection.execute("INSERT INTO records SELECT * FROM bare_rows")
    return time.perf_counter() - began


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__)
    proof = Proof("store_ingest", compares="add_records against a bare Arrow insert, in turn", quick=options.quick)
    ours: list[float] = []
    bare: list[float] = []
    with (
        tempfile.TemporaryDirectory() as place,
        Store(Path(place) / "ours.duckdb") as store,
        Store(Path(place) / "bare.duckdb") as other,
    ):
        for number in range(4 if options.quick else 16):
            given = batch(number)
            began = time.perf_counter()
            added = add_records(store, given, source_name="benchmark")
            ours.append(time.perf_counter() - began)
            ready = records(store, added.record_ids).set_column(
                11, "added_at", pa.array([utc_now()] * ROWS, pa.timestamp("us", tz="UTC"))
            )
            bare.append(bare_insert(other, ready))
    ratio = statistics.median(b / o for b, o in zip(bare, ours, strict=True))
    runs = [b / o for b, o in zip(bare, ours, strict=True)]
    proof.add(at_least("rate of add_records to a bare insert, median of batches", ratio, 0.5, unit="ratio", runs=runs))
    proof.add(reported("add_records", ROWS / statistics.median(ours), unit="rows/s"))
    proof.add(reported("bare insert", ROWS / statistics.median(bare), unit="rows/s"))
    raise SystemExit(proof.publish())


if __name__ == "__main__":
    main()
