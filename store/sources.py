"""Sources: where data comes from, as it was declared when it was used. A changed declaration is a new row."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from store.database import Store, utc_now


def declaration(declared: Mapping[str, Any]) -> str:
    """The declaration as canonical JSON: the same facts give the same text."""
    return json.dumps(declared, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def source_id(name: str, declared: Mapping[str, Any]) -> str:
    """32 hex digits that name a source as it is declared."""
    return hashlib.sha256(f"{name}\n{declaration(declared)}".encode()).hexdigest()[:32]


def add_source(store: Store, *, name: str, kind: str, declared: Mapping[str, Any]) -> str:
    """Note that a source is used; one that is there already stays as it is. Gives its `source_id`."""
    identity = source_id(name, declared)
    with store.transaction() as db:
        db.execute(
            "INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?, ?)",
            [identity, name, kind, declaration(declared), utc_now()],
        )
    return identity


def sources(store: Store) -> pa.Table:
    """All sources that were ever used, oldest first: the columns of the table."""
    return store.read("SELECT * FROM sources ORDER BY first_used, source_id")
