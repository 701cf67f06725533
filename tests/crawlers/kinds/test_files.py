"""The kind `files`: rows, texts and images out of files, and what is said of those that cannot be read."""

import decimal
import gzip
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crawlers.declaration import SourceError
from crawlers.kinds import files
from crawlers.page import FoundRecord
from crawlers.reading.file_records import FilesRefused, NoFiles

ROWS = [{"id": 1, "body": "one", "who": "ann"}, {"id": 2, "body": "two", "who": None}, {"id": 3, "body": ""}]


def read(folder: Path, *paths: str, **more: object) -> list[FoundRecord]:
    declared = files.Source.declare({"name": "f", "kind": "files", "files": list(paths), **more})
    assert files.Source.declare(declared.declared()) == declared
    return [record for batch in files.batches(declared, folder) for record in batch]


def write(folder: Path, name: str) -> str:
    path = folder / name
    match path.suffix:
        case ".csv" | ".tsv":
            between = "\t" if path.suffix == ".tsv" else ","
            lines = [between.join(str(row.get(key) or "") for key in ("id", "body", "who")) for row in ROWS]
            path.write_text("\n".join([between.join(("id", "body", "who")), *lines]) + "\n")
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case ".json":
            path.write_text(json.dumps({"rows": ROWS}))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path)
    return name


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet"])
def test_each_row_of_a_table_is_a_record(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, write(tmp_path, name), text="body", key="id", item="rows")
    assert [(record.natural_key, record.text) for record in found] == [("1", "one"), ("2", "two")]
    assert found[0].metadata == {"who": "ann", "file": name}


def test_only_the_columns_that_are_named_are_kept(tmp_path: Path) -> None:
    (record, _) = read(tmp_path, write(tmp_path, "t.csv"), text="body", columns=["id"])
    assert record.metadata == {"id": "1", "file": "t.csv"}


def test_a_folder_gives_its_texts_and_images_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "b.txt").write_text("\ufeff beta \n")
    (tmp_path / "in" / "deep" / "a.md").write_text("# alpha")
    (tmp_path / "in" / "empty.txt").write_text("\n")
    (tmp_path / "in" / "code.py").write_text("x")
    Image.new("RGB", (3, 2)).save(tmp_path / "in" / "i.PNG")
    found = read(tmp_path, "in")
    assert [(record.natural_key, record.text, record.modality) for record in found] == [
        ("in/b.txt", "beta", "text"),
        ("in/deep/a.md", "# alpha", "text"),
        ("in/i.PNG", None, "image"),
    ]


def test_an_image_is_kept_in_media_by_what_is_in_it(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "i.png")
    (record,) = read(tmp_path, "i.png")
    content = (tmp_path / "i.png").read_bytes()
    assert record.media_path is not None and hashlib.sha256(content).hexdigest() in record.media_path
    assert (tmp_path / record.media_path).read_bytes() == content
    assert (record.metadata["width"], record.metadata["height"], record.metadata["format"]) == (3, 2, "png")


def test_patterns_name_files_each_once_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text(name)
    assert [record.text for record in read(tmp_path, "*.txt", "a.txt", str(tmp_path / "*.md"))] == [
        "a.txt",
        "b.txt",
        "c.md",
    ]


def test_a_file_that_is_refused_stops_no_other_and_is_named_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "b.txt").write_text("beta")
    (tmp_path / "c.png").write_bytes(b"no image")
    (tmp_path / "d.csv").write_text("id,body\n1\n")
    declared = files.Source.declare({"name": "f", "files": ["*"], "text": "body"})
    found = []
    with pytest.raises(FilesRefused) as raised:
        for batch in files.batches(declared, tmp_path):
            found += batch
    assert [record.text for record in found] == ["beta"]
    said = str(raised.value)
    assert said.startswith("3 of 4 files were not read: ")
    for part in ("a.txt: byte 3 of the file is not UTF-8", "c.png: the image cannot be used", "d.csv:2: the row has 1"):
        assert part in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{", "the file is not JSON: expecting property name"),
        ("a.json", b'{"a": 1}', 'item "@" finds an object, not a list'),
        ("a.json", b"[]", "the file has no rows"),
        ("a.json", b"[1]", "row 1: it is a number, not an object"),
        ("a.json", b'[{"txet": "x"}]', 'there is no column "text" among "txet"; did you mean "txet"?'),
        ("a.jsonl", b"1\n", "a.jsonl:1: the line is a number, not an object"),
        ("a.csv", b"a,b\n1,2\n", 'there is no column "text"'),
        ("a.parquet", b"PAR1", "is not readable Parquet"),
        ("a.json", b'{"text": "a",\n"b": 1}\n', 'item "@" finds an object, not a list'),
        ("a.json", b"PK\x03\x04\x14\0", "a.json: the file is a ZIP file, as spreadsheets (.xlsx, .ods) are; save its"),
        ("a.jsonl", b'{"text": "a"}\n' * 300, 'there is no column "key" among "text"'),
        ("a.csv", b"\n\n", "a.csv: the file is empty"),
        ("a.txt", b"a\0b", "it holds NUL bytes"),
        ("a.xls", b"x", '".xls" is not a format'),
    ],
)
def test_a_file_that_cannot_be_read_is_said_why(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FilesRefused, match="1 of 1 files were not read: ") as raised:
        read(tmp_path, name, key="key" if name == "a.jsonl" else None)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "content", [b'{"text": "one"}\n{"text": "two", "link": "https://h.example/2"}\n' + b'{"text": "x"}\n' * 200]
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.json.gz"])
def test_a_line_may_be_without_a_column_that_others_have(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = read(tmp_path, name, url="link")
    assert len(found) == 202
    assert [record.url for record in found[:2]] == [None, "https://h.example/2"]


def test_a_folder_of_images_with_what_is_said_of_them_gives_the_images(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (3, 2)).save(folder / "i.png")
    (folder / "metadata.csv").write_text("file_name,caption\ni.png,a cat\n")
    (folder / "README.md").write_text("# Cats")
    declared = files.Source.declare({"name": "f", "files": ["in"]})
    (batch,) = files.batches(declared, tmp_path)
    assert [record.natural_key for record in batch] == ["in/i.png"]
    assert batch.passed_by == {"in/README.md tells of its folder": 1, 'in/metadata.csv has no column "text"': 1}


def test_what_is_named_itself_is_read_or_refused_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "README.md").write_text("# Cats")
    (tmp_path / "in" / "metadata.csv").write_text("file_name,caption\ni.png,a cat\n")
    assert [record.text for record in read(tmp_path, "in", "in/README.md")] == ["# Cats"]
    with pytest.raises(FilesRefused, match='no column "text"'):
        read(tmp_path, "in/README.md", "in/*.csv")


def test_hidden_files_of_a_folder_are_none_of_its_texts(tmp_path: Path) -> None:
    for name in ("in/a.txt", "in/._a.txt", "in/.git/b.md", "in/c/.d/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [record.text for record in read(tmp_path, "in")] == ["in/a.txt"]
    assert [record.text for record in read(tmp_path, "in/.git/b.md")] == ["in/.git/b.md"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "content", ['[{"text": "one"}, {"text": "two"}]\n\n', '[\n{"text": "one"},\n{"text": "two"}\n]']
)
def test_a_json_document_is_one_whatever_its_lines_and_letters(tmp_path: Path, content: str, encoding: str) -> None:
    (tmp_path / "a.json").write_bytes(content.encode(encoding))
    assert [record.text for record in read(tmp_path, "a.json")] == ["one", "two"]


def test_a_json_document_may_be_one_long_line(tmp_path: Path) -> None:
    rows = [{"text": "x" * 100_000} for _ in range(170)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "b.json").write_text(json.dumps({"rows": rows}))
    assert len(read(tmp_path, "a.json")) == 170
    assert len(read(tmp_path, "b.json", item="rows")) == 170


def test_a_folder_whose_tables_all_lack_the_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("body\nx\n")
    with pytest.raises(FilesRefused, match='no column "text" among "body"'):
        read(tmp_path, "in")


def test_a_packed_text_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"hello"))
    assert [(record.natural_key, record.text) for record in read(tmp_path, "a.txt.gz")] == [("a.txt.gz", "hello")]


def test_values_of_every_type_of_parquet_become_metadata(tmp_path: Path) -> None:
    columns = {
        "text": pa.array(["one"]).dictionary_encode(),
        "nested": [{"a": [1, 2], "b": {"c": "d"}}],
        "tags": [["x", None]],
        "at": pa.array([1_600_000_000_000_000_001], pa.timestamp("ns")),
        "zoned": pa.array([10**9], pa.timestamp("s", "Europe/Berlin")),
        "day": pa.array([1], pa.date32()),
        "took": pa.array([90], pa.duration("s")),
        "cost": [decimal.Decimal("1.50")],
        "pairs": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        "bytes": [b"\0"],
        "nothing": pa.array([None], pa.null()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (record,) = read(tmp_path, "t.parquet")
    assert record.text == "one"
    assert record.metadata == {
        "nested": {"a": [1, 2], "b": {"c": "d"}},
        "tags": ["x", None],
        "at": "2020-09-13T12:26:40.000000001",
        "zoned": "2001-09-09T03:46:40+02:00",
        "day": "1970-01-02",
        "took": "0:01:30",
        "cost": "1.50",
        "pairs": [["a", 1]],
        "file": "t.parquet",
    }


@pytest.mark.parametrize("odd", [pa.array([10**15], pa.timestamp("ms")), pa.array([1], pa.timestamp("s", "No/Where"))])
def test_a_time_that_nobody_can_read_refuses_its_file(tmp_path: Path, odd: pa.Array) -> None:
    pq.write_table(pa.table({"text": ["one"], "at": odd}), tmp_path / "t.parquet")
    with pytest.raises(FilesRefused, match=r"t\.parquet: the file cannot be read after row 0"):
        read(tmp_path, "t.parquet")


def test_a_pattern_that_names_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoFiles, match=r'"texts/\*\.txt" names no file'):
        read(tmp_path, "texts/*.txt")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"files": []}, ("files",)), ({"files": [""]}, ("files", 0)), ({"files": ["x"], "item": "["}, ("item",))],
)
def test_a_wrong_declaration_is_said_with_its_key(wrong: dict, field: tuple) -> None:
    with pytest.raises(SourceError) as raised:
        files.Source.declare({"name": "f", **wrong})
    assert raised.value.field == field
