"""The rows of a CSV file: RFC 4180, with the delimiters and the slips that spreadsheets and people bring into it."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crawlers.import_error import BadRow, EmptyFile
from crawlers.tables.lines import Lines, opened
from crawlers.tables.row import Row, check_cells, form_of, missing_column, too_large

DELIMITERS = ",;\t|"
SAYS_DELIMITER = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)


def csv_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    """The rows below the header.

    The delimiter is what makes a header that has `columns` of the first line, unless `sep=;` stands above it.

    Raises:
        ImportRefused: One of its kinds.
    """
    with opened(path) as file, _field_limit(largest_cell):
        lines = Lines(path, file)
        delimiter, header = _header(path, lines, columns)
        rows = 0
        for where, cells in _cells(path, lines, delimiter, len(header), largest_cell):
            if len(cells) != len(header):
                raise BadRow(
                    f"{where}: the row has {len(cells)} cells, the header {len(header)}; "
                    "put cells that hold the delimiter in quotes."
                )
            named = dict(zip(header, cells, strict=True))
            check_cells(where, named.items(), largest_cell)
            rows += 1
            yield Row(where, named)
        if not rows:
            raise EmptyFile(f"{path}: there is a header and no row below it.")


def _header(path: Path, lines: Lines, columns: Sequence[str]) -> tuple[str, list[str]]:
    delimiters = "\t" if form_of(path) == ".tsv" else DELIMITERS
    for line in lines.texts():
        said = SAYS_DELIMITER.fullmatch(line) if lines.number == 1 else None
        if said:
            delimiters = said[1]
        elif line.strip():
            break
    else:
        raise EmptyFile(f"{path}: the file is empty.")
    headers = {}
    for delimiter in delimiters:
        try:
            names = next(csv.reader([line], delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        # Spreadsheets write cells without a name where a column beside the table once held something.
        headers[delimiter] = [name or f"column {number}" for number, name in enumerate(names, 1)]
    for delimiter, header in headers.items():
        if set(columns) <= set(header):
            doubled, times = Counter(header).most_common(1)[0]
            if times > 1:
                raise BadRow(
                    f'{path}:{lines.number}: the column "{doubled}" stands twice in the header; rename one of them.'
                )
            return delimiter, header
    widest = max(headers.values(), key=len, default=[])
    raise missing_column(path, next((name for name in columns if name not in widest), columns[0]), widest)


def _cells(path: Path, lines: Lines, delimiter: str, width: int, largest_cell: int) -> Iterator[tuple[str, list[str]]]:
    """The rows' cells, each with where the row begins."""
    reader = csv.reader(lines.texts(), delimiter=delimiter, strict=True)
    while True:
        begins = lines.number + 1
        where = f"{path}:{begins}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if "field limit" in str(error):
                raise too_large(where, None, largest_cell) from error
            cells = _as_meant(lines.last, delimiter) if lines.number == begins else []
            if len(cells) != width:
                raise BadRow(f"{where}: the row is not valid CSV ({error}); a quote may be missing.") from error
        if cells is None:
            return
        if cells:  # no empty line
            yield where, cells


def _as_meant(line: str, delimiter: str) -> list[str]:
    """The cells of a row with quotes in a quoted cell that were not doubled; none where it cannot be understood.

    A quote ends a cell where the delimiter or the end of the line follows it.
    """
    edge = re.escape(delimiter)
    cell = re.compile(rf'(?:"(.*?)"|([^{edge}"][^{edge}]*|))({edge}|$)')
    cells: list[str] = []
    text, at = line.rstrip("\r\n"), 0
    while found := cell.match(text, at):
        quoted, bare, ends = found.groups()
        cells.append(bare if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if not ends:
            return cells
    return []


@contextmanager
def _field_limit(size: int) -> Iterator[None]:
    # The limit belongs to the whole interpreter; Python's default of 128 KiB is too small for long texts.
    before = csv.field_size_limit(size)
    try:
        yield
    finally:
        csv.field_size_limit(before)
