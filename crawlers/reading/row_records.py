"""Rows, whatever table they come from, as records."""

from collections.abc import Mapping
from typing import Any

from crawlers.page import FoundRecord
from crawlers.reading.batches import NO_TEXT, NoRecord
from crawlers.reading.values import as_key, as_text, without_nothing


def row_record(
    position: int, row: Mapping[str, Any], *, text: str, key: str | None, url: str | None, more: Mapping[str, Any]
) -> FoundRecord | NoRecord:
    """The record of a row; none where its text is empty, or is bytes or an object, which no person reads.

    Args:
        position: The how-manieth row it is.
        row: Values by column.
        text, key, url: The columns with the text, the row's own id, and where a reader finds it.
        more: Metadata besides the other columns.
    """
    words = as_text(row.get(text))
    if words is None:
        held = row.get(text)
        if isinstance(held, bytes | bytearray | memoryview | Mapping):
            what = "an object" if isinstance(held, Mapping) else "bytes"
            return NoRecord(f'"{text}" is {what}, not a text')
        return NO_TEXT
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
