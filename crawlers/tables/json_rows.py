"""The rows of a JSON Lines file: one object a line (https://jsonlines.org)."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from crawlers.import_error import BadRow, EmptyFile, ImportRefused
from crawlers.reading.json_pages import json_value, what_it_is
from crawlers.tables.lines import Lines, opened
from crawlers.tables.row import Row, check_cells, missing_column

ROWS_AHEAD = 100
"""A column may be absent from single rows; one that none of so many rows has is not there."""


def json_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    """The rows, from the first line on.

    Raises:
        ImportRefused: One of its kinds.
    """
    rows = _rows(path, largest_cell)
    ahead: list[Row] = []
    absent, there = set(columns), dict[str, None]()
    for row in rows:
        ahead.append(row)
        absent -= row.cells.keys()
        there |= dict.fromkeys(row.cells)
        if not absent or len(ahead) == ROWS_AHEAD:
            break
    if absent:
        raise missing_column(path, next(name for name in columns if name in absent), list(there))
    yield from chain(ahead, rows)


def are_json_lines(path: Path) -> bool:
    """Whether a file, whatever it is called, begins with an object on one line and has more lines below."""
    with opened(path) as file:
        lines = (text for text in Lines(path, file).texts() if text.strip())
        try:
            first = next(lines, "")
            return first.lstrip().startswith("{") and bool(json_value(first)) and next(lines, None) is not None
        except (ImportRefused, ValueError, RecursionError):  # a document may have longer lines, and wider letters
            return False


def _rows(path: Path, largest_cell: int) -> Iterator[Row]:
    with opened(path) as file:
        lines = Lines(path, file)
        rows = 0
        for text in lines.texts():
            where = f"{path}:{lines.number}"
            if not text.strip():
                continue
            try:
                cells = json_value(text)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep"
                raise BadRow(f"{where}: the line is not valid JSON ({reason}); write one object a line.") from error
            if not isinstance(cells, dict):
                raise BadRow(f"{where}: the line is {what_it_is(cells)}, not an object; write one object a line.")
            check_cells(where, cells.items(), largest_cell)
            rows += 1
            yield Row(where, cells)
        if not rows:
            raise EmptyFile(f"{path}: the file has no rows.")
