"""What may be done with each page under the project's policy, kept so that the pool and a release need not decide anew.

A record is bound by every fetch on which it was seen, and by every later answer of the same address: a site that opts
out after it was crawled is heard as soon as it is crawled again. An image is bound by the page that shows it, too. A
record that was never seen on a page was brought in by its owner; it is bound by what the project has fetched from the
address that it names and, out of a WARC file, by what that answer said; else by nothing here.
"""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from store.database import Store, utc_now
from store.rights import Decision, RightsPolicy, decide

# What answers in WARC files said, which are no pages of this store: it stands with the records.
SAID_WITH_RECORDS = """
    SELECT record_id, 'record ' || record_id AS page_id, source_name AS source, metadata ->> '$.rights' AS rights
    FROM records
    JOIN sources USING (source_id)
    WHERE sources.kind = 'warc' AND metadata ->> '$.rights' IS NOT NULL
"""
# A record and the pages that bind it.
BINDING = f"""
    SELECT seen.record_id, bound.page_id
    FROM sightings AS seen
    JOIN pages AS shown ON shown.page_id = seen.page_id
    JOIN sources AS its ON its.source_id = shown.source_id
    JOIN pages AS bound ON bound.url = shown.url AND bound.fetched_at >= shown.fetched_at
    JOIN sources AS theirs ON theirs.source_id = bound.source_id AND theirs.name = its.name
    WHERE bound.page_id = shown.page_id OR bound.status < 400
    UNION
    SELECT record_id, page_id FROM sightings
    UNION
    SELECT shown.record_id, answered.page_id
    FROM (
        SELECT record_id, metadata ->> '$.page' AS address FROM records WHERE modality = 'image'
        UNION
        SELECT record_id, coalesce(url, natural_key) AS address FROM records ANTI JOIN sightings USING (record_id)
    ) AS shown
    JOIN (
        SELECT page_id, url AS address FROM pages WHERE status < 400
        UNION
        SELECT page_id, final_url AS address FROM pages WHERE status < 400
    ) AS answered USING (address)
    UNION
    SELECT record_id, page_id FROM ({SAID_WITH_RECORDS})
"""


def refresh_rights(store: Store, policy: RightsPolicy) -> int:
    """Decide about the pages that have no decision under this policy, and give how many those were.

    Pages of one source with the same evidence are decided once. Where nothing is new, one query finds that out.
    """
    waiting = store.read(
        f"""
        SELECT page_id, source, rights
        FROM (
            SELECT page_id, coalesce(sources.name, '') AS source, coalesce(rights, '') AS rights
            FROM pages
            LEFT JOIN sources USING (source_id)
            UNION ALL
            SELECT page_id, source, rights FROM ({SAID_WITH_RECORDS})
        )
        ANTI JOIN (SELECT page_id FROM page_decisions WHERE policy_hash = $1) AS decided USING (page_id)
        """,
        [policy.hash],
    )
    if not waiting.num_rows:
        return 0
    pairs = list(zip(waiting["source"].to_pylist(), waiting["rights"].to_pylist(), strict=True))
    known = {pair: decide(_evidence(pair[1]), policy, source=pair[0]) for pair in dict.fromkeys(pairs)}
    made = [known[pair] for pair in pairs]
    rows = pa.table(
        {
            "page_id": waiting["page_id"],
            "may_fetch": [one.fetch for one in made],
            "may_label": [one.label for one in made],
            "may_publish": [one.publish for one in made],
            "reasons": [json.dumps(one.reasons) for one in made],
            "permission": pa.array([one.permission for one in made], pa.string()),
        }
    )
    now = utc_now()
    with store.transaction() as db, store.table("new_decisions", rows):
        db.execute("INSERT OR IGNORE INTO rights_policies VALUES ($1, $2, $3)", [policy.hash, policy.declared, now])
        db.execute(
            """
            INSERT OR REPLACE INTO page_decisions BY NAME
            SELECT page_id, $1 AS policy_hash, may_fetch, may_label, may_publish, reasons, permission,
                   $2 AS decided_at
            FROM new_decisions
            """,
            [policy.hash, now],
        )
    return waiting.num_rows


def record_decisions(store: Store, record_ids: Sequence[str]) -> dict[str, Decision]:
    """What may be done with each of these records: the strictest of the pages that bind it, as last refreshed."""
    wanted = pa.table({"record_id": pa.array(record_ids, pa.string())})
    with store.table("wanted_records", wanted):
        rows = store.read(
            f"""
            SELECT DISTINCT record_id, may_fetch, may_label, may_publish, reasons, permission
            FROM ({BINDING})
            JOIN page_decisions USING (page_id)
            SEMI JOIN wanted_records USING (record_id)
            ORDER BY ALL
            """
        ).to_pylist()
    found: dict[str, Decision] = {}
    for row in rows:
        one = Decision(
            row["may_fetch"], row["may_label"], row["may_publish"], tuple(json.loads(row["reasons"])), row["permission"]
        )
        found[row["record_id"]] = found[row["record_id"]] & one if row["record_id"] in found else one
    return found


def rights_counts(store: Store) -> Mapping[str, int]:
    """For status and report: how many records may not be labelled or published, and by which evidence.

    `not to be labelled`, `not to be published`, and `because of <kind>` for each kind; a record may count under more
    than one of these.
    """
    rows = store.read(
        f"""
        WITH forbidding AS (SELECT * FROM page_decisions WHERE NOT may_publish OR NOT may_label),
        bound AS (SELECT record_id, may_label, may_publish, reasons FROM ({BINDING}) JOIN forbidding USING (page_id))
        SELECT record_id, bool_and(may_label) AS may_label, bool_and(may_publish) AS may_publish,
               list(DISTINCT reasons) AS reasons
        FROM bound
        GROUP BY record_id
        """
    ).to_pylist()
    counts = {
        "not to be labelled": sum(not row["may_label"] for row in rows),
        "not to be published": sum(not row["may_publish"] for row in rows),
    }
    by_kind: dict[str, int] = {}
    for row in rows:
        for kind in {kind for said in row["reasons"] for kind in json.loads(said)}:
            by_kind[kind] = by_kind.get(kind, 0) + 1
    return counts | {f"because of {kind}": by_kind[kind] for kind in sorted(by_kind)}


def _evidence(kept: str) -> Mapping[str, object] | None:
    if not kept:
        return None
    told = json.loads(kept)
    return told if isinstance(told, dict) else None
