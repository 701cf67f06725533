"""Pages: one row a fetch, also of what failed or was not allowed. The bytes themselves lie in a WARC file."""

from collections.abc import Sequence

import pyarrow as pa

from store.database import Store

PAGES = pa.schema(
    [
        ("page_id", pa.string()),
        ("source_id", pa.string()),
        ("url", pa.string()),
        ("final_url", pa.string()),
        ("fetched_at", pa.timestamp("us", tz="UTC")),
        ("status", pa.int32()),
        ("content_type", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("body_hash", pa.string()),
        ("body_bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("warc_file", pa.string()),
        ("warc_offset", pa.int64()),
        ("robots", pa.string()),
        ("rights", pa.string()),
        ("rendered", pa.string()),
        ("depth", pa.int32()),
        ("records_found", pa.int32()),
        ("error", pa.string()),
        ("unchanged", pa.string()),
    ]
)
"""The columns of the table; `error` reads `kind: a sentence`, the kind in one word."""


def add_pages(store: Store, batch: pa.Table) -> int:
    """Add fetches, with the columns of `PAGES`; one that is there already is left alone. Gives how many are new."""
    given = batch.select(PAGES.names).cast(PAGES)
    with store.transaction() as db, store.table("given_pages", given):
        inserted = db.execute("INSERT OR IGNORE INTO pages BY NAME SELECT * FROM given_pages").fetchall()
    return int(inserted[0][0])


def pages(store: Store, ids: Sequence[str] | None = None) -> pa.Table:
    """The pages with these ids, in that order; all of them, in the order of fetching, where none are given."""
    if ids is None:
        return store.read("SELECT * FROM pages ORDER BY fetched_at, page_id")
    wanted = pa.table({"wanted_id": pa.array(ids, pa.string()), "place": pa.array(range(len(ids)), pa.int64())})
    with store.table("wanted", wanted):
        return store.read(
            """
            SELECT pages.*
            FROM wanted
            JOIN pages ON page_id = wanted_id
            ORDER BY place
            """
        )


def page_counts(store: Store) -> pa.Table:
    """How the fetches of each source went.

    One row a source name, rendering, status, robots verdict and kind of error: `source_name`, `rendered`, `status`,
    `robots`, `error_kind`, `pages`, `body_bytes`.
    """
    return store.read(
        """
        SELECT sources.name AS source_name, rendered, status, robots, split_part(error, ':', 1) AS error_kind,
               count(*) AS pages, CAST(coalesce(sum(body_bytes), 0) AS BIGINT) AS body_bytes
        FROM pages
        JOIN sources USING (source_id)
        GROUP BY ALL
        ORDER BY ALL
        """
    )


def slow_hosts(store: Store, limit: int = 10) -> pa.Table:
    """The hosts whose answers took longest, slowest first.

    Columns: `host`, `pages` that were answered, `median_seconds` and `slowest_seconds` of an answer.
    """
    return store.read(
        """
        SELECT regexp_extract(url, '^[a-z]+://([^/?#]*)', 1) AS host, count(*) AS pages,
               median(seconds) AS median_seconds, max(seconds) AS slowest_seconds
        FROM pages
        WHERE seconds IS NOT NULL AND status IS NOT NULL
        GROUP BY host
        ORDER BY median_seconds DESC, host
        LIMIT $1
        """,
        [limit],
    )


def troubled_pages(store: Store) -> pa.Table:
    """What could not be had or was refused, by source and kind, most frequent first.

    Columns: `source_name`, `kind` (the word before the colon of `error`), `pages`, `url` and `error` of the latest.
    A page that a later fetch had is not among them.
    """
    return store.read(
        """
        WITH latest AS (
            SELECT sources.name AS source_name, url, arg_max(coalesce(error, ''), fetched_at) AS error,
                   max(fetched_at) AS latest_at
            FROM pages
            JOIN sources USING (source_id)
            GROUP BY sources.name, url
        )
        SELECT source_name, split_part(error, ':', 1) AS kind, count(*) AS pages,
               arg_max(url, latest_at) AS url, arg_max(error, latest_at) AS error
        FROM latest
        WHERE error <> ''
        GROUP BY source_name, kind
        ORDER BY pages DESC, source_name, kind
        """
    )


def latest_answers(store: Store, source_name: str, urls: Sequence[str]) -> pa.Table:
    """Where the last answer to each of these URLs lies: `url`, `fetched_at`, `warc_file`, `warc_offset`."""
    wanted = pa.table({"url": pa.array(urls, pa.string())})
    with store.table("wanted", wanted):
        return store.read(
            """
            SELECT url, max(fetched_at) AS fetched_at, arg_max(warc_file, fetched_at) AS warc_file,
                   arg_max(warc_offset, fetched_at) AS warc_offset
            FROM pages
            JOIN sources USING (source_id)
            JOIN wanted USING (url)
            WHERE sources.name = $1 AND warc_file IS NOT NULL
            GROUP BY url
            ORDER BY url
            """,
            [source_name],
        )
