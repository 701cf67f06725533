"""CSV as spreadsheets and people write it."""

import csv
import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.file_rows import file_rows
from crawlers.import_error import BadRow, MissingColumn, UnreadableFile


def cells(path: Path, content: bytes | str, columns: tuple[str, ...] = ("text",)) -> list[dict[str, str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [dict(row.cells) for row in file_rows(path, columns)]


@pytest.mark.parametrize(
    "content",
    [
        "id,text\n1,a\n2,b\n",
        "id;text\n1;a\n2;b\n",
        "id\ttext\n1\ta\n2\tb\n",
        "id|text\n1|a\n2|b\n",
        "sep=;\nid;text\n1;a\n2;b\n",
        "SEP=\t\r\nid\ttext\r\n1\ta\r\n2\tb\r\n",
        "sep=:\nid:text\n1:a\n2:b\n",
        "id,text\r1,a\r2,b\r",
        "id,text\r1,a\r2,b",
        "\ufeffid,text\n1,a\n2,b\n",
        "\n\r\nid,text\n\n1,a\n\n2,b",
    ],
)
def test_the_same_rows_are_read_however_they_are_set_apart(tmp_path: Path, content: str) -> None:
    assert cells(tmp_path / "a.csv", content) == [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]


def test_many_rows_that_end_in_carriage_returns_are_not_one_line(tmp_path: Path) -> None:
    found = cells(tmp_path / "a.csv", b"id,text\r" + b'1,"a\rb"\r' * 30_000)
    assert len(found) == 30_000 and found[-1] == {"id": "1", "text": "a\nb"}


def test_columns_without_a_name_are_called_by_their_number(tmp_path: Path) -> None:
    assert cells(tmp_path / "a.csv", "text,,\nx,,y\n") == [{"text": "x", "column 2": "", "column 3": "y"}]


def test_a_header_of_very_many_columns_is_read_at_once(tmp_path: Path) -> None:
    began = time.perf_counter()
    (row,) = cells(tmp_path / "a.csv", f"text{',' * 100_000}\nx{',' * 100_000}\n")
    assert row["text"] == "x" and len(row) == 100_001
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ('1,"say "hi" now"', 'say "hi" now'),
        ('1,"a ""b"" and "c""', 'a "b" and "c"'),
        ('"1",""hi" he said"', '"hi" he said'),
    ],
)
def test_quotes_in_a_quoted_cell_may_stand_as_they_are(tmp_path: Path, row: str, text: str) -> None:
    found = cells(tmp_path / "a.csv", f'id,text\n0,before\n{row}\n2,"af""ter"\n')
    assert [one["text"] for one in found] == ["before", text, 'af"ter']


@pytest.mark.parametrize("row", ['1,"say "hi", now"', '1,"never ends', '1,"a\nb "c" d"'])
def test_a_row_that_can_be_read_in_more_ways_than_one_is_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(BadRow, match=r"a\.csv:3: the row is not valid CSV .* a quote may be missing"):
        cells(tmp_path / "a.csv", f"id,text\n0,before\n{row}\n2,after\n")


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n",'), max_size=8)
QUOTING = st.text(st.sampled_from('ab "'), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(PLAIN, QUOTING), min_size=1, max_size=4))
def test_cells_whose_quotes_nobody_doubled_are_read_as_they_were_or_refused(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    # `"",` and `"` at an end say something else in CSV; all other quotes stand for themselves.
    meant = [(one, f"a{two.replace(chr(34) * 2, '')}b") for one, two in rows]
    content = "other,text\n" + "".join(f'"{one}","{two}"\n' for one, two in meant)
    assert [tuple(row.values()) for row in cells(tmp_path / "a.csv", content)] == meant


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\0\x08", "a ZIP file, as spreadsheets"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet or document of old Office programs"),
        (b"PAR1\x15\x04", "Parquet; call it .parquet"),
        (b"SQLite format 3\0\x10", 'a SQLite database; read it with kind = "sql"'),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_a_file_that_is_something_else_is_told_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(UnreadableFile) as raised:
        cells(tmp_path / "a.csv", content)
    assert f"a.csv: the file is {what}" in str(raised.value)


def test_a_column_that_is_not_there_is_named_and_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match=r'no column "text" among "id", "txt"; did you mean "txt"\?'):
        cells(tmp_path / "a.csv", "id,txt\n1,a\n")


GROWTH = """
import resource, sys
from pathlib import Path
from crawlers.file_rows import file_rows
path = Path(sys.argv[1])
next(file_rows(path, ["text"]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(1 for _ in file_rows(path, ["text"])) == 200_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    written = io.StringIO()
    csv.writer(written).writerows([("id", "text"), *((number, "some words, " * 10) for number in range(200_000))])
    (tmp_path / "a.csv").write_text(written.getvalue())
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH, str(tmp_path / "a.csv")], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 10 * 1024  # KiB, of a file of 27 MB
