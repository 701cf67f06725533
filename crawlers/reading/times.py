"""Times as sitemaps, feeds and people write them, in UTC."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_W3C = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?)?)?$",
    re.IGNORECASE,
)


def w3c_time(said: str) -> datetime | None:
    """A W3C date and time (https://www.w3.org/TR/NOTE-datetime), of any precision, or a mail's date (RFC 5322).

    Without a zone UTC is meant, as the note's users write it. None for what is neither.
    """
    said = said.strip()
    found = _W3C.match(said) if len(said) < 64 else None
    try:
        if not found:
            parsed = parsedate_to_datetime(said)
            return (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed).astimezone(UTC)
        year, month, day, hour, minute, second, zone = found.groups()
        date = f"{year}-{month or '01'}-{day or '01'}"
        zone = "+00:00" if zone is None or zone in "Zz" else zone
        return datetime.fromisoformat(f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}").astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
