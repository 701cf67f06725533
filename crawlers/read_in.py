"""Sources that are read and not fetched: files, databases, datasets. Their records go straight into the store."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from crawlers.declaration import Declaration
from crawlers.kinds import kind_module
from crawlers.page import FoundRecord
from crawlers.reading.batches import Batch
from store.database import Store
from store.errors import TilthError
from store.records import add_records
from store.sources import add_source

SECONDS_WORTH_LETTING_GO = 0.5
"""A batch that took longer to come is followed by one that may: giving the store up and opening it again costs some
0.2 s with 100,000 records in it."""


@dataclass(frozen=True)
class ReadIn:
    """What reading a source came to.

    Attributes:
        source: Its name.
        new: Records that the store did not have.
        known: Records that it had.
        refused: Why it could not be read, or not all of it, as a person is told; None where all went well.
        passed_by: How many of its rows gave no record, by the reason.
    """

    source: str
    new: int
    known: int
    refused: str | None = None
    passed_by: Mapping[str, int] = field(default_factory=dict)

    def gave_none(self) -> list[tuple[str, str]]:
        """The reasons for which rows gave no record, the commonest first, each with a sentence that says how many."""
        rows = self.new + self.known + sum(self.passed_by.values())
        by_count = sorted(self.passed_by.items(), key=lambda one: -one[1])
        return [(why, f"{count:,} of {rows:,} rows gave no record: {why}.") for why, count in by_count]


@dataclass(frozen=True)
class Reading:
    """How far the reading of a source is.

    Attributes:
        source: Its name.
        at: The moment, in epoch seconds.
        seconds: Since it began.
        records: Brought in so far, those that were known among them.
    """

    source: str
    at: float
    seconds: float
    records: int

    @property
    def records_per_second(self) -> float:
        """Since it began."""
        return self.records / self.seconds if self.seconds else 0.0


def is_read(source: Declaration) -> bool:
    """Whether a source is read, and nothing of it fetched."""
    return hasattr(kind_module(source.kind), "batches")


def read_in(
    store: Store, project_folder: Path, source: Declaration, hear: Callable[[Reading], object] = lambda _: None
) -> ReadIn:
    """Bring in all records of a source; a second time none of them is new.

    Each batch is in the store whole or not at all; what was cut off between two of them is read again from the begin.
    The store is not held while a batch is awaited that may take long. Whatever the reading breaks on is told, and what
    came before it stays; with TILTH_DEBUG in the environment it is raised.
    """
    began, new, known, refused = time.monotonic(), 0, 0, None
    passed_by: Counter[str] = Counter()
    store.let_go()
    awaited = time.monotonic()
    try:
        for batch in _batches(source, project_folder):
            if isinstance(batch, str):
                refused = f'source "{source.name}": {batch}'
                break
            slow = time.monotonic() - awaited > SECONDS_WORTH_LETTING_GO
            added = _bring_in(store, source, batch)
            new, known = new + added[0], known + added[1]
            passed_by.update(batch.passed_by)
            if slow:
                store.let_go()
            hear(Reading(source.name, time.time(), time.monotonic() - began, new + known))
            awaited = time.monotonic()
        _source_id(store, source)  # also of one that gave nothing
    finally:
        store.let_go()
    return ReadIn(source.name, new, known, refused, dict(passed_by))


def _batches(source: Declaration, project_folder: Path) -> Iterator[Batch | str]:
    """Its batches; where they end in an error, what that is comes last."""
    try:
        yield from kind_module(source.kind).batches(source, project_folder)
    except Exception as error:
        if os.environ.get("TILTH_DEBUG"):
            raise
        yield _said(error)


def _bring_in(store: Store, source: Declaration, batch: Batch) -> tuple[int, int]:
    if not batch:
        return 0, 0
    added = add_records(store, as_table(batch), source_name=source.name, source_id=_source_id(store, source))
    return added.new, added.known


def _source_id(store: Store, source: Declaration) -> str:
    return add_source(store, name=source.name, kind=source.kind, declared=source.declared())


def _said(error: Exception) -> str:
    if isinstance(error, TilthError):
        return str(error)
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    what = f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__
    return f"it cannot be read to its end ({what.rstrip('.')}); what came before that is in the store."


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
