"""Snapshots: named by what they say, kept, built again."""

import hashlib
import json
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.database import Store
from store.errors import LabelError
from store.label_schema import LabelSchema
from store.labels import write_labels
from store.snapshots import (
    ROWS,
    NothingLabelled,
    SnapshotDamaged,
    SnapshotUnknown,
    connected,
    rebuild,
    rows_hash,
    snapshot_table,
    take_snapshot,
)
from store.splits import assign_splits
from tests.store.labelled_store import SCHEMA, fill, label_rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tilth.duckdb")


def test_the_id_is_the_hash_of_the_sorted_rows_as_canonical_json_lines(store):
    fill(store, 12)
    taken = take_snapshot(store, SCHEMA)
    lines = []
    for row in sorted(rebuild(store, taken.snapshot_id).to_pylist(), key=lambda r: r["record_id"]):
        row["value"] = json.loads(row["value"])
        lines.append(json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n")
    assert taken.snapshot_id == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_taking_it_again_unchanged_changes_nothing(store):
    fill(store)
    first = take_snapshot(store, SCHEMA)
    again = take_snapshot(store, SCHEMA)
    assert again == first
    assert snapshot_table(store).num_rows == 1
    assert store.read("SELECT count(*) AS n FROM snapshot_rows")["n"].to_pylist() == [60]


def test_a_snapshot_can_be_built_again_after_later_answers(store):
    ids = fill(store)
    first = take_snapshot(store, SCHEMA)
    before = rebuild(store, first.snapshot_id)
    write_labels(store, label_rows(ids[:5], [2] * 5, quality=0.4), withdrawn=ids[5:10])
    second = take_snapshot(store, SCHEMA)
    assert second.snapshot_id != first.snapshot_id
    assert second.rows == first.rows - 5
    assert rebuild(store, first.snapshot_id).equals(before)
    assert rows_hash(before) == first.snapshot_id


def test_a_labelled_record_without_a_split_is_for_training(store):
    ids = fill(store)
    rows = rebuild(store, take_snapshot(store, SCHEMA).snapshot_id).to_pylist()
    placed = {row["record_id"]: row["split"] for row in rows}
    assert placed[ids[1]] == "train"
    assert placed[ids[0]] == "holdout"


def test_the_manifest_counts_splits_and_classes(store):
    fill(store, 12)
    told = take_snapshot(store, SCHEMA).manifest
    assert sum(told["splits"].values()) == 12
    assert sum(sum(classes.values()) for classes in told["classes"].values()) == 12
    assert told["methods"] == {"majority": 12}


def test_near_equal_records_of_different_groups_are_one_group(store):
    ids = fill(store)
    assign_splits(store, pa.table({"record_id": [ids[1]], "split": ["train"], "group_id": ["thread"]}), origin="drawn")
    with store.transaction() as db:
        for one in ids[1:3]:
            db.execute("INSERT INTO duplicates VALUES ($1, 'cluster', $2, 0.9, 'test')", [one, ids[1]])
    rows = rebuild(store, take_snapshot(store, SCHEMA).snapshot_id).to_pylist()
    groups = {row["record_id"]: row["group_id"] for row in rows}
    assert groups[ids[1]] == groups[ids[2]] == "cluster"


def test_values_stand_under_the_present_names_and_a_rename_that_merges_nothing_is_another_snapshot(store):
    fill(store, 12)
    before = take_snapshot(store, SCHEMA)
    renamed = LabelSchema("text-classification", ("climate", "sport", "food | drink"), renamed={"weather": "climate"})
    after = take_snapshot(store, renamed)
    values = {json.loads(text)["label"] for text in rebuild(store, after.snapshot_id)["value"].to_pylist()}
    assert values == set(renamed.classes)
    assert after.snapshot_id != before.snapshot_id


def test_a_label_outside_the_schema_is_refused_and_nothing_is_kept(store):
    fill(store, 12)
    with pytest.raises(LabelError, match="weather"):
        take_snapshot(store, LabelSchema("text-classification", ("sport", "food | drink")))
    assert snapshot_table(store).num_rows == 0


def test_no_labels_at_all_is_refused(store):
    with pytest.raises(NothingLabelled, match="tilth push") as refusal:
        take_snapshot(store, SCHEMA)
    assert refusal.value.exit_code == 2


def test_rows_that_were_changed_from_outside_are_found_out(store):
    fill(store, 12)
    taken = take_snapshot(store, SCHEMA)
    with store.transaction() as db:
        db.execute("UPDATE snapshot_rows SET quality = 1 WHERE record_id = (SELECT min(record_id) FROM snapshot_rows)")
    with pytest.raises(SnapshotDamaged):
        rebuild(store, taken.snapshot_id)


def test_an_unknown_snapshot_is_refused(store):
    with pytest.raises(SnapshotUnknown, match="tilth snapshot"):
        rebuild(store, "0" * 64)


def test_ten_thousand_rows_take_less_than_a_second(store):
    fill(store, 10_000)
    started = time.process_time()
    taken = take_snapshot(store, SCHEMA)
    rebuild(store, taken.snapshot_id)
    seconds = time.process_time() - started
    assert seconds < 1, f"taking and building 10,000 rows again took {seconds:.2f} s"


rows_of_a_snapshot = st.lists(
    st.fixed_dictionaries(
        {
            "record_id": st.text("0123456789abcdef", min_size=1, max_size=32),
            "content_hash": st.text("0123456789abcdef", max_size=64),
            "split": st.sampled_from(("train", "test")),
            "group_id": st.text(max_size=5),
            "value": st.text(max_size=8).map(lambda text: json.dumps({"label": text})),
            "quality": st.floats(0, 1).map(lambda q: round(q, 6)),
            "annotations": st.integers(0, 9),
            "annotators": st.integers(0, 9),
            "method": st.sampled_from(("majority", "import")),
        }
    ),
    max_size=8,
    unique_by=lambda row: row["record_id"],
)


@given(rows_of_a_snapshot, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_writing_of_json_do_not_matter(rows, random):
    shuffled = [row | {"value": json.dumps(json.loads(row["value"]), indent=1, ensure_ascii=False)} for row in rows]
    random.shuffle(shuffled)
    assert rows_hash(pa.Table.from_pylist(rows, ROWS)) == rows_hash(pa.Table.from_pylist(shuffled, ROWS))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=12))
def test_connected_names_share_the_smallest_of_them(pairs):
    found = connected(pairs)
    neighbours = {name: {name} for pair in pairs for name in pair}
    for one, other in pairs:
        merged = neighbours[one] | neighbours[other]
        for name in merged:
            neighbours[name] = merged
    assert found == {name: min(group) for name, group in neighbours.items()}
