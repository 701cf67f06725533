"""The evidence that a release carries: for each of its records, on which pages it stood and what those said.

One row a record and page; a record that was brought in from a file has one row without a page.
"""

import hashlib
import json
from collections.abc import Mapping

import pyarrow as pa

from store.database import Store
from store.page_decisions import BINDING, SAID_WITH_RECORDS
from store.rights import Decision, RightsPolicy

EVIDENCE = pa.schema(
    [
        ("record_id", pa.string()),  # as in the release
        ("url", pa.string()),
        ("fetched_at", pa.timestamp("us", tz="UTC")),
        ("status", pa.int32()),
        ("evidence", pa.string()),  # JSON, as it was kept when the page was fetched
        ("evidence_hash", pa.string()),
        ("decision", pa.string()),  # publish, or brought in
        ("permission", pa.string()),
        ("policy_hash", pa.string()),
    ]
)


def evidence_of(store: Store, rows: pa.Table, decisions: Mapping[str, Decision], policy: RightsPolicy) -> pa.Table:
    """The evidence (`EVIDENCE`) behind the rows of a release, sorted by record, time and address.

    Args:
        rows: `_record` (the store's id), `record_id` (the id in the release) and `url`. Where a transform took the
            `url` of a row away, the addresses of its pages go too.
    """
    with store.table("released_rows", rows):
        found = store.read(
            f"""
            SELECT released_rows.record_id, _record,
                   CASE WHEN released_rows.url IS NOT NULL THEN coalesce(final_url, pages.url) END AS url,
                   fetched_at, status, coalesce(pages.rights, said.rights) AS evidence
            FROM released_rows
            LEFT JOIN ({BINDING}) AS bound ON bound.record_id = _record
            LEFT JOIN pages ON pages.page_id = bound.page_id
            LEFT JOIN ({SAID_WITH_RECORDS}) AS said ON said.page_id = bound.page_id
            ORDER BY released_rows.record_id, fetched_at, pages.url, bound.page_id
            """
        )
    hashes = {text: _hash(text) for text in set(found["evidence"].to_pylist())}
    made = [decisions.get(one) for one in found["_record"].to_pylist()]
    return pa.table(
        {
            "record_id": found["record_id"],
            "url": found["url"],
            "fetched_at": found["fetched_at"],
            "status": found["status"],
            "evidence": found["evidence"],
            "evidence_hash": pa.array([hashes[text] for text in found["evidence"].to_pylist()], pa.string()),
            "decision": ["publish" if one is not None else "brought in" for one in made],
            "permission": pa.array([one.permission if one is not None else None for one in made], pa.string()),
            "policy_hash": [policy.hash] * len(made),
        },
        schema=EVIDENCE,
    )


def _hash(evidence: str | None) -> str | None:
    if evidence is None:
        return None
    told = json.loads(evidence)
    kept = told.get("evidence_hash") if isinstance(told, dict) else None
    return str(kept) if kept else hashlib.sha256(evidence.encode()).hexdigest()
