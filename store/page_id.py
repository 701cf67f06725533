"""How a fetch is named. Apart from the table, so that the process that fetches needs no DuckDB."""

import hashlib
from datetime import UTC, datetime


def page_id(source_id: str, url: str, fetched_at: datetime) -> str:
    """32 hex digits that name one fetch of one URL for one source."""
    moment = fetched_at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"{source_id}\n{url}\n{moment}".encode()).hexdigest()[:32]
