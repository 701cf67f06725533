"""What the records of a page say, as one hash, so that a page that is fetched again can be known as unchanged."""

import hashlib
import json
from collections.abc import Iterable

from crawlers.page import FoundRecord


def said_hash(records: Iterable[FoundRecord]) -> str | None:
    """SHA-256 of the keys, texts and media of records, in their order; None where there are none."""
    said = [(record.natural_key, record.text, record.media_path) for record in records]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest() if said else None
