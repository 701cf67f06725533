"""The rows of a CSV, JSON Lines or Parquet file, one after another, each with where it stands.

The file is read once, in pieces: memory does not grow with its size, nor with that of a cell that is too large.
"""

import csv
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from crawlers.import_error import (
    BadRow,
    CellTooLarge,
    EmptyFile,
    MissingColumn,
    NoSuchFile,
    NotUtf8,
    NulBytes,
    UnknownFormat,
    UnreadableFile,
)

LARGEST_CELL = 2**20
"""Bytes; what is longer is a document to be split, not a text that a person labels."""
LARGEST_LINE = 16 * LARGEST_CELL
SAMPLE = 2**16
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""The extensions that are read here."""
ROWS_A_BATCH = 1_000


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        where: Where it stands, such as `reviews.csv:17`; begins an error message.
        cells: Its values by column.
    """

    where: str
    cells: Mapping[str, Any]


def file_rows(path: Path, columns: Sequence[str], *, largest_cell: int = LARGEST_CELL) -> Iterator[Row]:
    """The rows of a file, whose format its extension names.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file. The delimiter of a `.csv` is what makes a header
            of its first line that has `columns`: a comma, a semicolon or a tab.
        columns: Must be there; the others are given as well.
        largest_cell: Bytes.

    Raises:
        ImportRefused: One of its kinds; the message names the place and what to do.
    """
    readers = {
        ".csv": _csv_rows,
        ".tsv": _csv_rows,
        ".jsonl": _json_rows,
        ".ndjson": _json_rows,
        ".parquet": _parquet_rows,
    }
    read = readers.get(path.suffix.lower())
    if not path.is_file():
        raise NoSuchFile(f"{path}: there is no such file.")
    if read is None:
        raise UnknownFormat(
            f'{path}: "{path.suffix}" is not a format that can be imported; known: {", ".join(readers)}.'
        )
    if path.stat().st_size == 0:
        raise EmptyFile(f"{path}: the file is empty.")
    try:
        yield from read(path, columns, largest_cell)
    except PermissionError as error:
        raise NoSuchFile(f"{path}: the file may not be read ({error.strerror}).") from error


def missing_column(path: Path, wanted: str, there: Sequence[str]) -> MissingColumn:
    """The error that says which columns there are, and which of them may be meant."""
    nearest = difflib.get_close_matches(wanted, there, 1)
    hint = f'; did you mean "{nearest[0]}"?' if nearest else "."
    names = ", ".join(f'"{name}"' for name in list(there)[:20])
    return MissingColumn(f'{path}: there is no column "{wanted}" among {names}{hint}')


def _csv_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    with path.open("rb") as file, _field_limit(largest_cell):
        lines = _Lines(path, file)
        first = next(lines.texts(), None)
        if first is None:
            raise EmptyFile(f"{path}: the file is empty.")
        delimiter, header = _header(path, first, columns)
        reader = csv.reader(lines.texts(), delimiter=delimiter, strict=True)
        begins = lines.number + 1
        rows = 0
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise _of_csv(path, begins, error, largest_cell) from error
            if cells is None:
                break
            where, begins = f"{path}:{begins}", lines.number + 1
            if not cells:  # an empty line
                continue
            if len(cells) != len(header):
                raise BadRow(
                    f"{where}: the row has {len(cells)} cells, the header {len(header)}; "
                    "put cells that hold the delimiter in quotes."
                )
            _check_cells(where, zip(header, cells, strict=True), largest_cell)
            rows += 1
            yield Row(where, dict(zip(header, cells, strict=True)))
        if not rows:
            raise EmptyFile(f"{path}: there is a header and no row below it.")


def _header(path: Path, first: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    headers = {}
    for delimiter in "\t" if path.suffix.lower() == ".tsv" else ",;\t":
        try:
            headers[delimiter] = next(csv.reader([first], delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
    for delimiter, header in headers.items():
        if set(columns) <= set(header):
            doubled = next((name for name in header if header.count(name) > 1), None)
            if doubled is not None:
                raise BadRow(f'{path}:1: the column "{doubled}" stands twice in the header; rename one of them.')
            return delimiter, header
    widest = max(headers.values(), key=len, default=[])
    raise missing_column(path, next((name for name in columns if name not in widest), columns[0]), widest)


def _of_csv(path: Path, line: int, error: csv.Error, largest_cell: int) -> Exception:
    if "field limit" in str(error):
        return _too_large(f"{path}:{line}", None, largest_cell)
    return BadRow(f"{path}:{line}: the row is not valid CSV ({error}); a quote may be missing.")


def _json_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    with path.open("rb") as file:
        lines = _Lines(path, file)
        rows = 0
        for text in lines.texts():
            where = f"{path}:{lines.number}"
            if not text.strip():
                continue
            try:
                cells = json.loads(text)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep"
                raise BadRow(f"{where}: the line is not valid JSON ({reason}); write one object a line.") from error
            if not isinstance(cells, dict):
                raise BadRow(f"{where}: the line is {type(cells).__name__}, not an object; write one object a line.")
            if rows == 0:
                absent = next((name for name in columns if name not in cells), None)
                if absent is not None:
                    raise missing_column(path, absent, list(cells))
            _check_cells(where, cells.items(), largest_cell)
            rows += 1
            yield Row(where, cells)
        if not rows:
            raise EmptyFile(f"{path}: the file has no rows.")


def _parquet_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path}: the file is not readable Parquet ({_first_line(error)}).") from error
    with file:
        names = file.schema_arrow.names
        for wanted in columns:
            if wanted not in names:
                raise missing_column(path, wanted, names)
        if file.metadata.num_rows == 0:
            raise EmptyFile(f"{path}: the file has no rows.")
        classes = _class_names(file.schema_arrow)
        number = 0
        try:
            for batch in file.iter_batches(batch_size=ROWS_A_BATCH):
                _check_lengths(path, batch, number, largest_cell)
                for cells in batch.to_pylist():
                    number += 1
                    where = f"{path}, row {number}"
                    named = {name: class_name(value, classes.get(name)) for name, value in cells.items()}
                    _check_cells(where, named.items(), largest_cell)
                    yield Row(where, named)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UnreadableFile(
                f"{path}: the file cannot be read after row {number} ({_first_line(error)})."
            ) from error


def _check_lengths(path: Path, batch: Any, before: int, largest_cell: int) -> None:
    """Look at lengths before any cell is copied into Python."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            lengths = pc.binary_length(column)
            if (pc.max(lengths).as_py() or 0) > largest_cell:
                row = before + 1 + pc.index(lengths, pc.max(lengths)).as_py()
                raise _too_large(f"{path}, row {row}", name, largest_cell)


def _class_names(schema: Any) -> dict[str, list[str]]:
    """What the numbers of `ClassLabel` columns stand for, as the datasets library writes it beside a Parquet schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: each["names"] for name, each in features.items() if isinstance(each, dict) and "names" in each}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def class_name(value: Any, names: Sequence[str] | None) -> Any:
    """The name of a class that is given by its number; another value as it is."""
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _check_cells(where: str, cells: Any, largest_cell: int) -> None:
    for name, value in cells:
        if not isinstance(value, str):
            continue
        if len(value) > largest_cell or (
            len(value) * 4 > largest_cell and len(value.encode("utf-8", "replace")) > largest_cell
        ):
            raise _too_large(where, name, largest_cell)
        if "\0" in value:
            raise NulBytes(f'{where}: column "{name}" holds a NUL character; take it out.')


def _too_large(where: str, column: str | None, largest_cell: int) -> CellTooLarge:
    named = f' in column "{column}"' if column else ""
    return CellTooLarge(
        f"{where}: a cell{named} is over {largest_cell:,} bytes; a record is a text that people can read, so split it."
    )


class _Lines:
    """A file's lines as text, its number of the last one given, and errors that name a byte."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file = path, file
        self.number = 0
        self.offset = 0

    def texts(self) -> Iterator[str]:
        while line := self.file.readline(LARGEST_LINE):
            self.number += 1
            begins, self.offset = self.offset, self.offset + len(line)
            if len(line) == LARGEST_LINE and not line.endswith(b"\n"):
                raise _too_large(f"{self.path}:{self.number}", None, LARGEST_CELL)
            if self.number == 1:
                if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise NotUtf8(f"{self.path}: the file is UTF-16; save it as UTF-8.")
                skipped = len(line) - len(line.removeprefix(b"\xef\xbb\xbf"))
                line, begins = line[skipped:], begins + skipped
            if b"\0" in line:
                at = begins + line.index(b"\0")
                raise NulBytes(
                    f"{self.path}:{self.number}: byte {at} of the file is NUL, which text never holds; take it out."
                )
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise NotUtf8(
                    f"{self.path}:{self.number}: byte {begins + error.start} of the file is not UTF-8"
                    f"{_looks_like(line)}; save the file as UTF-8."
                ) from error


def _looks_like(line: bytes) -> str:
    """What the encoding may be: advice only, nothing is decoded by a guess."""
    from charset_normalizer import from_bytes

    guess = from_bytes(line[:SAMPLE]).best()
    return f" (the line looks like {guess.encoding})" if guess is not None and guess.encoding else ""


@contextmanager
def _field_limit(size: int) -> Iterator[None]:
    # The limit belongs to the whole interpreter; Python's default of 128 KiB is too small for long texts.
    before = csv.field_size_limit(size)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
