"""Releases: what was published where, and what is meant to be.

The intent is written before anything is done, and confirmed after. On the next run an unconfirmed intent is looked up
at its target, not repeated.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from store.database import Store, utc_now


@dataclass(frozen=True)
class Publication:
    """A release that goes to a target.

    Attributes:
        target: A folder, or `hf://datasets/name`.
        content_hash: Of the release, as its `tilth.json` says.
    """

    snapshot_id: str
    model_id: str | None
    target: str
    content_hash: str

    @property
    def release_id(self) -> str:
        """32 hex digits that name the snapshot, with its model, at the target."""
        return hashlib.sha256(f"{self.snapshot_id}\n{self.model_id or ''}\n{self.target}".encode()).hexdigest()[:32]


def intend(store: Store, what: Publication) -> None:
    """Write down that a release is about to go to its target."""
    with store.transaction() as db:
        db.execute(
            """
            INSERT INTO releases (release_id, snapshot_id, model_id, target, state, content_hash, intended_at)
            VALUES ($1, $2, $3, $4, 'intended', $5, $6)
            ON CONFLICT (release_id) DO UPDATE
            SET state = 'intended', content_hash = excluded.content_hash, intended_at = excluded.intended_at,
                revision = NULL, published_at = NULL
            """,
            [what.release_id, what.snapshot_id, what.model_id, what.target, what.content_hash, utc_now()],
        )


def confirm(store: Store, what: Publication, revision: str | None = None) -> None:
    """Write down that a release is at its target; a row that says so already stays as it is.

    Args:
        revision: The Hub's commit that holds it; none for a folder.
    """
    row = [what.release_id, what.snapshot_id, what.model_id, what.target, what.content_hash, revision, utc_now()]
    with store.transaction() as db:
        db.execute(
            """
            INSERT INTO releases
            VALUES ($1, $2, $3, $4, 'published', $5, $6, $7, $7)
            ON CONFLICT (release_id) DO UPDATE
            SET state = 'published', content_hash = excluded.content_hash, revision = excluded.revision,
                published_at = excluded.published_at
            WHERE releases.state <> 'published' OR releases.content_hash <> excluded.content_hash
            """,
            row,
        )
        db.execute(
            """
            INSERT OR IGNORE INTO released_records
            SELECT DISTINCT record_id, content_hash, $3
            FROM built_records
            WHERE snapshot_id = $1 AND content_hash = $2
            """,
            [what.snapshot_id, what.content_hash, utc_now()],
        )


def keep_built(store: Store, snapshot_id: str, content_hash: str, record_ids: Sequence[str]) -> None:
    """Write down which records a release holds that was built, so that `confirm` knows what became public."""
    with (
        store.transaction() as db,
        store.table("built_now", pa.table({"record_id": pa.array(record_ids, pa.string())})),
    ):
        db.execute("DELETE FROM built_records WHERE snapshot_id = $1", [snapshot_id])
        db.execute("INSERT INTO built_records SELECT $1, $2, record_id FROM built_now", [snapshot_id, content_hash])


def ever_released(store: Store, record_ids: Sequence[str]) -> int:
    """How many of these records were in a release that was published."""
    with store.table("asked_about", pa.table({"record_id": pa.array(record_ids, pa.string())})):
        found = store.read("SELECT count(*) AS n FROM released_records SEMI JOIN asked_about USING (record_id)")
    return int(found["n"][0].as_py())


def releases(store: Store) -> pa.Table:
    """Every release, the oldest intent first: the columns of the table."""
    return store.read("SELECT * FROM releases ORDER BY intended_at, release_id")
