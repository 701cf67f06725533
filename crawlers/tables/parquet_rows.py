"""The rows of a Parquet file."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crawlers.import_error import EmptyFile, ImportRefused, UnreadableFile
from crawlers.tables.row import Row, check_cells, class_name, missing_column, too_large

ROWS_A_BATCH = 1_000


def parquet_rows(path: Path, columns: Sequence[str], largest_cell: int) -> Iterator[Row]:
    """The rows, with the names of classes for their numbers where the file says them.

    Raises:
        ImportRefused: One of its kinds.
    """
    import pyarrow.parquet as pq

    with _told(path, "is not readable Parquet"):
        file = pq.ParquetFile(path)
        names = list(file.schema_arrow.names)
        classes = _class_names(file.schema_arrow)
        rows = file.metadata.num_rows
    with file:
        for wanted in columns:
            if wanted not in names:
                raise missing_column(path, wanted, names)
        if rows == 0:
            raise EmptyFile(f"{path}: the file has no rows.")
        for number, cells in enumerate(_cells(path, file, largest_cell), 1):
            where = f"{path}, row {number}"
            named = {name: class_name(value, classes.get(name)) for name, value in cells.items()}
            check_cells(where, named.items(), largest_cell)
            yield Row(where, named)


def _cells(path: Path, file: Any, largest_cell: int) -> Iterator[dict[str, Any]]:
    batches = file.iter_batches(batch_size=ROWS_A_BATCH)
    number = 0
    while True:
        with _told(path, f"cannot be read after row {number}"):
            batch = next(batches, None)
            if batch is None:
                return
            _check_lengths(path, batch, number, largest_cell)
            rows = batch.to_pylist()
        number += len(rows)
        yield from rows


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Turn what pyarrow raises inside the block into an `UnreadableFile`.

    Of damaged names, times without a year in Python and unknown zones it raises errors that have no class in common.
    """
    try:
        yield
    except ImportRefused:
        raise
    except Exception as error:
        raise UnreadableFile(f"{path}: the file {what} ({_first_line(error)}).") from error


def _check_lengths(path: Path, batch: Any, before: int, largest_cell: int) -> None:
    """Look at lengths before any cell is copied into Python."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            lengths = pc.binary_length(column)
            if (pc.max(lengths).as_py() or 0) > largest_cell:
                row = before + 1 + pc.index(lengths, pc.max(lengths)).as_py()
                raise too_large(f"{path}, row {row}", name, largest_cell)


def _class_names(schema: Any) -> dict[str, list[str]]:
    """What the numbers of `ClassLabel` columns stand for, as the datasets library writes it beside a Parquet schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: each["names"] for name, each in features.items() if isinstance(each, dict) and "names" in each}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _first_line(error: BaseException) -> str:
    said = (str(error).splitlines() or [""])[0][:200]
    return said if isinstance(error, OSError) or not said else f"{type(error).__name__}: {said}"
