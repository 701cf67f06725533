"""What goes out holds no personal data that curation can find, and not the key either."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.curation.pii.find import finder
from store.curation.pseudonyms import project_key, release_transform
from store.curation.settings import CurationSettings
from store.database import Store
from store.labels import write_labels
from store.records import add_records, content_hash, record_id
from store.release.build import build_release, verify
from store.release.facts import ReleaseFacts
from store.snapshots import take_snapshot
from tests.store.labelled_store import AT, SCHEMA, label_rows

TEXTS = ["Rain again; write to jane@example.org", "The match was lost", "Call +44 20 7946 0958 for tea"]
FACTS = ReleaseFacts("forum", "", "cc-by-4.0", ("en",), SCHEMA)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        ids = add_records(opened, pa.table({"text": TEXTS}), source_name="forum").record_ids
        write_labels(opened, label_rows(ids, [0, 1, 2]))
        yield opened


def build(store: Store, folder: Path, policy: str):
    transform = release_transform(policy, finder(CurationSettings()), folder.parent)
    taken = take_snapshot(store, SCHEMA, at=AT)
    return build_release(store, taken.snapshot_id, folder, FACTS, transform=transform)


def rows_of(release):
    return [row for name in release.files if name.endswith(".parquet") for row in _rows(release.folder / name)]


def _rows(path):
    return pq.read_table(path).to_pylist() if path.parent.name == "data" else []


def test_no_file_of_it_holds_personal_data_a_hash_of_it_or_the_key(store, tmp_path):
    release = build(store, tmp_path / "out", "pseudonymise")
    verify(release)
    told = [content_hash(text) for text in (TEXTS[0], TEXTS[2])]
    told += [record_id("forum", None, one) for one in told]
    told += ["jane@example.org", "7946", project_key(tmp_path).hex()]
    for path in release.folder.rglob("*"):
        if path.is_file():
            written = path.read_bytes()
            rows = json.dumps(pq.read_table(path).to_pylist(), default=str) if path.suffix == ".parquet" else ""
            assert [one for one in told if one.encode() in written or one in rows] == []


def test_labels_and_other_rows_are_as_they_were(store, tmp_path):
    kept = {row["content_hash"]: row for row in rows_of(build(store, tmp_path / "kept", "keep"))}
    rows = rows_of(build(store, tmp_path / "out", "pseudonymise"))
    assert sorted(row["label"] for row in rows) == [0, 1, 2]
    (same,) = [row for row in rows if row["text"] == TEXTS[1]]
    assert same == kept[content_hash(TEXTS[1])]


def test_the_same_snapshot_and_key_give_the_same_bytes(store, tmp_path):
    one, other = (build(store, tmp_path / name, "pseudonymise") for name in ("one", "other"))
    assert one.content_hash == other.content_hash


def test_dropped_rows_are_counted(store, tmp_path):
    release = build(store, tmp_path / "out", "drop")
    assert [row["text"] for row in rows_of(release)] == [TEXTS[1]]
    assert release.transformed_away == 2
