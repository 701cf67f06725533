"""Pages with evidence of rights in a store, for the tests of what may be labelled and published."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from store.database import Store

FIRST = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
NOAI = [{"kind": "noai", "value": "noai", "where": "X-Robots-Tag"}]
RESERVED = [{"kind": "tdm-reservation", "value": "1", "where": "header"}]
LICENSED = [{"kind": "licence", "value": "https://creativecommons.org/licenses/by/4.0/", "where": "link rel=license"}]


def add_page(
    store: Store,
    page_id: str,
    items: Sequence[dict],
    *,
    records: Sequence[str] = (),
    source: str = "forum",
    url: str | None = None,
    day: int = 0,
    status: int | None = 200,
) -> None:
    """A page of `source` with this evidence, fetched `day` days after the first, that shows `records`."""
    at = FIRST + timedelta(days=day)
    rights = json.dumps({"version": 1, "items": list(items), "evidence_hash": f"hash of {page_id}"})
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO sources VALUES ($1, $1, 'site', '{}', $2)", [source, at])
        db.execute(
            """
            INSERT INTO pages (page_id, source_id, url, fetched_at, status, rights, rendered)
            VALUES ($1, $2, $3, $4, $5, $6, 'http')
            """,
            [page_id, source, url or f"https://{source}.example/{page_id}", at, status, rights],
        )
        if records:
            seen = pa.table({"record_id": list(records)})
            with store.table("shown", seen):
                db.execute("INSERT INTO sightings SELECT record_id, $1, 0, $2 FROM shown", [page_id, at])
