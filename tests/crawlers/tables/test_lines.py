"""Packed files of rows, and bytes that are none of text."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from crawlers.file_rows import file_rows
from crawlers.import_error import NotUtf8, UnreadableFile

CSV = b"text\n" + b"word\n" * 20
JSONL = b'{"text": "word"}\n' * 20


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def texts(path: Path) -> list[str]:
    return [row.cells["text"] for row in file_rows(path, ["text"])]


@pytest.mark.parametrize("pack", [gzip.compress, zstd, bytes])
@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", CSV), ("a.CSV.gz", CSV), ("a.jsonl.gz", JSONL), ("a.jsonl.zst", JSONL)]
)
def test_what_is_packed_is_told_by_its_bytes(tmp_path: Path, name: str, content: bytes, pack) -> None:
    (tmp_path / name).write_bytes(pack(content))
    assert texts(tmp_path / name) == ["word"] * 20


def test_gzip_files_one_after_another_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(JSONL) * 3)
    assert len(texts(tmp_path / "a.jsonl.gz")) == 60


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("keep", [0.4, 0.9])
def test_what_is_cut_short_is_said(tmp_path: Path, pack, keep: float) -> None:
    packed = pack(b"".join(b'{"text": "word %d"}\n' % n for n in range(20_000)))
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: int(len(packed) * keep)])
    with pytest.raises(UnreadableFile, match="the file is damaged or cut short"):
        texts(tmp_path / "a.jsonl.gz")


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + JSONL)
    assert len(texts(tmp_path / "a.jsonl")) == 20


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_wide_letters_are_said(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes((CSV if name == "a.csv" else JSONL).decode().encode(encoding))
    with pytest.raises(NotUtf8, match="the file is UTF-16; save it as UTF-8"):
        texts(tmp_path / name)
