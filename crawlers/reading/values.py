"""Values as JSON, tables and databases give them, as a record can keep them."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

DEEPEST = 8
"""Lists in lists of metadata go no deeper than this; what lies below is left out."""


def clean(text: str) -> str:
    """The text as UTF-8 and the store can hold it: half characters (lone surrogates) become U+FFFD, NULs go."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def written_number(value: int | float) -> str | None:
    """A number with all digits that it takes to tell it from others; None for infinity and for what is no number."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def as_text(value: Any) -> str | None:
    """What a value says as one text: a list's members stand on lines of their own; None where it says nothing."""
    if isinstance(value, str):
        return clean(value).strip() or None
    if isinstance(value, list | tuple):
        lines = [line for line in map(as_text, value) if line]
        return "\n".join(lines) or None
    if isinstance(value, Mapping):
        return None
    return as_key(value)


def as_key(value: Any) -> str | None:
    """A record's own id out of a string, a number or a time; None for anything else, and for an empty string."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return clean(value).strip() or None
    if isinstance(value, float):
        return written_number(value)
    plain = as_metadata(value)
    return str(plain) if isinstance(plain, str | int) else None


def as_metadata(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it; None for what it cannot, such as bytes, and for numbers that are none."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [as_metadata(one, depth + 1) for one in value] if depth < DEEPEST else None
    if isinstance(value, Mapping):
        return (
            {clean(str(name)): as_metadata(one, depth + 1) for name, one in value.items()} if depth < DEEPEST else None
        )
    if isinstance(value, bytes | bytearray | memoryview):
        return None
    return clean(str(value))  # a decimal, a UUID


def without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without the names that have no value."""
    plain = {name: as_metadata(value) for name, value in values.items()}
    return {name: value for name, value in plain.items() if value not in (None, "", [], {})}
