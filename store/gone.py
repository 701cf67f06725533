"""Records that are no longer where they were seen: marked with the trait `gone`, never deleted."""

from collections.abc import Sequence

import pyarrow as pa

from store.database import Store, utc_now

TRAIT, VERSION = "gone", "1"

# The records that were seen on `touched_urls` of a source: whether each of their pages is gone, as what, since when.
WHEREABOUTS = """
CREATE OR REPLACE TEMP TABLE whereabouts AS
WITH of_source AS (
    SELECT page_id, coalesce(final_url, url) AS url, status, fetched_at
    FROM pages
    JOIN sources USING (source_id)
    WHERE sources.name = $1
),
touched AS (
    SELECT DISTINCT record_id
    FROM sightings
    JOIN of_source USING (page_id)
    WHERE url IN (SELECT url FROM touched_urls)
),
places AS (
    SELECT DISTINCT record_id, url
    FROM sightings
    JOIN of_source USING (page_id)
    WHERE record_id IN (SELECT record_id FROM touched)
),
answers AS (
    SELECT url, status, fetched_at, status IN (404, 410) AS gone
    FROM of_source
    WHERE url IN (SELECT url FROM places) AND (status BETWEEN 200 AND 299 OR status IN (304, 404, 410))
),
last_there AS (
    SELECT url, max(fetched_at) FILTER (WHERE NOT gone) AS moment FROM answers GROUP BY url
),
state AS (
    SELECT url, arg_max(gone, fetched_at) AS gone, arg_max(status, fetched_at) AS status,
           min(fetched_at) FILTER (WHERE gone AND (moment IS NULL OR fetched_at > moment)) AS since
    FROM answers
    JOIN last_there USING (url)
    GROUP BY url
)
SELECT record_id, bool_and(gone) AS gone, arg_max(status, since) AS status, max(since) AS since
FROM places
JOIN state USING (url)
GROUP BY record_id
"""


def note_gone(store: Store, source_name: str, urls: Sequence[str]) -> int:
    """Look again at the records that were seen on these pages of a source, and mark those whose every page is gone.

    A page is named by its URL after redirects. It is gone when its last answer was 404 or 410; an answer that says
    nothing of it, such as 503, does not count. The trait's value is JSON, such as
    `{"status": 404, "since": "2026-01-01T00:00:00.000000+00:00"}`: the last status, and when the last of its pages was
    found gone first. It is taken away where a page is there again. Gives how many are marked of those looked at.
    """
    with (
        store.transaction() as db,
        store.table("touched_urls", pa.table({"url": pa.array(list(set(urls)), pa.string())})),
    ):
        db.execute(WHEREABOUTS, [source_name])
        db.execute(
            """
            DELETE FROM traits
            WHERE name = $1 AND record_id IN (SELECT record_id FROM whereabouts WHERE NOT gone)
            """,
            [TRAIT],
        )
        db.execute(
            """
            INSERT OR REPLACE INTO traits
            SELECT record_id, $1,
                   json_object(
                       'status', status,
                       'since', strftime(since AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00')
                   ),
                   $2, $3
            FROM whereabouts
            WHERE gone
            """,
            [TRAIT, VERSION, utc_now()],
        )
        (marked,) = db.execute("SELECT count(*) FROM whereabouts WHERE gone").fetchall()[0]
        db.execute("DROP TABLE whereabouts")
    return int(marked)


def any_gone(store: Store) -> bool:
    """Whether any record is marked."""
    return store.read("SELECT 1 FROM traits WHERE name = $1 LIMIT 1", [TRAIT]).num_rows > 0
