"""Times as sitemaps, feeds and people write them, in UTC."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 64
_MONTH = re.compile(r"(\d{4})(-\d\d)?")
_BEFORE_ZONE = re.compile(r"\s+(?=[Z+-])")


def w3c_time(said: str) -> datetime | None:
    """A W3C date and time (https://www.w3.org/TR/NOTE-datetime), or any other of ISO 8601, or a mail's (RFC 5322).

    Whole seconds, of any precision from a year down; without a zone UTC is meant, as the note's users write it. None
    for what is no time.
    """
    said = said.strip()
    try:
        parsed = _iso(said.upper()) if len(said) < LONGEST else None
        parsed = parsed or parsedate_to_datetime(said)
        return (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _iso(said: str) -> datetime | None:
    month = _MONTH.fullmatch(said)
    if month:
        said = f"{month[1]}{month[2] or '-01'}-01"
    try:
        return datetime.fromisoformat(_BEFORE_ZONE.sub("", said))
    except ValueError:
        return None
