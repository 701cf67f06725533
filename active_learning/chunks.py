"""A long array in parts, so that what is computed for a part needs memory for a part only."""

from collections.abc import Iterator

ROWS_AT_ONCE = 16_384


def row_slices(rows: int, at_once: int | None = None) -> Iterator[slice]:
    """The slices that cover `rows` rows, `at_once` each, by default `ROWS_AT_ONCE`."""
    size = ROWS_AT_ONCE if at_once is None else at_once
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
