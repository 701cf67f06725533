"""The pool: the records that may be chosen now, and which of them stand for a cluster of near-equal ones."""

import pyarrow as pa

from store.database import Store
from store.page_decisions import BINDING


def pool(store: Store) -> pa.Table:
    """Records that people could be asked about: `record_id`, `text`, `content_hash`, `cluster_id`, by id.

    One record a cluster, and none whose cluster has a member that is labelled, held out, in an imported split other
    than train, or already before people; and none that curation set aside or that may not be labelled (as
    `refresh_rights` last decided): the next one of its cluster takes its place.
    """
    return store.read(
        f"""
        WITH left_out AS (
            SELECT record_id
            FROM ({BINDING})
            SEMI JOIN (SELECT page_id FROM page_decisions WHERE NOT may_label) AS forbidding USING (page_id)
            UNION SELECT record_id FROM set_aside
        ),
        placed AS (
            SELECT records.record_id, text, content_hash,
                   coalesce(cluster_id, records.record_id) AS cluster_id,
                   coalesce(representative_id, records.record_id) AS representative_id
            FROM records
            LEFT JOIN duplicates USING (record_id)
            WHERE modality = 'text'
        ),
        taken AS (
            SELECT record_id FROM labels
            UNION SELECT record_id FROM splits WHERE split <> 'train'
            UNION SELECT record_id FROM assignments WHERE state IN ('intended', 'sent', 'answered')
            UNION SELECT supersedes FROM records WHERE supersedes IS NOT NULL
        ),
        taken_clusters AS (
            SELECT DISTINCT cluster_id FROM placed JOIN taken USING (record_id)
        ),
        chosen AS (
            SELECT cluster_id, arg_min(record_id, (record_id <> representative_id, record_id)) AS record_id
            FROM placed
            ANTI JOIN left_out USING (record_id)
            WHERE cluster_id NOT IN (SELECT cluster_id FROM taken_clusters)
            GROUP BY cluster_id
        )
        SELECT record_id, text, content_hash, cluster_id
        FROM chosen
        JOIN placed USING (record_id, cluster_id)
        ORDER BY record_id
        """
    )


def cluster_of(store: Store) -> dict[str, str]:
    """The cluster of each record that is near-equal to another one."""
    rows = store.read("SELECT record_id, cluster_id FROM duplicates")
    return dict(zip(rows["record_id"].to_pylist(), rows["cluster_id"].to_pylist(), strict=True))
