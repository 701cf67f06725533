"""Versions: records that said, one after the other, what stands at one place, and which of them does so now.

A page whose text changed gives a record that supersedes the one before. What `supersedes` connects is a family. A
member is present where it was the last one seen at one of its places, a place being a page's address and a natural
key: a text that returns to what it was makes the earlier record the present one again, though the later one supersedes
it. Members that were never seen on a page are present while no other supersedes them.
"""

from store.database import Store

VERSIONS = """
    WITH RECURSIVE later AS MATERIALIZED (
        SELECT record_id, supersedes FROM records WHERE supersedes IS NOT NULL
    ),
    lineage AS (
        SELECT DISTINCT supersedes AS record_id, supersedes AS family_id, 0 AS depth
        FROM later
        WHERE supersedes NOT IN (SELECT record_id FROM later)
        UNION ALL
        SELECT later.record_id, family_id, depth + 1
        FROM lineage
        JOIN later ON later.supersedes = lineage.record_id
    ),
    seen AS (
        SELECT record_id, source_name, natural_key, pages.url, max(seen_at) AS seen_at
        FROM lineage
        JOIN records USING (record_id)
        JOIN sightings USING (record_id)
        JOIN pages USING (page_id)
        GROUP BY ALL
    ),
    places AS (
        SELECT record_id, seen_at,
               seen_at = max(seen_at) OVER (PARTITION BY source_name, natural_key, url) AS is_last
        FROM seen
    ),
    whereabouts AS (
        SELECT record_id, max(seen_at) AS seen_at, bool_or(is_last) AS is_last FROM places GROUP BY record_id
    )
    SELECT lineage.record_id, family_id, depth, coalesce(seen_at, added_at) AS last_seen,
           coalesce(is_last, lineage.record_id NOT IN (SELECT supersedes FROM later)) AS is_present
    FROM lineage
    JOIN records USING (record_id)
    LEFT JOIN whereabouts USING (record_id)
"""
"""`record_id`, `family_id`, `depth`, `last_seen`, `is_present` of every record that has another version."""

OUTDATED = f"SELECT record_id FROM ({VERSIONS}) WHERE NOT is_present"
"""`record_id` of those that another version has taken the place of."""

REPLACED = f"""
    SELECT record_id
    FROM (
        SELECT record_id, is_present,
               row_number() OVER (
                   PARTITION BY family_id
                   ORDER BY is_present DESC, last_seen DESC, depth DESC, record_id
               ) AS place
        FROM ({VERSIONS})
        SEMI JOIN labels USING (record_id)
    )
    WHERE NOT is_present AND place > 1
"""
"""`record_id` of those that have a label, and a later version that has one too."""


def outdated(store: Store) -> set[str]:
    """The records that another version has taken the place of."""
    return set(store.read(OUTDATED)["record_id"].to_pylist())
