"""JSON Lines as they are found."""

from pathlib import Path

import pytest

from crawlers.file_rows import file_rows
from crawlers.import_error import BadRow, MissingColumn


def rows(path: Path, content: bytes, *columns: str) -> list[dict[str, object]]:
    path.write_bytes(content)
    return [dict(row.cells) for row in file_rows(path, columns or ("text",))]


def test_a_number_that_no_integer_holds_is_its_digits(tmp_path: Path) -> None:
    digits = "1" * 5_000
    found = rows(tmp_path / "a.jsonl", b'{"text": "a", "n": %s, "f": 1e999, "x": NaN}\n' % digits.encode())
    assert found == [{"text": "a", "n": digits, "f": "1e999", "x": None}]


def test_objects_without_a_name_have_no_column(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match=r'a\.jsonl: there is no column "text", for nothing in it names any\.'):
        rows(tmp_path / "a.jsonl", b"{}\n{}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[" * 100_000, r"a\.jsonl:2: the line is not valid JSON \(too deep\)"),
        (b"{", r"a\.jsonl:2: the line is not valid JSON"),
        (b"[1]", r"a\.jsonl:2: the line is a list, not an object"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: bytes, said: str) -> None:
    with pytest.raises(BadRow, match=said):
        rows(tmp_path / "a.jsonl", b'{"text": "a"}\n' + line + b"\n")
