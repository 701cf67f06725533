"""Sources that are read where they lie: their records go into the store batch by batch, each exactly once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crawlers.kinds import Source, kind_module
from crawlers.page import FoundRecord
from store.database import Store
from store.errors import RequestError
from store.records import add_records
from store.sources import add_source, declaration


@dataclass(frozen=True)
class ReadIn:
    """What reading a source brought.

    Attributes:
        source_name: The source.
        new: Records that the store did not have.
        known: Records that it had.
        refused: Why it could not be read to its end, in words for a person; what was read stands.
    """

    source_name: str
    new: int
    known: int
    refused: str | None = None


def read_in(
    store: Store, source: Source, project_folder: Path, heard: Callable[[int], None] = lambda _: None
) -> ReadIn:
    """Bring the records of a source into the store.

    Each batch is a transaction, and a record is known by its id: a kill at any moment loses nothing that the next run
    does not bring, and a second run adds nothing twice. The store is given up while a batch is read.

    Args:
        store: Held while a batch is brought in.
        source: Of a kind that is read.
        project_folder: What paths are relative to, and where images go.
        heard: Called with the number of records of each batch.
    """
    new = known = 0
    batches: Iterator[Sequence[FoundRecord]] = kind_module(source.kind).batches(source, project_folder)
    try:
        for batch in batches:
            added = _bring_in(store, source, batch)
            store.let_go()
            new, known = new + added[0], known + added[1]
            heard(len(batch))
    except RequestError as error:
        return ReadIn(source.name, new, known, str(error))
    return ReadIn(source.name, new, known)


def _bring_in(store: Store, source: Source, batch: Sequence[FoundRecord]) -> tuple[int, int]:
    columns = {
        "natural_key": [record.natural_key for record in batch],
        "text": [record.text for record in batch],
        "url": [record.url for record in batch],
        "metadata": [declaration(record.metadata) for record in batch],
        "modality": [record.modality for record in batch],
        "media_path": [record.media_path for record in batch],
    }
    rows = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    with store.transaction():
        source_id = add_source(store, name=source.name, kind=source.kind, declared=source.declared())
        added = add_records(store, rows, source_name=source.name, source_id=source_id)
    return added.new, added.known
