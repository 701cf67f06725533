"""Annotations as rows, for tests that need no store."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from store.label_schema import LabelSchema

SCHEMA = LabelSchema("text-classification", ("soil", "water", "seed"), renamed={"earth": "soil"})
MORNING = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)

COLUMNS = pa.schema(
    [
        ("origin", pa.string()),
        ("external_id", pa.string()),
        ("revision", pa.string()),
        ("sequence", pa.int64()),
        ("record_id", pa.string()),
        ("assignment_id", pa.string()),
        ("annotator", pa.string()),
        ("value", pa.string()),
        ("annotated_at", pa.timestamp("us", tz="UTC")),
        ("lead_time", pa.float64()),
        ("model_id", pa.string()),
        ("schema_hash", pa.string()),
        ("state", pa.string()),
    ]
)


def said(record: str, annotator: str, label: str, **more: Any) -> dict[str, Any]:
    """One answer; `more` overrides columns."""
    return {"record_id": record, "annotator": annotator, "value": json.dumps({"label": label}), **more}


def annotations(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """The rows as a table; what a row leaves out follows from its place: a later row was given a minute later."""
    filled = [
        {
            "origin": "studio/1",
            "external_id": str(place),
            "revision": "1",
            "sequence": place,
            "assignment_id": f"first look {row['record_id']}",
            "annotated_at": MORNING + timedelta(minutes=place),
            "lead_time": 4.0,
            "schema_hash": SCHEMA.hash,
            "state": "given",
        }
        | row
        for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(filled, schema=COLUMNS)
