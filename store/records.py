"""Records: one thing a person could label, immutable, named by where it came from and what it says."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from store.database import Store, utc_now

GIVEN_COLUMNS = {
    "natural_key": pa.string(),
    "text": pa.string(),
    "url": pa.string(),
    "metadata": pa.string(),
    "modality": pa.string(),
    "media_path": pa.string(),
    "supersedes": pa.string(),
}


@dataclass(frozen=True)
class Added:
    """What a batch of records came to.

    Attributes:
        record_ids: The id of each row of the batch, in its order.
        new: How many records were not there before.
        known: How many rows name a record that is there already, or stands earlier in the batch.
    """

    record_ids: list[str]
    new: int
    known: int


def content_hash(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def record_id(source_name: str, natural_key: str | None, content_hash: str) -> str:
    """32 hex digits that name a record: the same thing brought in twice has the same."""
    return hashlib.sha256(f"{source_name}\n{natural_key or ''}\n{content_hash}".encode()).hexdigest()[:32]


def add_records(store: Store, batch: pa.Table, *, source_name: str, source_id: str | None = None) -> Added:
    """Add records; what is there already is left alone.

    `batch` has `text`, and may have `natural_key`, `url`, `metadata` (JSON), `modality` (default `text`), `media_path`
    (the file's own hash stands in its name) and `supersedes`.
    """
    given = pa.table({name: _column(batch, name, kind) for name, kind in GIVEN_COLUMNS.items()})
    texts, keys, media = (given[name].to_pylist() for name in ("text", "natural_key", "media_path"))
    # hashlib is twice as fast as DuckDB's sha256, and an anti-join four times as fast as INSERT OR IGNORE.
    hashes = [content_hash(text if text is not None else path) for text, path in zip(texts, media, strict=True)]
    ids = [record_id(source_name, key, one) for key, one in zip(keys, hashes, strict=True)]
    first = list({one: place for place, one in reversed(list(enumerate(ids)))}.values())
    named = given.append_column("record_id", [ids]).append_column("content_hash", [hashes])
    with (
        store.transaction() as db,
        store.table("named_records", named if len(first) == len(ids) else named.take(first)),
    ):
        inserted = db.execute(
            """
            INSERT INTO records
            SELECT record_id, $1, $2, natural_key, content_hash, coalesce(modality, 'text'), text, media_path, url,
                   coalesce(metadata, '{}'), supersedes, $3
            FROM named_records
            ANTI JOIN records USING (record_id)
            """,
            [source_name, source_id, utc_now()],
        ).fetchall()
    new = int(inserted[0][0])
    return Added(ids, new, len(ids) - new)


def _column(batch: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if name not in batch.column_names:
        return pa.nulls(len(batch), kind)
    return batch[name].cast(kind)


def records(store: Store, ids: Sequence[str] | None = None) -> pa.Table:
    """The records with these ids, in that order; all of them, by id, where none are given."""
    if ids is None:
        return store.read("SELECT * FROM records ORDER BY record_id")
    wanted = pa.table({"wanted_id": pa.array(ids, pa.string()), "place": pa.array(range(len(ids)), pa.int64())})
    with store.table("wanted", wanted):
        return store.read(
            """
            SELECT records.*
            FROM wanted
            JOIN records ON record_id = wanted_id
            ORDER BY place
            """
        )


def record_counts(store: Store) -> pa.Table:
    """How many records each source gave: `source_name`, `records`."""
    return store.read("SELECT source_name, count(*) AS records FROM records GROUP BY ALL ORDER BY source_name")
