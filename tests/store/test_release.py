"""Releases: what stands in them, what never does, and that the same snapshot gives the same bytes."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from store.database import Store
from store.label_schema import LabelSchema
from store.labels import write_labels
from store.records import add_records
from store.release.build import NotARelease, Release, build_release, read_release, verify
from store.release.facts import Agreement, LicenceMissing, Measured, ModelFacts, ReleaseFacts, folder_hash, source_facts
from store.release.licences import licence_fields
from store.release.placing import FolderOccupied, beside, put_in_place, settle
from store.release.rows import COLUMNS, NothingToRelease
from store.snapshots import take_snapshot
from store.splits import assign_splits
from tests.store.labelled_store import AT, MORNING, SCHEMA, fill, label_rows, texts

FACTS = ReleaseFacts(
    name="forum",
    description="Messages from a forum.",
    license="CC-BY-4.0",
    language=("en",),
    schema=SCHEMA,
    agreement=Agreement(0.71, 20, 3),
    model=ModelFacts("m1", "probe", "all-MiniLM-L6-v2@1", "0" * 64, {"accuracy": Measured(0.81, 0.77, 0.85)}, 8),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tilth.duckdb")


def release_of(store: Store, folder: Path, facts: ReleaseFacts = FACTS, **settings: int) -> Release:
    """The release of the labels as they are now."""
    return build_release(store, take_snapshot(store, facts.schema, at=AT).snapshot_id, folder, facts, **settings)


def rows_of(release: Release) -> list[dict]:
    """All rows, with the split that each stands in."""
    found = []
    for name in release.files:
        if name.startswith("data/"):
            split = Path(name).name.split("-")[0]
            found += [row | {"split": split} for row in pq.read_table(release.folder / name).to_pylist()]
    return found


def front_matter(release: Release) -> dict:
    """The card's YAML."""
    text = (release.folder / "README.md").read_text(encoding="utf-8")
    return yaml.safe_load(text.split("---\n")[1])


def test_every_labelled_record_stands_once_with_its_provenance(store, tmp_path):
    ids = fill(store)
    rows = {row["record_id"]: row for row in rows_of(release_of(store, tmp_path / "out"))}
    assert set(rows) == set(ids)
    crawled, imported = rows[ids[1]], rows[ids[31]]
    assert crawled["text"] == texts(60)[1]
    assert crawled["label"] == 1
    assert crawled["url"] == "https://forum.example/page/1"
    assert crawled["fetched_at"] == MORNING + timedelta(days=1)
    assert (crawled["warc_file"], crawled["warc_offset"]) == ("warc/forum.warc.gz", 1000)
    assert (crawled["source"], crawled["method"], crawled["annotators"]) == ("forum", "majority", 2)
    assert imported["source"] == "old.csv"
    assert imported["fetched_at"] is None


def test_the_holdout_is_released_as_test_and_says_so(store, tmp_path):
    ids = fill(store)
    release = release_of(store, tmp_path / "out")
    rows = {row["record_id"]: row for row in rows_of(release)}
    assert rows[ids[0]]["split"] == "test"
    assert rows[ids[0]]["project_split"] == "holdout"
    assert "(the project's holdout)" in (release.folder / "README.md").read_text(encoding="utf-8")


def test_the_same_snapshot_gives_the_same_bytes(store, tmp_path):
    fill(store)
    one = release_of(store, tmp_path / "one")
    other = release_of(store, tmp_path / "other")
    assert [(one.folder / p).read_bytes() for p in one.paths] == [(other.folder / p).read_bytes() for p in other.paths]


def test_later_answers_and_pages_do_not_change_the_release_of_an_earlier_snapshot(store, tmp_path):
    ids = fill(store)
    taken = take_snapshot(store, SCHEMA)
    facts = ReleaseFacts("forum", "", "mit", ("en",), SCHEMA, sources=source_facts(store, taken.made_at))
    before = build_release(store, taken.snapshot_id, tmp_path / "before", facts)
    write_labels(store, label_rows(ids[:9], [2] * 9), withdrawn=ids[9:12])
    add_records(store, pa.table({"text": ["later"]}), source_name="forum")
    later = ReleaseFacts("forum", "", "mit", ("en",), SCHEMA, sources=source_facts(store, taken.made_at))
    after = build_release(store, taken.snapshot_id, tmp_path / "after", later)
    assert after.content_hash == before.content_hash


def test_a_group_never_straddles_splits_and_those_set_aside_are_counted(store, tmp_path):
    ids = fill(store)
    with store.transaction() as db:
        for one in (ids[0], ids[1], ids[2]):  # held out, train, train
            db.execute("INSERT INTO duplicates VALUES ($1, $2, $2, 0.95, 'test')", [one, ids[0]])
    release = release_of(store, tmp_path / "out")
    rows = rows_of(release)
    splits_of: dict[str, set] = {}
    for row in rows:
        splits_of.setdefault(row["group_id"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert release.set_aside == 2
    assert {ids[1], ids[2]}.isdisjoint(row["record_id"] for row in rows)
    assert ids[0] in {row["record_id"] for row in rows}


def test_a_validation_record_gives_way_to_a_test_record_of_its_group(store, tmp_path):
    ids = add_records(store, pa.table({"text": ["a", "b", "c"]}), source_name="old.csv").record_ids
    write_labels(store, label_rows(ids, [0, 1, 2]))
    splits = pa.table({"record_id": ids, "split": ["validation", "test", "train"], "group_id": ["g", "g", "own"]})
    assign_splits(store, splits, origin="import")
    release = release_of(store, tmp_path / "out")
    assert release.splits == {"train": 1, "test": 1}
    assert release.set_aside == 1


def test_records_without_text_and_withdrawn_labels_never_stand_in_it(store, tmp_path):
    ids = fill(store)
    blank = add_records(store, pa.table({"text": ["  \n "]}), source_name="forum").record_ids
    write_labels(store, label_rows(blank, [0]), withdrawn=ids[:3])
    release = release_of(store, tmp_path / "out")
    assert release.without_text == 1
    assert {row["record_id"] for row in rows_of(release)} == set(ids[3:])


def test_a_snapshot_of_blank_texts_alone_is_refused(store, tmp_path):
    blank = add_records(store, pa.table({"text": [" "]}), source_name="forum").record_ids
    write_labels(store, label_rows(blank, [0]))
    with pytest.raises(NothingToRelease):
        release_of(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_licence_it_is_refused_with_the_line_to_write(store, tmp_path):
    fill(store)
    with pytest.raises(LicenceMissing, match=r'license = "CC-BY-4\.0"') as refusal:
        release_of(store, tmp_path / "out", ReleaseFacts("forum", "", " ", ("en",), SCHEMA))
    assert refusal.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_the_card_has_every_field_that_the_hub_reads(store, tmp_path):
    fill(store)
    release = release_of(store, tmp_path / "out")
    fields = front_matter(release)
    assert fields["license"] == "cc-by-4.0"
    assert fields["language"] == ["en"]
    assert fields["pretty_name"] == "forum"
    assert fields["size_categories"] == ["n<1K"]
    assert fields["task_categories"] == ["text-classification"]
    assert fields["task_ids"] == ["multi-class-classification"]
    assert fields["annotations_creators"] == ["expert-generated"]
    assert fields["language_creators"] == ["found"]
    assert fields["multilinguality"] == ["monolingual"]
    assert fields["source_datasets"] == ["original"]
    assert "tilth" in fields["tags"]
    splits = ["train", "validation", "test"]
    assert fields["configs"] == [
        {"config_name": "default", "data_files": [{"split": s, "path": f"data/{s}-*"} for s in splits]}
    ]
    info = fields["dataset_info"]
    assert [feature["name"] for feature in info["features"]] == ["record_id", "text", "label", *list(COLUMNS)[2:]]
    assert info["features"][2]["dtype"]["class_label"]["names"] == dict(zip("012", SCHEMA.classes, strict=True))
    assert {split["name"]: split["num_examples"] for split in info["splits"]} == release.splits
    sizes = sum((release.folder / name).stat().st_size for name in release.files if name.startswith("data/"))
    assert info["download_size"] == sizes
    assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"])


def test_the_card_reads_well_and_names_figures(store, tmp_path):
    fill(store)
    sources = source_facts(store, AT)
    release = release_of(store, tmp_path / "out", ReleaseFacts(**(vars(FACTS) | {"sources": sources})))
    text = (release.folder / "README.md").read_text(encoding="utf-8")
    assert "| forum | site | https://forum.example/page/1 | 30 | 2 | 1 | 0 | 2026-11-02 to 2026-11-03 |" in text
    assert "| food \\| drink |" in text
    assert "Krippendorff's alpha is 0.710, over 20 records" in text
    assert "| accuracy | 0.810 | 0.770 to 0.850 |" in text
    assert "> Read it once.\n> Then choose." in text
    assert "\n\n\n" not in text
    for line_before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        assert not (line.startswith("## ") and line_before.strip()), f"no empty line before {line!r}"


@pytest.mark.parametrize("metrics", [{}, {"roc_auc": Measured(None)}])
def test_a_model_without_figures_still_stands_in_the_card(store, tmp_path, metrics):
    fill(store)
    model = ModelFacts("m1", "probe", "all-MiniLM-L6-v2@1", "0" * 64, metrics)
    release = release_of(store, tmp_path / "out", ReleaseFacts(**(vars(FACTS) | {"model": model})))
    text = (release.folder / "README.md").read_text(encoding="utf-8")
    assert f"`{'0' * 64}`.\n\n## Know before use" in text


def test_no_annotator_is_named(store, tmp_path):
    ids = fill(store)
    with store.transaction() as db:
        db.execute(
            """
            INSERT INTO annotations
            VALUES ('o', 'e', 'r', 1, $1, NULL, 'ann@people.example', '{}', $2, 1, NULL, 's', 'given', $2)
            """,
            [ids[0], MORNING],
        )
    release = release_of(store, tmp_path / "out")
    assert not any(b"people.example" in (release.folder / path).read_bytes() for path in release.paths)


def test_the_manifest_names_snapshot_model_schema_and_the_hash_of_every_file(store, tmp_path):
    fill(store)
    release = release_of(store, tmp_path / "out")
    told = json.loads((release.folder / "tilth.json").read_text(encoding="utf-8"))
    assert told["snapshot"]["id"] == release.snapshot_id
    assert told["model"]["hash"] == "0" * 64
    assert LabelSchema.from_json(json.dumps(told["schema"])) == SCHEMA
    on_disk = {p.relative_to(release.folder).as_posix() for p in release.folder.rglob("*") if p.is_file()}
    assert set(told["files"]) | {"tilth.json"} == on_disk
    verify(release)
    (release.folder / "README.md").write_text("changed", encoding="utf-8")
    with pytest.raises(NotARelease):
        verify(release)


def test_a_large_split_becomes_several_files_that_hold_every_row_once(store, tmp_path):
    ids = fill(store)
    release = release_of(store, tmp_path / "out", shard_bytes=2_000)
    names = sorted(name for name in release.files if name.startswith("data/train-"))
    assert len(names) > 1
    assert names[0] == f"data/train-00000-of-{len(names):05d}.parquet"
    assert sorted(row["record_id"] for row in rows_of(release)) == sorted(ids)


def test_a_folder_with_other_things_in_it_is_left_alone(store, tmp_path):
    fill(store)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FolderOccupied, match=r"tilth\.json"):
        release_of(store, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("killed_after", ["made", "stepped aside", "in place"])
def test_a_placing_that_was_cut_off_is_settled_to_a_whole_folder(tmp_path, killed_after):
    folder = tmp_path / "out"
    for name, says in ((folder, "old"), (beside(folder), "new")):
        name.mkdir()
        (name / "says").write_text(says, encoding="utf-8")
    aside = tmp_path / ".out.tilth-old"
    if killed_after != "made":
        folder.rename(aside)
    if killed_after == "in place":
        beside(folder).rename(folder)
    settle(folder)
    assert (folder / "says").read_text(encoding="utf-8") == ("new" if killed_after == "in place" else "old")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_placing_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "stale").touch()
    beside(folder).mkdir()
    (beside(folder) / "fresh").touch()
    put_in_place(beside(folder), folder)
    assert [p.name for p in folder.iterdir()] == ["fresh"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("CC-BY-4.0", {"license": "cc-by-4.0"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("House rules 2", {"license": "other", "license_name": "house-rules-2"}),
        (
            "https://forum.example/terms",
            {"license": "other", "license_name": "see-link", "license_link": "https://forum.example/terms"},
        ),
    ],
)
def test_a_licence_gets_the_name_that_the_hub_knows(given, fields):
    assert licence_fields(given) == fields


def test_a_folders_hash_changes_with_a_name_or_a_byte(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights").write_bytes(b"1")
    first = folder_hash(tmp_path)
    (tmp_path / "a" / "weights").write_bytes(b"2")
    second = folder_hash(tmp_path)
    (tmp_path / "a" / "weights").rename(tmp_path / "a" / "heights")
    assert len({first, second, folder_hash(tmp_path)}) == 3


def test_a_damaged_manifest_is_no_release(store, tmp_path):
    fill(store)
    release = release_of(store, tmp_path / "out")
    manifest = release.folder / "tilth.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("forum", "other"), encoding="utf-8")
    with pytest.raises(NotARelease):
        read_release(release.folder)
