"""Rows of the store, a batch at a time, so that memory does not grow with their number."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from store.database import Store

BATCH = 10_000


def stream(store: Store, sql: str, parameters: list[Any] | None = None) -> Iterator[pa.Table]:
    """The rows of a query in batches. Nothing else may use the store's connection until the last one was taken."""
    relation = store.connection.sql(sql, params=parameters) if parameters else store.connection.sql(sql)
    for batch in relation.to_arrow_reader(BATCH):
        yield pa.Table.from_batches([batch])
