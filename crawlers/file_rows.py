"""The rows of a CSV, JSON Lines or Parquet file, one after another, each with where it stands.

The file is read once, in pieces: memory does not grow with its size, nor with that of a cell that is too large.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from crawlers.import_error import EmptyFile, NoSuchFile, UnknownFormat
from crawlers.tables.csv_rows import csv_rows
from crawlers.tables.json_rows import json_rows
from crawlers.tables.parquet_rows import parquet_rows
from crawlers.tables.row import LARGEST_CELL, Row, form_of

READERS: Mapping[str, Callable[[Path, Sequence[str], int], Iterator[Row]]] = {
    ".csv": csv_rows,
    ".tsv": csv_rows,
    ".jsonl": json_rows,
    ".ndjson": json_rows,
    ".parquet": parquet_rows,
}
TABLES = tuple(READERS)
"""The extensions that are read here."""
SPREADSHEETS = (".xlsx", ".xls", ".ods")


def file_rows(
    path: Path, columns: Sequence[str], *, largest_cell: int = LARGEST_CELL, form: str | None = None
) -> Iterator[Row]:
    """The rows of a file, whose format its extension names; `.gz` or `.zst` may stand behind that of a text file.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file. The delimiter of a `.csv` is what makes a header
            of its first line that has `columns`: a comma, a semicolon, a tab or a bar.
        columns: Must be there; the others are given as well. Rows of JSON Lines may be without one.
        largest_cell: Bytes.
        form: The extension that it should have, where it has another.

    Raises:
        ImportRefused: One of its kinds; the message names the place and what to do.
    """
    form = form or form_of(path)
    if not path.is_file():
        raise NoSuchFile(f"{path}: there is no such file.")
    if form not in READERS:
        advice = "save its sheet as CSV in UTF-8" if form in SPREADSHEETS else f"known: {', '.join(READERS)}"
        raise UnknownFormat(
            f'{path}: "{form or path.suffix or path.name}" is not a format that can be imported; {advice}.'
        )
    if path.stat().st_size == 0:
        raise EmptyFile(f"{path}: the file is empty.")
    try:
        yield from READERS[form](path, columns, largest_cell)
    except PermissionError as error:
        raise NoSuchFile(f"{path}: the file may not be read ({error.strerror}).") from error
