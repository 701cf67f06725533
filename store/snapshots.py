"""Snapshots: the labelled data at one moment, named by what it says.

A snapshot's id is SHA-256 over its rows, sorted by record and written as canonical JSON lines; not over file bytes, so
the same labels have the same name on every machine and under every version of a file format. The rows are kept, so that
a snapshot can be built again after later answers.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from store.database import Store, utc_now
from store.errors import RequestError, TilthError
from store.label_schema import LabelSchema
from store.splits import inherit_splits
from store.versions import REPLACED

ROWS = pa.schema(
    [
        ("record_id", pa.string()),
        ("content_hash", pa.string()),
        ("split", pa.string()),
        ("group_id", pa.string()),
        ("value", pa.string()),
        ("quality", pa.float64()),
        ("annotations", pa.int32()),
        ("annotators", pa.int32()),
        ("method", pa.string()),
    ]
)
QUALITY_DIGITS = 6


class NothingLabelled(RequestError):
    """A snapshot of no labels was asked for."""


class SnapshotUnknown(RequestError):
    """There is no snapshot of that name."""


class SnapshotDamaged(TilthError):
    """The rows that were kept do not have the hash that names them."""


@dataclass(frozen=True)
class Snapshot:
    """The labelled data at one moment.

    Attributes:
        snapshot_id: SHA-256 over the sorted rows, 64 hex digits.
        rows: How many records it holds.
        manifest: Counts: `splits` and `classes` (split to class to records), `groups`, `methods`.
        schema_hash: Of the schema under which it was first taken.
        made_at: When it was first taken; taking it again unchanged keeps that time.
    """

    snapshot_id: str
    rows: int
    manifest: Mapping[str, Any]
    schema_hash: str
    made_at: datetime


def take_snapshot(store: Store, schema: LabelSchema, *, at: datetime | None = None) -> Snapshot:
    """Keep the labels as they are now, each with its record's content hash, split and group.

    A labelled record that is in no split belongs to `train`. Its group is what must not be torn apart: what `splits`
    says, joined with the cluster of near-equal records that it is in. Values stand under the classes' present names.
    Where these rows were kept before, nothing changes.

    Of the versions of a text (see `store.versions`) the present one counts, or while that has no label the newest one
    that has; all are in the split of the first, so that what is measured with is not trained on in other words.

    Args:
        at: The moment that is written down; now, when absent.

    Raises:
        NothingLabelled: No record has a label.
        LabelError: A label is none of the schema's.
    """
    inherit_splits(store)
    rows = _present_rows(store, schema)
    if not rows.num_rows:
        raise NothingLabelled(
            "No record has a label yet. Have people label some (tilth push -n 50, then tilth pull), or bring labels in "
            "(tilth import FILE --label COLUMN)."
        )
    snapshot_id = rows_hash(rows)
    manifest = json.dumps(_counts(rows, schema), sort_keys=True, ensure_ascii=False)
    with store.transaction() as db, store.table("snapshot_now", rows):
        db.execute(
            "INSERT OR IGNORE INTO snapshots VALUES ($1, $2, $3, $4, $5)",
            [snapshot_id, rows.num_rows, schema.hash, manifest, at or utc_now()],
        )
        db.execute("INSERT OR IGNORE INTO snapshot_rows SELECT $1, * FROM snapshot_now", [snapshot_id])
    return snapshot(store, snapshot_id)


def snapshot(store: Store, snapshot_id: str) -> Snapshot:
    """What is known of a snapshot, without its rows.

    Raises:
        SnapshotUnknown: It was never taken here.
    """
    found = store.read("SELECT * FROM snapshots WHERE snapshot_id = $1", [snapshot_id]).to_pylist()
    if not found:
        raise SnapshotUnknown(f'There is no snapshot "{snapshot_id}" in {store.path}; `tilth snapshot` takes one.')
    row = found[0]
    return Snapshot(snapshot_id, row["rows"], json.loads(row["manifest"]), row["schema_hash"], row["made_at"])


def snapshot_table(store: Store) -> pa.Table:
    """Every snapshot: `snapshot_id`, `rows`, `schema_hash`, `manifest` (JSON), `made_at`; oldest first."""
    return store.read("SELECT * FROM snapshots ORDER BY made_at, snapshot_id")


def rebuild(store: Store, snapshot_id: str) -> pa.Table:
    """The rows of a snapshot (`ROWS`), sorted by record, as they were when it was taken.

    Raises:
        SnapshotUnknown: It was never taken here.
        SnapshotDamaged: The rows no longer have the hash that names them.
    """
    snapshot(store, snapshot_id)
    rows = store.read(
        """
        SELECT record_id, content_hash, split, group_id, value, quality, annotations, annotators, method
        FROM snapshot_rows
        WHERE snapshot_id = $1
        ORDER BY record_id
        """,
        [snapshot_id],
    ).cast(ROWS)
    found = rows_hash(rows)
    if found != snapshot_id:
        raise SnapshotDamaged(
            f"The rows of snapshot {snapshot_id[:12]} in {store.path} have the hash {found[:12]}: they were changed "
            "from outside. Restore the store from a copy, or take a new snapshot."
        )
    return rows


def rows_hash(rows: pa.Table) -> str:
    """SHA-256 over rows (`ROWS`) as canonical JSON lines, sorted by record: the name of a snapshot."""
    digest = hashlib.sha256()
    for row in rows.select(ROWS.names).sort_by("record_id").to_pylist():
        line = row | {"value": json.loads(row["value"]), "quality": round(row["quality"], QUALITY_DIGITS)}
        digest.update(_canonical(line).encode() + b"\n")
    return digest.hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _present_rows(store: Store, schema: LabelSchema) -> pa.Table:
    rows = store.read(
        f"""
        SELECT record_id, content_hash, coalesce(split, 'train') AS split,
               coalesce(group_id, cluster_id, record_id) AS group_id, value, quality, annotations, annotators,
               labels.method
        FROM labels
        JOIN records USING (record_id)
        LEFT JOIN splits USING (record_id)
        LEFT JOIN duplicates USING (record_id)
        ANTI JOIN ({REPLACED}) AS replaced USING (record_id)
        ORDER BY record_id
        """
    ).to_pydict()
    joined = _joined_groups(store)
    written = {text: _present_value(schema, text) for text in dict.fromkeys(rows["value"])}
    rows["value"] = [written[text] for text in rows["value"]]
    rows["group_id"] = [joined.get(group, group) for group in rows["group_id"]]
    rows["quality"] = [round(quality, QUALITY_DIGITS) for quality in rows["quality"]]
    return pa.table(rows, schema=ROWS)


def _present_value(schema: LabelSchema, text: str) -> str:
    value = json.loads(text)
    schema.validate(value)
    return _canonical(schema.current(value))


def _joined_groups(store: Store) -> dict[str, str]:
    """Groups that near-equal records connect: each name to the smallest one among those it is connected with."""
    pairs = store.read(
        """
        SELECT DISTINCT group_id, cluster_id
        FROM splits
        JOIN duplicates USING (record_id)
        WHERE group_id <> cluster_id
        """
    ).to_pydict()
    return connected(zip(pairs["group_id"], pairs["cluster_id"], strict=True))


def connected(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """For each name in `pairs`, the smallest name that a chain of pairs connects it with (union-find)."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {name: root(name) for name in list(parent)}


def _counts(rows: pa.Table, schema: LabelSchema) -> dict[str, Any]:
    columns = rows.to_pydict()
    spoken = {text: sorted(schema.classes_in(json.loads(text))) for text in set(columns["value"])}
    classes: dict[str, Counter[str]] = {}
    for split, value in zip(columns["split"], columns["value"], strict=True):
        classes.setdefault(split, Counter()).update(spoken[value])
    return {
        "splits": dict(Counter(columns["split"])),
        "classes": {split: dict(found) for split, found in classes.items()},
        "groups": len(set(columns["group_id"])),
        "methods": dict(Counter(columns["method"])),
    }
