"""What a page gave, in characters that can be kept: JSON and scripts may hold halves of one, which UTF-8 cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crawlers.page import Extraction
from crawlers.reading.values import clean


def whole(extraction: Extraction) -> Extraction:
    """The same, with U+FFFD for each half character (lone surrogate) in any of its strings, and without NULs."""
    given = (extraction.records, extraction.links, extraction.unmatched, extraction.rights, extraction.error)
    if not _is_torn([[vars(one) for one in given[0]], [link.about for link in given[1]], *given[2:]]):
        return extraction  # nearly every page
    return replace(
        extraction,
        records=tuple(replace(one, **{name: _mended(value) for name, value in vars(one).items()}) for one in given[0]),
        links=tuple(replace(link, about=_mended(link.about)) for link in given[1]),
        unmatched=_mended(extraction.unmatched),
        rights=_mended(extraction.rights),
        error=_mended(extraction.error),
    )


def _is_torn(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or not (value.isascii() or _has_utf8(value))
    if isinstance(value, Mapping):
        return any(_is_torn(name) or _is_torn(one) for name, one in value.items())
    return isinstance(value, list | tuple) and any(map(_is_torn, value))


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return [_mended(one) for one in value] if isinstance(value, list | tuple) else value
