"""The pool: the records that may be chosen now, and which of them stand for a cluster of near-equal ones."""

import pyarrow as pa

from store.database import Store
from store.page_decisions import BINDING
from store.versions import VERSIONS

NOT_TO_ASK = f"""
    SELECT record_id
    FROM ({BINDING})
    SEMI JOIN (SELECT page_id FROM page_decisions WHERE NOT may_label) AS forbidding USING (page_id)
    UNION SELECT record_id FROM set_aside
"""

POOL = f"""
WITH versions AS MATERIALIZED ({VERSIONS}),
outdated AS (SELECT record_id FROM versions WHERE NOT is_present),
left_out AS ({NOT_TO_ASK} UNION SELECT record_id FROM outdated),
placed AS MATERIALIZED (
    SELECT records.record_id, text, content_hash,
           coalesce(cluster_id, records.record_id) AS cluster_id,
           coalesce(representative_id, records.record_id) AS representative_id
    FROM records
    LEFT JOIN duplicates USING (record_id)
    WHERE modality = 'text'
),
held AS (SELECT record_id, split FROM splits WHERE split <> 'train'),
before_people AS (SELECT record_id FROM assignments WHERE state IN ('intended', 'sent')),
asked AS (
    SELECT family_id,
           arg_max(value, (is_present, last_seen, depth)) FILTER (WHERE value IS NOT NULL) AS old_value,
           bool_or(split IS NOT NULL) AS is_held,
           bool_or(coalesce(split IN ('test', 'holdout'), false)) AS is_measured,
           bool_or(record_id IN (SELECT record_id FROM before_people)) AS is_open,
           bool_or(record_id IN (SELECT record_id FROM assignments WHERE purpose = 'control')) AS is_control
    FROM versions
    LEFT JOIN labels USING (record_id)
    LEFT JOIN held USING (record_id)
    GROUP BY family_id
    HAVING old_value IS NOT NULL OR is_held OR is_open
),
again AS MATERIALIZED (
    SELECT record_id, family_id, old_value, is_held,
           CASE WHEN is_measured THEN 'holdout' WHEN is_control THEN 'control' ELSE 'selected' END AS purpose
    FROM versions
    JOIN asked USING (family_id)
    ANTI JOIN left_out USING (record_id)
    ANTI JOIN labels USING (record_id)
    ANTI JOIN (
        SELECT record_id FROM assignments WHERE state IN ('answered', 'withdrawn')
    ) AS answered USING (record_id)
    WHERE is_present AND NOT is_open
),
taken AS MATERIALIZED (
    SELECT record_id, false AS is_past, false AS is_held
    FROM (
        SELECT record_id FROM labels
        UNION SELECT record_id FROM held
        UNION SELECT record_id FROM assignments WHERE state IN ('intended', 'sent', 'answered')
    )
    ANTI JOIN outdated USING (record_id)
    ANTI JOIN again USING (record_id)
    UNION ALL
    SELECT record_id, true, bool_or(is_held)
    FROM (SELECT record_id, true AS is_held FROM held UNION ALL SELECT record_id, false FROM before_people)
    SEMI JOIN outdated USING (record_id)
    GROUP BY record_id
),
not_again AS (
    SELECT again.record_id
    FROM again
    JOIN placed USING (record_id)
    JOIN placed AS near ON near.cluster_id = placed.cluster_id
    JOIN taken ON taken.record_id = near.record_id
    LEFT JOIN versions ON versions.record_id = taken.record_id
    WHERE NOT taken.is_past
        OR (versions.family_id <> again.family_id AND NOT (taken.is_held AND again.is_held))
),
chosen_again AS (
    SELECT arg_min(record_id, (NOT is_held, record_id <> representative_id, record_id)) AS record_id
    FROM again
    JOIN placed USING (record_id)
    ANTI JOIN not_again USING (record_id)
    GROUP BY cluster_id
),
taken_clusters AS (
    SELECT cluster_id
    FROM placed
    SEMI JOIN (SELECT record_id FROM taken UNION SELECT record_id FROM again) AS blocking USING (record_id)
),
chosen AS (
    SELECT arg_min(record_id, (record_id <> representative_id, record_id)) AS record_id
    FROM placed
    ANTI JOIN left_out USING (record_id)
    ANTI JOIN (SELECT record_id FROM versions SEMI JOIN asked USING (family_id)) AS known USING (record_id)
    WHERE cluster_id NOT IN (SELECT cluster_id FROM taken_clusters)
    GROUP BY cluster_id
)
SELECT record_id, text, content_hash, cluster_id, purpose AS again_as, old_value
FROM (SELECT record_id FROM chosen UNION ALL SELECT record_id FROM chosen_again)
JOIN placed USING (record_id)
LEFT JOIN again USING (record_id)
ORDER BY record_id
"""


def pool(store: Store) -> pa.Table:
    """Records that people could be asked about, by id.

    Columns: `record_id`, `text`, `content_hash`, `cluster_id`; and of one whose text changed since people were asked,
    `again_as` (the purpose for which it is asked about) and `old_value` (JSON: the label that its text had before, if
    any), null for all others.

    One record a cluster, and none whose cluster has a member that is labelled, held out, in an imported split other
    than train, or already before people; and none that curation set aside or that may not be labelled (as
    `refresh_rights` last decided): the next one of its cluster takes its place. A record whose page is gone stays: its
    text is here, and worth as much as before.

    Of several versions of a text (see `store.versions`) only the present one is in the pool. An outdated one takes its
    cluster along no longer, labelled or not, so that a new text is asked about however little it differs; but while
    it is before people, or in a split that is measured with, none but its own later versions may be chosen from its
    cluster. Where a version has a label, or is held out, the present one is asked about again, once, for the same
    purpose, before any other of its cluster, and not while an earlier version is still before people. One that was
    asked about again and that people declined is not asked about any more.
    """
    return store.read(POOL)


def not_to_ask(store: Store) -> set[str]:
    """Records that curation set aside, or that may not be labelled (as `refresh_rights` last decided)."""
    return set(store.read(NOT_TO_ASK)["record_id"].to_pylist())


def cluster_of(store: Store) -> dict[str, str]:
    """The cluster of each record that is near-equal to another one."""
    rows = store.read("SELECT record_id, cluster_id FROM duplicates")
    return dict(zip(rows["record_id"].to_pylist(), rows["cluster_id"].to_pylist(), strict=True))
