"""The rows of a release: a snapshot's labels with their texts and where each came from.

The holdout is released as `test`: records that were drawn at random, labelled by people and never trained on.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from store.database import Store
from store.errors import RequestError
from store.label_schema import LabelSchema, kind_module
from store.page_decisions import record_decisions, refresh_rights
from store.release.evidence import evidence_of
from store.release.transform import Transform
from store.rights import SIGNALS, Decision, RightsPolicy
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
        held_back: The records left out because the policy forbids to publish them.
        because: How many of them for each kind of evidence; one may count for several.
        permitted: How many rows are there by each stated permission.
        transformed_away: Rows that the transform left out.
        record_ids: The records that are in it, by the store's ids, whatever a transform made of them.
        evidence: See `store.release.evidence`.
    """

    splits: Mapping[str, pa.Table]
    class_counts: Mapping[str, Mapping[str, int]]
    set_aside: int
    without_text: int
    held_back: tuple[str, ...]
    because: Mapping[str, int]
    permitted: Mapping[str, int]
    transformed_away: int
    record_ids: tuple[str, ...]
    evidence: pa.Table


def release_features(schema: LabelSchema) -> "Features":
    """The types of a release's columns, as `datasets` knows them."""
    from datasets import Features

    label = kind_module("store", schema.kind).release_columns(schema)
    spec = [{"name": name, "dtype": COLUMNS[name][0]} for name in ("record_id", "text")]
    spec += [{"name": name, **kind} for name, kind in label.items()]
    spec += [{"name": name, "dtype": COLUMNS[name][0]} for name in PROVENANCE]
    return Features._from_yaml_list(spec)


def release_rows(
    store: Store,
    snapshot_id: str,
    schema: LabelSchema,
    policy: RightsPolicy,
    transform: Transform | None = None,
) -> ReleaseRows:
    """The rows of a snapshot that can be released, with their provenance, by split.

    Raises:
        SnapshotUnknown, SnapshotDamaged: There is no such snapshot, or it is not what it was.
        LabelError: A label of the snapshot is no class of the schema now.
        NothingToRelease: No row is left.
    """
    found = _with_provenance(store, rebuild(store, snapshot_id))
    has_text = pc.fill_null(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(found["text"])), 0), False)
    texts = found.filter(has_text)
    refresh_rights(store, policy)
    decisions = record_decisions(store, texts["record_id"].to_pylist())
    may_go = [_may_go(decisions.get(one)) for one in texts["record_id"].to_pylist()]
    rows = texts.filter(pa.array(may_go, pa.bool_()))
    released, kept = _whole_groups(rows["project_split"].to_pylist(), rows["group_id"].to_pylist())
    told = _labelled(rows, schema)
    # A transform may change ids and leave rows out: what tells which row is which travels with it.
    for name, values in (("_record", rows["record_id"]), ("_value", rows["value"]), ("_split", pa.array(released))):
        told = told.append_column(name, values)
    whole = told.filter(pa.array(kept, pa.bool_()))
    table = transform(whole) if transform is not None else whole
    held_back = tuple(one for one, decision in decisions.items() if not decision.publish)
    if not table.num_rows:
        raise NothingToRelease(_why_nothing(snapshot_id, texts.num_rows, len(held_back)))
    splits, counts = {}, {}
    for split in PRECEDENCE:
        part = table.filter(pc.equal(table["_split"], split))
        if part.num_rows:
            splits[split] = part.drop_columns(["_record", "_value", "_split"]).combine_chunks()
            counts[split] = _class_counts(part["_value"].to_pylist(), schema)
    return ReleaseRows(
        splits,
        counts,
        set_aside=kept.count(False),
        without_text=found.num_rows - texts.num_rows,
        held_back=tuple(sorted(held_back)),
        because=_because(decisions[one] for one in held_back),
        permitted=_permitted(decisions.get(one) for one in table["_record"].to_pylist()),
        transformed_away=whole.num_rows - table.num_rows,
        record_ids=tuple(sorted(table["_record"].to_pylist())),
        evidence=evidence_of(store, table.select(["_record", "record_id", "url"]), decisions, policy),
    )


def _may_go(decision: Decision | None) -> bool:
    return decision is None or decision.publish


def _because(decisions: Iterable[Decision]) -> dict[str, int]:
    counts = Counter(reason for decision in decisions for reason in decision.reasons)
    return {reason: counts[reason] for reason in SIGNALS if counts[reason]}


def _permitted(decisions: Iterable[Decision | None]) -> dict[str, int]:
    counts = Counter(one.permission for one in decisions if one is not None and one.permission)
    return dict(sorted(counts.items()))


def _why_nothing(snapshot_id: str, with_text: int, held_back: int) -> str:
    if held_back:
        return (
            f"Of the {with_text} labelled records of snapshot {snapshot_id[:12]} that have a text, {held_back} may not "
            "be published because of what their pages say, and none is left. tilth status says what they say; [rights] "
            "in tilth.toml says what that forbids, and takes permissions."
        )
    if with_text:
        return f"No labelled record of snapshot {snapshot_id[:12]} is left to release after personal data was dropped."
    return f"No labelled record of snapshot {snapshot_id[:12]} has a text to release; label records of text first."


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
