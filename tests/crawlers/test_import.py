"""Importing files: what comes in, and what is refused with the store left as it was."""

import gzip
import json
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers import files, import_file
from crawlers.file_rows import file_rows
from crawlers.import_error import (
    BadLabel,
    BadRow,
    CellTooLarge,
    EmptyFile,
    ImportRefused,
    MissingColumn,
    NoSuchFile,
    NoText,
    NotUtf8,
    NulBytes,
    UnknownFormat,
    UnreadableFile,
)
from store.database import Store
from store.label_schema import LabelSchema
from store.records import records
from store.splits import splits

SCHEMA = LabelSchema(kind="text-classification", classes=("praise", "complaint"))
ROWS = [
    {"text": "good", "label": "praise", "id": "1", "who": "ann", "split": "train"},
    {"text": "bad, really\nbad", "label": "complaint", "id": "2", "who": "bob", "split": "test"},
    {"text": "so so", "label": "", "id": "3", "who": "ann", "split": ""},
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def as_csv(path: Path, delimiter: str = ",") -> Path:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def as_jsonl(path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def annotations(store: Store) -> list[dict[str, Any]]:
    return store.read("SELECT * FROM annotations ORDER BY external_id").to_pylist()


def sizes(store: Store) -> list[int]:
    names = ("sources", "records", "annotations", "splits", "schemas")
    return [store.read(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py() for name in names]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("r.csv", as_csv),
        ("r.CSV", lambda p: as_csv(p, ";")),
        ("r.tsv", lambda p: as_csv(p, "\t")),
        ("r.jsonl", as_jsonl),
        ("r.parquet", as_parquet),
    ],
)
def test_each_format_brings_the_same_records_labels_and_splits(
    store: Store, tmp_path: Path, name: str, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path / name)
    heard: list[int] = []
    wanted = {"label_column": "label", "id_column": "id", "annotator_column": "who", "split_column": "split"}
    done = import_file(store, path, SCHEMA, **wanted, source_name="reviews", progress=heard.append)
    assert (done.rows, done.new, done.known, done.labels, done.without_label, done.in_splits) == (3, 3, 0, 2, 1, 2)
    assert heard == [3]
    found = {row["natural_key"]: row for row in records(store).to_pylist()}
    assert found["2"]["text"] == "bad, really\nbad" and found["2"]["source_name"] == "reviews"
    given = {row["record_id"]: row for row in annotations(store)}
    answer = given[found["2"]["record_id"]]
    assert json.loads(answer["value"]) == {"label": "complaint"}
    assert (answer["annotator"], answer["origin"], answer["schema_hash"]) == ("bob", "import:reviews", SCHEMA.hash)
    assert set(zip(*splits(store).select(["record_id", "split", "origin"]).to_pydict().values(), strict=True)) == {
        (found["1"]["record_id"], "train", "import"),
        (found["2"]["record_id"], "test", "import"),
    }
    before = sizes(store)
    again = import_file(store, path, SCHEMA, **wanted, source_name="reviews")
    assert (again.new, again.known, again.labels, again.in_splits) == (0, 3, 0, 0)
    assert sizes(store) == before


def test_other_columns_are_kept_as_metadata_and_empty_texts_are_counted(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"text": "a", "stars": 4, "deep": {"x": 1}}\n\n{"text": " "}\n{"text": null}\n')
    done = import_file(store, path, SCHEMA, split="test")
    assert (done.rows, done.new, done.without_text, done.in_splits, done.source_name) == (3, 1, 2, 1, "r")
    assert records(store)["metadata"].to_pylist() == ['{"stars": 4}']


def test_a_packed_file_names_its_source_without_its_extensions(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n'))
    assert import_file(store, path, SCHEMA).source_name == "reviews"


def test_answers_of_several_annotators_stand_beside_each_other(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("text,label,who\nsame,praise,ann\nsame,complaint,bob\n")
    done = import_file(store, path, SCHEMA, label_column="label", annotator_column="who")
    assert (done.new, done.known, done.labels) == (1, 1, 2)
    assert len({row["external_id"] for row in annotations(store)}) == 2


def test_a_label_of_another_time_is_a_new_revision_of_the_same_answer(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    for label in ("praise", "complaint"):
        path.write_text(f"text,label\nsame,{label}\n")
        import_file(store, path, SCHEMA, label_column="label")
    assert len(annotations(store)) == 2 and len({row["external_id"] for row in annotations(store)}) == 1


def test_class_numbers_of_the_datasets_library_are_read_as_their_names(store: Store, tmp_path: Path) -> None:
    features = {"text": {"dtype": "string"}, "label": {"names": ["praise", "complaint"], "_type": "ClassLabel"}}
    table = pa.table({"text": ["x"], "label": [1]})
    told = json.dumps({"info": {"features": features}})
    pq.write_table(table.replace_schema_metadata({"huggingface": told}), tmp_path / "hub.parquet")
    import_file(store, tmp_path / "hub.parquet", SCHEMA, label_column="label")
    assert json.loads(annotations(store)[0]["value"]) == {"label": "complaint"}


GOOD = b"text,label\n" + b"".join(b"text %d,praise\n" % i for i in range(6000))


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("r.csv", b"txet,label\na,praise\n", MissingColumn, ['no column "text"', '"txet", "label"', 'mean "txet"?']),
        ("r.csv", GOOD + "Über,praise\n".encode("cp1252"), NotUtf8, [":6002:", f"byte {len(GOOD)} ", "UTF-8"]),
        ("r.csv", b"\xff\xfe" + "text\nx\n".encode("utf-16-le"), NotUtf8, ["UTF-16"]),
        ("r.csv", GOOD + b"a\0b,praise\n", NulBytes, [":6002:", f"byte {len(GOOD) + 1} ", "NUL"]),
        ("r.jsonl", b'{"text": "a\\u0000b"}\n', NulBytes, [":1:", 'column "text"']),
        ("r.csv", b"", EmptyFile, ["the file is empty"]),
        ("r.parquet", b"", EmptyFile, ["the file is empty"]),
        ("r.csv", b"text,label\n", EmptyFile, ["no row below"]),
        ("r.jsonl", b"\n\n", EmptyFile, ["no rows"]),
        ("r.csv", GOOD + b"a,praise,x\n", BadRow, [":6002:", "3 cells, the header 2"]),
        ("r.csv", GOOD + b'"a,praise\n', BadRow, [":6002:", "a quote may be missing"]),
        ("r.csv", b"text,label,text\na,praise,b\n", BadRow, ['"text" stands twice']),
        ("r.csv", GOOD + b"a,prais\n", BadLabel, [":6002:", '"prais"', 'did you mean "praise"?']),
        ("r.jsonl", b'{"text": "a", "label": "praise"}\n{"text": \n', BadRow, [":2:", "not valid JSON"]),
        ("r.jsonl", b"[1]\n", BadRow, [":1:", "list, not an object"]),
        ("r.jsonl", b'{"text": 5, "label": "praise"}\n', BadRow, [":1:", "not a text"]),
        ("r.jsonl", b'{"text": "\\ud800", "label": "praise"}\n', BadRow, [":1:", "surrogate"]),
        ("r.jsonl", b'{"text": "a", "label": ["praise"]}\n', BadRow, [":1:", "neither a text nor a number"]),
        ("r.parquet", b"PAR1 no, it is not", UnreadableFile, ["not readable Parquet"]),
        ("r.gz", b"x", UnknownFormat, ['".gz" is not a format', ".csv"]),
        ("r.xlsx", b"PK", UnknownFormat, ['".xlsx"', "as CSV"]),
        ("r.csv", b"text,label\n,praise\n ,praise\n", NoText, ["empty in all 2 rows"]),
    ],
)
def test_a_refused_file_says_where_and_leaves_the_store_as_it_was(
    store: Store, tmp_path: Path, name: str, content: bytes, error: type[ImportRefused], words: list[str]
) -> None:
    before = sizes(store)
    path = tmp_path / name
    path.write_bytes(content)
    label = None if content.startswith(b"txet") else "label"
    label = None if b'"text": "a\\u0000' in content or b"\xff\xfe" in content else label
    with pytest.raises(error) as caught:
        import_file(store, path, SCHEMA, label_column=label)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert sizes(store) == before


def test_a_file_that_is_not_there_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NoSuchFile, match=r"nothing\.csv: there is no such file"):
        import_file(store, tmp_path / "nothing.csv", SCHEMA)


def test_a_split_that_is_none_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text,part\na,trian\n")
    with pytest.raises(BadLabel, match=r'r.csv:2: column "part": "trian" is not a split'):
        import_file(store, tmp_path / "r.csv", SCHEMA, split_column="part")


@pytest.mark.parametrize("form", ["line.csv", "lines.csv", "quoted.csv", "line.jsonl", "cell.parquet"])
def test_a_cell_of_100_mb_is_refused_in_little_memory(store: Store, tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    big = 100 * 2**20
    with path.open("wb") as file:
        if form == "cell.parquet":
            pq.write_table(pa.table({"text": pa.array(["small", "x" * big])}), file, compression="zstd")
        else:
            file.write({"line.jsonl": b'{"text": "'}.get(form, b'text\n"' if form != "line.csv" else b"text\n"))
            for _ in range(big // 2**20):
                file.write((b"word word\n" if form == "lines.csv" else b"x" * 10) * (2**20 // 10))
    before = sizes(store)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CellTooLarge, match=r"over 1,048,576 bytes"):
        import_file(store, path, SCHEMA)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / (1 if sys.platform == "darwin" else 2**10)
    assert grown < (400 if form == "cell.parquet" else 100)  # MB
    assert sizes(store) == before


def test_a_file_longer_than_a_batch_is_read_in_several_and_labels_stay_with_their_texts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROWS_A_BATCH", 7)
    path = tmp_path / "r.csv"
    path.write_text("text,label\n" + "".join(f"t{i},{'praise' if i % 3 else 'complaint'}\n" for i in range(50)))
    heard: list[int] = []
    done = import_file(store, path, SCHEMA, label_column="label", progress=heard.append)
    assert (done.rows, done.new, done.labels, heard[-1], len(heard)) == (50, 50, 50, 50, 8)
    texts = {row["record_id"]: row["text"] for row in records(store).to_pylist()}
    for row in annotations(store):
        number = int(texts[row["record_id"]][1:])
        assert json.loads(row["value"])["label"] == ("praise" if number % 3 else "complaint")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_any_csv_that_python_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    import csv

    path = tmp_path / "any.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["text", "other"])
        writer.writerows(rows)
    assert [(r.cells["text"], r.cells["other"]) for r in file_rows(path, ["text"])] == rows
