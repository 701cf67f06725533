"""What the rights in pages do to a release: what it leaves out, what it says of that, and the evidence it carries."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from store.database import Store
from store.labels import write_labels
from store.records import add_records
from store.release.build import Release, build_release
from store.release.evidence import EVIDENCE
from store.release.facts import ReleaseFacts
from store.release.folder import publish_to_folder
from store.release.rows import NothingToRelease
from store.release.transform import Transform
from store.rights import Permission, RightsPolicy
from store.snapshots import take_snapshot
from tests.store.evidence_pages import FIRST, LICENSED, NOAI, RESERVED, add_page
from tests.store.labelled_store import AT, SCHEMA, label_rows

FACTS = ReleaseFacts("forum", "Messages.", "CC-BY-4.0", ("en",), SCHEMA)
TEXTS = [f"message {i}" for i in range(9)]
CONSENT = RightsPolicy(permissions={"forum": Permission("CC-BY-4.0", "written consent of 2026-01-01")})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tilth.duckdb")


@pytest.fixture
def ids(store: Store) -> list[str]:
    """Nine labelled records: 3 on a free page, 2 on one that opts out, 1 on both, 1 reserved, 2 imported."""
    ids = add_records(store, pa.table({"text": TEXTS[:7]}), source_name="forum").record_ids
    ids += add_records(store, pa.table({"text": TEXTS[7:]}), source_name="old.csv").record_ids
    write_labels(store, label_rows(ids, [i % 3 for i in range(9)]))
    add_page(store, "free", LICENSED, records=[*ids[:3], ids[5]])
    add_page(store, "noai", NOAI, records=ids[3:6])
    add_page(store, "reserved", RESERVED, records=[ids[6]])
    return ids


def release_of(store: Store, folder: Path, **settings: object) -> Release:
    """The release of the labels as they are now."""
    return build_release(store, take_snapshot(store, SCHEMA, at=AT).snapshot_id, folder, FACTS, **settings)


def rows_of(release: Release) -> dict[str, dict]:
    tables = [pq.read_table(release.folder / name) for name in release.files if name.startswith("data/")]
    return {row["record_id"]: row for table in tables for row in table.to_pylist()}


def evidence_of(release: Release) -> list[dict]:
    table = pq.read_table(release.folder / "evidence.parquet")
    assert table.schema.equals(EVIDENCE)
    return table.to_pylist()


def card_of(release: Release) -> str:
    return (release.folder / "README.md").read_text(encoding="utf-8")


def test_what_may_not_be_published_is_left_out_and_counted_by_reason(store, ids, tmp_path):
    release = release_of(store, tmp_path / "out")
    assert set(rows_of(release)) == {*ids[:3], *ids[7:]}
    assert (release.held_back, release.because) == (4, {"noai": 3, "tdm-reservation": 1})
    assert "4 labelled records are not in this release, because of what the pages say" in card_of(release)
    assert "| the page asks AI to keep out (noai) | 3 |" in card_of(release)


def test_the_evidence_of_every_row_stands_beside_it_and_of_no_other(store, ids, tmp_path):
    release = release_of(store, tmp_path / "out")
    rows = evidence_of(release)
    assert {row["record_id"] for row in rows} == set(rows_of(release))
    crawled = next(row for row in rows if row["record_id"] == ids[0])
    assert (crawled["url"], crawled["fetched_at"]) == ("https://forum.example/free", FIRST)
    assert json.loads(crawled["evidence"])["items"] == LICENSED
    assert (crawled["evidence_hash"], crawled["decision"]) == ("hash of free", "publish")
    imported = next(row for row in rows if row["record_id"] == ids[8])
    assert (imported["url"], imported["evidence"], imported["decision"]) == (None, None, "brought in")


def test_the_manifest_holds_the_policy_that_decided(store, ids, tmp_path):
    told = json.loads((release_of(store, tmp_path / "out").folder / "tilth.json").read_text(encoding="utf-8"))
    assert told["rights"]["policy_hash"] == RightsPolicy().hash
    assert told["rights"]["policy"]["forbids"]["noai"] == "publish"
    assert told["files"]["evidence.parquet"]["sha256"]


def test_a_permission_lets_rows_in_and_is_named(store, ids, tmp_path):
    release = release_of(store, tmp_path / "out", policy=CONSENT)
    assert set(rows_of(release)) == set(ids)
    assert "4 rows are here by a permission: CC-BY-4.0: written consent of 2026-01-01." in card_of(release)
    permitted = [row for row in evidence_of(release) if row["permission"]]
    assert {row["record_id"] for row in permitted} == set(ids[3:7])


def test_the_same_snapshot_and_policy_give_the_same_bytes(store, ids, tmp_path):
    one, other = release_of(store, tmp_path / "one"), release_of(store, tmp_path / "other")
    assert [(one.folder / p).read_bytes() for p in one.paths] == [(other.folder / p).read_bytes() for p in other.paths]


def test_a_site_that_opts_out_later_is_heard_by_the_next_release_which_says_so(store, ids, tmp_path):
    first = release_of(store, tmp_path / "one")
    publish_to_folder(store, first, tmp_path / "published")
    assert first.withdrawn == 0
    add_page(store, "free again", NOAI, url="https://forum.example/free", day=9, status=304)
    second = release_of(store, tmp_path / "two")
    assert set(rows_of(second)) == set(ids[7:])
    assert (second.snapshot_id, second.withdrawn) == (first.snapshot_id, 3)
    assert "3 of these were in an earlier release." in card_of(second)
    publish_to_folder(store, second, tmp_path / "published")
    assert release_of(store, tmp_path / "three").content_hash == second.content_hash


def test_what_was_built_and_never_published_is_not_withdrawn(store, ids, tmp_path):
    release_of(store, tmp_path / "one", policy=CONSENT)
    assert release_of(store, tmp_path / "two").withdrawn == 0


def test_when_everything_is_held_back_the_refusal_says_why(store, tmp_path):
    ids = add_records(store, pa.table({"text": ["only"]}), source_name="forum").record_ids
    write_labels(store, label_rows(ids, [0]))
    add_page(store, "noai", NOAI, records=ids)
    with pytest.raises(NothingToRelease, match=r"may not be published because of what their pages say.*\[rights\]"):
        release_of(store, tmp_path / "out")


def test_a_held_back_record_of_a_measuring_split_does_not_push_its_group_out_of_training(store, ids, tmp_path):
    with store.transaction() as db:
        for one in (ids[0], ids[3]):
            db.execute("INSERT INTO duplicates VALUES ($1, $2, $2, 0.95, 'test')", [one, ids[0]])
        db.execute("INSERT INTO splits VALUES ($1, 'holdout', $1, 'drawn', $2)", [ids[3], AT])
    release = release_of(store, tmp_path / "out")
    assert ids[0] in rows_of(release)
    assert release.set_aside == 0


def shouting(table: pa.Table) -> pa.Table:
    """Texts in capitals, ids of their own, no addresses, and the row of `message 1` left out."""
    for name, values in {
        "text": pc.utf8_upper(table["text"]),
        "record_id": pa.array([f"new {one}" for one in table["record_id"].to_pylist()]),
        "url": pa.nulls(len(table), pa.string()),
    }.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), values)
    return table.filter(pc.not_equal(table["text"], "MESSAGE 1"))


def test_a_transform_is_applied_to_every_row_and_named(store, ids, tmp_path):
    release = release_of(store, tmp_path / "out", transform=Transform("shouting", "2", shouting))
    rows = rows_of(release)
    assert {row["text"] for row in rows.values()} == {"MESSAGE 0", "MESSAGE 2", "MESSAGE 7", "MESSAGE 8"}
    told = json.loads((release.folder / "tilth.json").read_text(encoding="utf-8"))
    assert told["transform"] == {"name": "shouting", "version": "2", "left_out": 1}
    assert "Before it was written: shouting (version 2), which left out 1 record." in card_of(release)
    assert sum(release.splits.values()) == 4


def test_evidence_knows_rows_by_the_ids_of_the_release_and_shows_no_address_that_was_taken_away(store, ids, tmp_path):
    release = release_of(store, tmp_path / "out", transform=Transform("shouting", "2", shouting))
    evidence = evidence_of(release)
    assert {row["record_id"] for row in evidence} == set(rows_of(release))
    assert {row["url"] for row in evidence} == {None}
    assert any(row["evidence"] for row in evidence)


def test_a_transform_that_changes_columns_is_refused(store, ids, tmp_path):
    with pytest.raises(ValueError, match="changed the columns"):
        release_of(store, tmp_path / "out", transform=Transform("bad", "1", lambda table: table.drop_columns(["text"])))
