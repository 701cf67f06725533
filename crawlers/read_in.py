"""Sources that are read and not fetched: files, databases, datasets. Their records go straight into the store."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crawlers.declaration import Declaration
from crawlers.kinds import kind_module
from crawlers.page import FoundRecord
from store.database import Store
from store.errors import RequestError
from store.records import add_records
from store.sources import add_source


@dataclass(frozen=True)
class ReadIn:
    """What reading a source came to.

    Attributes:
        source: Its name.
        new: Records that the store did not have.
        known: Records that it had.
        refused: Why it could not be read, or not all of it, as a person is told; None where all went well.
    """

    source: str
    new: int
    known: int
    refused: str | None = None


def is_read(source: Declaration) -> bool:
    """Whether a source is read, and nothing of it fetched."""
    return hasattr(kind_module(source.kind), "batches")


def read_in(store: Store, project_folder: Path, source: Declaration) -> ReadIn:
    """Bring in all records of a source; a second time none of them is new.

    Each batch is in the store whole or not at all; what was cut off between two of them is read again from the begin.
    """
    new = known = 0
    source_id = add_source(store, name=source.name, kind=source.kind, declared=source.declared())
    try:
        for batch in kind_module(source.kind).batches(source, project_folder):
            if batch:
                added = add_records(store, as_table(batch), source_name=source.name, source_id=source_id)
                new, known = new + added.new, known + added.known
    except RequestError as error:
        return ReadIn(source.name, new, known, f'source "{source.name}": {error}')
    finally:
        store.let_go()
    return ReadIn(source.name, new, known)


def as_table(batch: list[FoundRecord]) -> pa.Table:
    """Records as `add_records` takes them."""
    columns = {
        "natural_key": [r.natural_key for r in batch],
        "text": [r.text for r in batch],
        "url": [r.url for r in batch],
        "metadata": [json.dumps(dict(r.metadata), ensure_ascii=False) for r in batch],
        "modality": [r.modality for r in batch],
        "media_path": [r.media_path for r in batch],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
