"""A row of a file, and what is refused of one."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawlers.import_error import CellTooLarge, MissingColumn, NulBytes

LARGEST_CELL = 2**20
"""Bytes; what is longer is a document to be split, not a text that a person labels."""
PACKED = (".gz", ".zst")
NAMED, COMPARED = 20, 1_000
"""Of the columns that there are, so many are named and compared in an error."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        where: Where it stands, such as `reviews.csv:17`; begins an error message.
        cells: Its values by column.
    """

    where: str
    cells: Mapping[str, Any]


def form_of(path: Path) -> str:
    """The extension that says what a file is, in lower case: `.csv` of `reviews.CSV` and of `reviews.csv.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def missing_column(path: Path, wanted: str, there: Sequence[str]) -> MissingColumn:
    """The error that says which columns there are, and which of them may be meant."""
    nearest = difflib.get_close_matches(wanted, list(there)[:COMPARED], 1)
    hint = f'; did you mean "{nearest[0]}"?' if nearest else "."
    names = ", ".join(f'"{name}"' for name in list(there)[:NAMED])
    among = f" among {names}{hint}" if names else ", for nothing in it names any."
    return MissingColumn(f'{path}: there is no column "{wanted}"{among}', wanted)


def check_cells(where: str, cells: Iterable[tuple[str, Any]], largest_cell: int) -> None:
    """Look at a row's texts.

    Raises:
        CellTooLarge: One is over `largest_cell` bytes.
        NulBytes: One holds a NUL.
    """
    for name, value in cells:
        if not isinstance(value, str):
            continue
        if len(value) > largest_cell or (
            len(value) * 4 > largest_cell and len(value.encode("utf-8", "replace")) > largest_cell
        ):
            raise too_large(where, name, largest_cell)
        if "\0" in value:
            raise NulBytes(f'{where}: column "{name}" holds a NUL character; take it out.')


def too_large(where: str, column: str | None, largest_cell: int) -> CellTooLarge:
    """The error that says which cell it is."""
    named = f' in column "{column}"' if column else ""
    return CellTooLarge(
        f"{where}: a cell{named} is over {largest_cell:,} bytes; a record is a text that people can read, so split it."
    )


def class_name(value: Any, names: Sequence[str] | None) -> Any:
    """The name of a class that is given by its number; another value as it is."""
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value
