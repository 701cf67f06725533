"""From the outbox into the store, exactly once: what is there is known by its keys, then leaves the outbox."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import pyarrow as pa

from crawlers.frontier.file import Frontier
from crawlers.frontier.outbox import Outbox, Waiting
from store.database import Store
from store.pages import PAGES, add_pages
from store.records import add_records
from store.sightings import SIGHTINGS, add_sightings
from store.sources import add_source

PAGES_A_BATCH = 1_000


@dataclass(frozen=True)
class Drained:
    """What one batch of one source brought.

    Attributes:
        source_name: The source.
        pages: The pages, with the tallies that their fetching left.
        new: Records that the store did not have.
        known: Records that it had, or that stood on an earlier page.
    """

    source_name: str
    pages: Sequence[Waiting]
    new: int
    known: int


def drain(store: Store, frontier: Frontier, heard: Callable[[Drained], None]) -> int:
    """Bring all that waits in the outbox into the store, batch by batch, and give how many pages that were.

    `heard` is told of each batch once it is in the store. A kill at any moment leaves the outbox as it was or without
    what the store has; a batch that is brought in a second time changes nothing.
    """
    pages, outbox = 0, Outbox(frontier)
    while batch := outbox.take(PAGES_A_BATCH):
        with store.transaction():
            done = list(_bring_in(store, outbox, batch))
        outbox.forget(batch)
        pages += len(batch)
        for one in done:
            heard(one)
    return pages


def _bring_in(store: Store, outbox: Outbox, batch: Sequence[Waiting]) -> Iterator[Drained]:
    for source_id, group in groupby(sorted(batch, key=lambda w: (w.source_id, w.sequence)), key=lambda w: w.source_id):
        waiting = list(group)
        source = outbox.source(source_id)
        stored_id = add_source(store, name=source["name"], kind=source["kind"], declared=source["declared"])
        assert stored_id == source_id
        add_pages(store, pa.Table.from_pylist([_page_row(w) for w in waiting], schema=PAGES))
        new, known = _bring_in_records(store, source["name"], source_id, waiting)
        yield Drained(source["name"], waiting, new, known)


def _bring_in_records(store: Store, name: str, source_id: str, waiting: Sequence[Waiting]) -> tuple[int, int]:
    found = [(w, record) for w in waiting for record in w.records]
    if not found:
        return 0, 0
    columns = ("natural_key", "text", "url", "metadata", "modality", "media_path")
    rows = pa.table({c: pa.array([record[c] for _, record in found], pa.string()) for c in columns})
    added = add_records(store, rows, source_name=name, source_id=source_id)
    sightings = pa.table(
        {
            "record_id": added.record_ids,
            "page_id": [w.page["page_id"] for w, _ in found],
            "position": [record["position"] for _, record in found],
            "seen_at": [datetime.fromisoformat(w.page["fetched_at"]) for w, _ in found],
        },
        schema=SIGHTINGS,
    )
    add_sightings(store, sightings)
    return added.new, added.known


def _page_row(waiting: Waiting) -> dict[str, object]:
    return {
        **waiting.page,
        "source_id": waiting.source_id,
        "fetched_at": datetime.fromisoformat(waiting.page["fetched_at"]),
        "records_found": len(waiting.records),
    }
