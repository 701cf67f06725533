"""Sightings: which record was seen on which page. One record may stand on many pages."""

from collections.abc import Sequence

import pyarrow as pa

from store.database import Store

SIGHTINGS = pa.schema(
    [
        ("record_id", pa.string()),
        ("page_id", pa.string()),
        ("position", pa.int32()),
        ("seen_at", pa.timestamp("us", tz="UTC")),
    ]
)


def add_sightings(store: Store, batch: pa.Table) -> int:
    """Add sightings, with the columns of the table; a record counts once a page. Gives how many are new."""
    given = batch.select(SIGHTINGS.names).cast(SIGHTINGS)
    with store.transaction() as db, store.table("given_sightings", given):
        inserted = db.execute(
            """
            INSERT OR IGNORE INTO sightings BY NAME
            SELECT record_id, page_id, min(position) AS position, min(seen_at) AS seen_at
            FROM given_sightings
            GROUP BY record_id, page_id
            """
        ).fetchall()
    return int(inserted[0][0])


def sightings(store: Store) -> pa.Table:
    """Every sighting, by record and time: the columns of the table."""
    return store.read("SELECT * FROM sightings ORDER BY record_id, seen_at, page_id")


def last_seen_on(store: Store, source_name: str, wanted: pa.Table) -> pa.Table:
    """Which record with a natural key was seen last on a page of that URL.

    `wanted` has `url` (of the page, after redirects) and `natural_key`; gives these with `record_id`, for those
    that were ever seen.
    """
    with store.table("wanted_keys", wanted.select(["url", "natural_key"])):
        return store.read(
            """
            SELECT coalesce(pages.final_url, pages.url) AS url, records.natural_key,
                   arg_max(record_id, (seen_at, position)) AS record_id
            FROM records
            JOIN sightings USING (record_id)
            JOIN pages USING (page_id)
            WHERE records.source_name = $1
                AND (coalesce(pages.final_url, pages.url), records.natural_key)
                    IN (SELECT (url, natural_key) FROM wanted_keys)
            GROUP BY ALL
            """,
            [source_name],
        )


def first_pages(store: Store, record_ids: Sequence[str]) -> pa.Table:
    """The page on which each of these records was first seen, in the order of the ids.

    Columns: `record_id`, `page_id`, `url`, `final_url`, `fetched_at`, `status`, `content_type`, `body_hash`,
    `warc_file`, `warc_offset`, `robots`, `rights`, `rendered`, `pages` (on how many it was seen). A record that was
    never seen on a page, such as an imported one, has nulls and 0.
    """
    wanted = pa.table(
        {"wanted_id": pa.array(record_ids, pa.string()), "place": pa.array(range(len(record_ids)), pa.int64())}
    )
    with store.table("wanted", wanted):
        return store.read(
            """
            WITH seen AS (
                SELECT record_id, arg_min(page_id, (seen_at, page_id)) AS page_id, count(*) AS pages
                FROM sightings
                WHERE record_id IN (SELECT wanted_id FROM wanted)
                GROUP BY record_id
            )
            SELECT wanted_id AS record_id, seen.page_id, url, final_url, fetched_at, status, content_type, body_hash,
                   warc_file, warc_offset, robots, rights, rendered, coalesce(seen.pages, 0) AS pages
            FROM wanted
            LEFT JOIN seen ON seen.record_id = wanted_id
            LEFT JOIN pages ON pages.page_id = seen.page_id
            ORDER BY place
            """
        )
