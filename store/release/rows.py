"""The rows of a release: a snapshot's labels with their texts and where each came from.

The holdout is released as `test`: records that were drawn at random, labelled by people and never trained on.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from store.database import Store
from store.errors import RequestError
from store.label_schema import LabelSchema, kind_module
from store.sightings import first_pages
from store.snapshots import rebuild

if TYPE_CHECKING:
    from datasets import Features

RELEASED_AS = {"train": "train", "validation": "validation", "test": "test", "holdout": "test"}
# A group that lies in several splits stays in the last of these that it is in.
PRECEDENCE = ("train", "validation", "test")
# Of every row, beside the label's own columns; the meaning is what the card says of it.
COLUMNS = {
    "record_id": ("string", "names the record; the same thing gathered again has the same"),
    "text": ("string", "the text that people read"),
    "project_split": ("string", "`train`, `validation`, `test` or `holdout`, as the project had it"),
    "group_id": ("string", "records of one group are near-equal or belong together, and are never in two splits"),
    "source": ("string", "the source it came from"),
    "url": ("string", "where it was found"),
    "fetched_at": ("timestamp[us, tz=UTC]", "when the page was fetched on which it was first seen"),
    "content_hash": ("string", "SHA-256 of the text's UTF-8 bytes"),
    "method": ("string", "how the label was resolved from the answers"),
    "annotations": ("int32", "how many answers stand behind the label"),
    "annotators": ("int32", "how many people gave them"),
    "quality": ("float64", "how much the answers support the label, 0 to 1"),
    "warc_file": (
        "string",
        "the WARC file that keeps the page byte for byte (kept by the project, not part of the release)",
    ),
    "warc_offset": ("int64", "where in that file"),
}
PROVENANCE = tuple(name for name in COLUMNS if name not in ("record_id", "text"))


class NothingToRelease(RequestError):
    """No row of the snapshot can be released."""


@dataclass(frozen=True)
class ReleaseRows:
    """What a release holds.

    Attributes:
        splits: Rows by released split, in the order train, validation, test, each sorted by record; no empty ones.
        class_counts: Rows by released split and class.
        set_aside: Rows left out because their group lies in a later split too.
        without_text: Rows left out because the record has no text.
    """

    splits: Mapping[str, pa.Table]
    class_counts: Mapping[str, Mapping[str, int]]
    set_aside: int
    without_text: int


def release_features(schema: LabelSchema) -> "Features":
    """The types of a release's columns, as `datasets` knows them."""
    from datasets import Features

    label = kind_module("store", schema.kind).release_columns(schema)
    spec = [{"name": name, "dtype": COLUMNS[name][0]} for name in ("record_id", "text")]
    spec += [{"name": name, **kind} for name, kind in label.items()]
    spec += [{"name": name, "dtype": COLUMNS[name][0]} for name in PROVENANCE]
    return Features._from_yaml_list(spec)


def release_rows(store: Store, snapshot_id: str, schema: LabelSchema) -> ReleaseRows:
    """The rows of a snapshot that can be released, with their provenance, by split.

    Raises:
        SnapshotUnknown, SnapshotDamaged: There is no such snapshot, or it is not what it was.
        LabelError: A label of the snapshot is no class of the schema now.
        NothingToRelease: No row is left.
    """
    found = _with_provenance(store, rebuild(store, snapshot_id))
    has_text = pc.fill_null(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(found["text"])), 0), False)
    rows = found.filter(has_text)
    released, kept = _whole_groups(rows["project_split"].to_pylist(), rows["group_id"].to_pylist())
    place = pa.array([split if stays else None for split, stays in zip(released, kept, strict=True)], pa.string())
    if place.null_count == len(place):
        raise NothingToRelease(
            f"No labelled record of snapshot {snapshot_id[:12]} has a text; there is nothing to release."
        )
    table = _labelled(rows, schema)
    splits, counts = {}, {}
    for split in PRECEDENCE:
        here = pc.fill_null(pc.equal(place, split), False)
        if pc.any(here).as_py():
            splits[split] = table.filter(here).combine_chunks()
            counts[split] = _class_counts(rows["value"].filter(here).to_pylist(), schema)
    return ReleaseRows(splits, counts, kept.count(False), found.num_rows - rows.num_rows)


def _class_counts(values: list[str], schema: LabelSchema) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for text, times in Counter(values).items():
        for name in schema.classes_in(schema.current(json.loads(text))):
            counts[name] += times
    return dict(counts)


def _with_provenance(store: Store, rows: pa.Table) -> pa.Table:
    pages = first_pages(store, rows["record_id"].to_pylist())
    with store.table("snapshot_of_release", rows), store.table("first_pages_of_release", pages):
        return store.read(
            """
            SELECT record_id, text, value, split AS project_split, group_id, source_name AS source,
                   coalesce(records.url, final_url, first_seen.url) AS url, fetched_at, labelled.content_hash,
                   method, annotations, annotators, quality, warc_file, warc_offset
            FROM snapshot_of_release AS labelled
            JOIN records USING (record_id)
            JOIN first_pages_of_release AS first_seen USING (record_id)
            ORDER BY record_id
            """
        )


def _whole_groups(project_splits: list[str], groups: list[str]) -> tuple[list[str], list[bool]]:
    """The released split of each row, and whether it stays: of a group in several, the members in the last do."""
    released = [RELEASED_AS[split] for split in project_splits]
    place = [PRECEDENCE.index(split) for split in released]
    last: dict[str, int] = {}
    for group, where in zip(groups, place, strict=True):
        last[group] = max(where, last.get(group, 0))
    return released, [where == last[group] for group, where in zip(groups, place, strict=True)]


def _labelled(rows: pa.Table, schema: LabelSchema) -> pa.Table:
    features = release_features(schema)
    values_of = kind_module("store", schema.kind).release_values
    known: dict[str, dict[str, Any]] = {}
    for text in dict.fromkeys(rows["value"].to_pylist()):
        value = schema.current(json.loads(text))
        schema.validate(value)
        known[text] = values_of(schema, value)
    labels = [known[text] for text in rows["value"].to_pylist()]
    arrow = features.arrow_schema
    columns = [
        rows[name].cast(arrow.field(name).type)
        if name in COLUMNS
        else pa.array([label[name] for label in labels], arrow.field(name).type)
        for name in arrow.names
    ]
    return pa.Table.from_arrays(columns, schema=arrow)
