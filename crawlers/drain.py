"""From the outbox into the store, exactly once: what is there is known by its keys, then leaves the outbox.

A page that the store cannot take, such as one with characters that are none, is kept as a page with that error and
without its records: it holds up neither the others nor a later crawl, and the next one reads it again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from crawlers.frontier.file import Frontier
from crawlers.frontier.outbox import Outbox, Waiting
from crawlers.frontier.queue import Queue
from crawlers.reading.values import clean
from store.database import Store
from store.gone import any_gone, note_gone
from store.pages import PAGES, add_pages
from store.records import add_records, content_hash, record_id
from store.sightings import SIGHTINGS, add_sightings, last_seen_on
from store.sources import add_source

PAGES_A_BATCH = 1_000
CHARACTERS_A_BATCH = 16_000_000
OF_A_PAGE = (ValueError, TypeError, LookupError, ArithmeticError, pa.ArrowException, duckdb.DataError)
"""What bringing in raises where a page's values are at fault; a full disk or a held file is none of these."""
GONE = (404, 410)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drained:
    """What one batch of one source brought.

    Attributes:
        source_name: The source.
        pages: The pages, with the tallies that their fetching left.
        new: Records that the store did not have.
        known: Records that it had, or that stood on an earlier page.
        set_aside: Of pages that could not be brought in: the URL, and why.
    """

    source_name: str
    pages: Sequence[Waiting]
    new: int
    known: int
    set_aside: Mapping[str, str] = field(default_factory=dict)


def drain(store: Store, frontier: Frontier, heard: Callable[[Drained], None]) -> int:
    """Bring all that waits in the outbox into the store, batch by batch, and give how many pages that were.

    `heard` is told of each batch once it is in the store. A kill at any moment leaves the outbox as it was or without
    what the store has; a batch that is brought in a second time changes nothing.
    """
    pages, outbox = 0, Outbox(frontier)
    while batch := outbox.take(PAGES_A_BATCH, characters=CHARACTERS_A_BATCH):
        try:
            done = _bring_in(store, outbox, batch)
        except OF_A_PAGE:
            done = [drained for one in batch for drained in _bring_in_alone(store, frontier, one)]
        outbox.forget(batch)
        pages += len(batch)
        for one in done:
            heard(one)
    return pages


def _bring_in_alone(store: Store, frontier: Frontier, waiting: Waiting) -> list[Drained]:
    outbox = Outbox(frontier)
    try:
        return _bring_in(store, outbox, [waiting])
    except OF_A_PAGE as error:
        why = f"the store cannot take what it gave ({type(error).__name__}: {clean(str(error))[:200]})"
        log.warning("%s was set aside", waiting.page["url"], exc_info=True)
    page = {one.name: _fitting(waiting.page.get(one.name), one.type) for one in PAGES} | {"error": f"store: {why}"}
    page["fetched_at"] = waiting.page["fetched_at"]
    bare = replace(waiting, page=page, records=())
    (drained,) = _bring_in(store, outbox, [bare])
    # Its request is done; an answer that says only that nothing changed would never have it read again.
    Queue(frontier).read_anew(drained.source_name, waiting.tally.get("role", "page"), waiting.page["url"])
    return [replace(drained, set_aside={page["url"]: why})]


def _fitting(value: Any, kind: pa.DataType) -> Any:
    value = clean(value) if isinstance(value, str) else value
    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowException, OverflowError):
        return None


def _bring_in(store: Store, outbox: Outbox, batch: Sequence[Waiting]) -> list[Drained]:
    with store.transaction():
        return list(_by_source(store, outbox, batch))


def _by_source(store: Store, outbox: Outbox, batch: Sequence[Waiting]) -> Iterator[Drained]:
    for source_id, group in groupby(sorted(batch, key=lambda w: (w.source_id, w.sequence)), key=lambda w: w.source_id):
        waiting = list(group)
        source = outbox.source(source_id)
        stored_id = add_source(store, name=source["name"], kind=source["kind"], declared=source["declared"])
        assert stored_id == source_id
        add_pages(store, pa.Table.from_pylist([_page_row(w) for w in waiting], schema=PAGES))
        new, known = _bring_in_records(store, source["name"], source_id, waiting)
        gone = [w.page["url"] for w in waiting if w.page["status"] in GONE]
        if gone or any_gone(store):
            note_gone(store, source["name"], [_place(w) for w in waiting])
        yield Drained(source["name"], waiting, new, known)


def _bring_in_records(store: Store, name: str, source_id: str, waiting: Sequence[Waiting]) -> tuple[int, int]:
    found = [(w, record) for w in waiting for record in w.records]
    if not found:
        return 0, 0
    superseded = _superseded(store, name, found)
    columns = ("natural_key", "text", "url", "metadata", "modality", "media_path")
    rows = pa.table({c: pa.array([record[c] for _, record in found], pa.string()) for c in columns})
    rows = rows.append_column("supersedes", pa.array(superseded, pa.string()))
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


def _superseded(store: Store, name: str, found: Sequence[tuple[Waiting, Mapping[str, Any]]]) -> list[str | None]:
    """For each record the one that stood on the page under its natural key before, when that said another text."""
    places = [(_place(w), record["natural_key"]) for w, record in found]
    keyed = sorted({place for place in places if place[1] is not None})
    if not keyed:
        return [None] * len(found)
    wanted = pa.table({"url": [url for url, _ in keyed], "natural_key": [key for _, key in keyed]})
    before = {
        (row["url"], row["natural_key"]): row["record_id"] for row in last_seen_on(store, name, wanted).to_pylist()
    }
    old: list[str | None] = []
    for _, page in groupby(zip(places, found, strict=True), key=lambda one: one[1][0].sequence):
        said = [(place, _record_id(name, record)) for place, (_, record) in page]
        own: dict[Any, set[str]] = {}
        for place, one in said:
            own.setdefault(place, set()).add(one)
        # A key that several records of a page have tells none of them apart, so none takes another's place.
        last = {place: before.get(place) for place, ids in own.items() if len(ids) == 1}
        old += [last.get(place) if last.get(place) != one else None for place, one in said]
        before.update({place: one for place, one in said if place[1] is not None})
    return old


def _record_id(name: str, record: Mapping[str, Any]) -> str:
    said = record["text"] if record["text"] is not None else record["media_path"]
    return record_id(name, record["natural_key"], content_hash(said))


def _place(waiting: Waiting) -> str:
    """Where a page is, after redirects."""
    return str(waiting.page["final_url"] or waiting.page["url"])


def _page_row(waiting: Waiting) -> dict[str, object]:
    return {
        **waiting.page,
        "source_id": waiting.source_id,
        "fetched_at": datetime.fromisoformat(waiting.page["fetched_at"]),
        "records_found": len(waiting.records),
    }
