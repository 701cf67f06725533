"""`tilth import` of what is no file of rows: folders and databases; whole or not at all."""

import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from crawlers.import_place import QueryMissing, source_at
from store.database import Store
from store.records import records
from tests.command_line import done, tilth

PROJECT = '[project]\nname = "x"\n\n[schema]\nclasses = ["a", "b"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "tilth.toml").write_text(PROJECT)
    return folder


def found(project: Path) -> set[tuple[str, str | None, str | None]]:
    with Store(project / "tilth.duckdb") as store:
        return {(row["source_name"], row["natural_key"], row["text"]) for row in records(store).to_pylist()}


def test_a_folder_of_texts_and_images(project: Path, tmp_path: Path) -> None:
    given = tmp_path / "my notes"
    given.mkdir()
    (given / "a.txt").write_text("alpha")
    Image.new("RGB", (2, 2)).save(given / "b.png")
    assert done("import", given, project=project).strip() == "2 records: 2 new, 0 known."
    assert done("import", given, project=project).strip() == "2 records: 0 new, 2 known."
    assert found(project) == {("my-notes", "a.txt", "alpha"), ("my-notes", "b.png", None)}
    assert len(list((project / "media").rglob("*.png"))) == 1
    assert sorted(path.name for path in given.iterdir()) == ["a.txt", "b.png"]


def test_a_folder_with_a_file_that_cannot_be_read_leaves_the_store_as_it_was(project: Path, tmp_path: Path) -> None:
    given = tmp_path / "notes"
    given.mkdir()
    (given / "a.txt").write_text("alpha")
    (given / "b.txt").write_bytes(b"\xff")
    assert "b.txt: byte 0 of the file is not UTF-8" in tilth("import", given, project=project).refused()
    assert found(project) == set()


def test_a_query_on_a_database(project: Path) -> None:
    with sqlite3.connect(project / "x.db") as db:
        db.execute("CREATE TABLE t (id INTEGER, body TEXT)")
        db.execute("INSERT INTO t VALUES (1, 'one')")
    db.close()
    asked = ("--query", "SELECT id, body FROM t", "--text", "body", "--key", "id", "--name", "tickets")
    assert done("import", "sqlite:///x.db", *asked, project=project).strip() == "1 records: 1 new, 0 known."
    assert found(project) == {("tickets", "1", "one")}


def test_what_gives_no_record_is_said(project: Path, tmp_path: Path) -> None:
    given = tmp_path / "cats"
    given.mkdir()
    Image.new("RGB", (2, 2)).save(given / "a.png")
    (given / "metadata.csv").write_text("file_name,caption\na.png,a cat\n")
    said = done("import", given, project=project).splitlines()
    assert said == [
        "1 records: 1 new, 0 known.",
        '1 of 2 rows gave no record: metadata.csv has no column "text".',
    ]


def test_a_column_of_bytes_is_said_to_be_no_text(project: Path) -> None:
    with sqlite3.connect(project / "x.db") as db:
        db.execute("CREATE TABLE t (text BLOB)")
        db.executemany("INSERT INTO t VALUES (?)", [(b"one",), (b"two",)])
    db.close()
    said = done("import", "sqlite:///x.db", "--query", "SELECT text FROM t", project=project).splitlines()
    assert said == [
        "0 records: 0 new, 0 known.",
        '2 of 2 rows gave no record: "text" is bytes, not a text.',
    ]


def test_a_database_without_a_query_is_refused(project: Path) -> None:
    assert 'add --query "SELECT …"' in tilth("import", "sqlite:///x.db", project=project).refused()


def test_labels_are_not_read_where_there_are_none(project: Path, tmp_path: Path) -> None:
    said = tilth("import", tmp_path, "--label", "label", project=project).refused()
    assert said.startswith("Labels, splits and annotators are read out of CSV, TSV, JSON Lines and Parquet files alone")


@pytest.mark.parametrize(
    ("place", "dataset", "revision"),
    [
        ("hf://owner/name", "owner/name", "main"),
        ("hf://datasets/owner/name@v2", "owner/name", "v2"),
    ],
)
def test_a_dataset_on_the_hub_is_named_by_its_address(place: str, dataset: str, revision: str) -> None:
    source = source_at(place, name=None, text="text", key=None, query=None)
    assert source is not None
    assert source.declared() | {"revision": revision} == {
        "kind": "hub",
        "name": "name",
        "dataset": dataset,
        "revision": revision,
    }


def test_a_file_of_rows_is_left_to_the_import_of_files(tmp_path: Path) -> None:
    assert source_at(str(tmp_path / "x.csv"), name=None, text="text", key=None, query=None) is None
    with pytest.raises(QueryMissing):
        source_at("duckdb:///x", name=None, text="text", key=None, query=None)
