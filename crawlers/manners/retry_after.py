"""Retry-After, in both its forms: RFC 9110, section 10.2.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

SECONDS = re.compile(r"\d+(\.\d+)?")


def retry_after(headers: Mapping[Any, Any], *, now: float) -> float | None:
    """How many seconds from `now` (wall clock, epoch seconds) the headers ask to be left alone.

    0 for a date in the past; None where there is no such header, or none that can be read.
    """
    value = header(headers, "Retry-After")
    if value is None:
        return None
    value = value.strip()
    if SECONDS.fullmatch(value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        # A date without a zone is one in the zone that every HTTP date has.
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def header(headers: Mapping[Any, Any], name: str) -> str | None:
    """The header's (first) value, out of Scrapy's headers or of a plain mapping with names in any case."""
    value = headers.get(name)
    if value is None:
        value = next((v for key, v in headers.items() if str(key).lower() == name.lower()), None)
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value.decode("latin-1") if isinstance(value, bytes) else value
