"""Rows, whatever table they come from, as records."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crawlers.page import FoundRecord
from crawlers.reading.values import as_key, as_text, without_nothing
from store.errors import TilthError

RECORDS_A_BATCH = 5_000


def row_record(
    position: int, row: Mapping[str, Any], *, text: str, key: str | None, url: str | None, more: Mapping[str, Any]
) -> FoundRecord | None:
    """The record of a row; None where its text is empty.

    Args:
        position: The how-manieth row it is.
        row: Values by column.
        text, key, url: The columns with the text, the row's own id, and where a reader finds it.
        more: Metadata besides the other columns.
    """
    words = as_text(row.get(text))
    if words is None:
        return None
    used = {text, key, url}
    rest = without_nothing({name: value for name, value in row.items() if name not in used})
    address = row.get(url) if url is not None else None
    return FoundRecord(
        position,
        as_key(row.get(key)) if key is not None else None,
        words,
        {**rest, **more},
        url=address if isinstance(address, str) and address else None,
    )


def in_batches(records: Iterable[FoundRecord | None], size: int = RECORDS_A_BATCH) -> Iterator[list[FoundRecord]]:
    """What there is of records, `size` at a time; where they end in an error, those before it are given first."""
    batch: list[FoundRecord] = []
    try:
        for record in records:
            if record is not None:
                batch.append(record)
            if len(batch) == size:
                yield batch
                batch = []
    except TilthError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
