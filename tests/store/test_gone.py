"""Records whose pages are gone: marked, never deleted, and no longer marked when they are there again."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from store.curation.traits import traits
from store.database import Store
from store.gone import any_gone, note_gone
from store.page_id import page_id
from store.pages import PAGES, add_pages
from store.records import add_records, records
from store.sightings import SIGHTINGS, add_sightings
from store.sources import add_source

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Shelf:
    """A store with one source, whose pages are asked hour by hour."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.source = add_source(store, name="forum", kind="site", declared={"name": "forum"})
        self.record = add_records(store, pa.table({"text": ["hello"]}), source_name="forum").record_ids[0]

    def asked(self, hour: int, url: str, status: int, *, shows_it: bool = False) -> None:
        at = BEGAN + timedelta(hours=hour)
        page = {
            "page_id": page_id(self.source, url, at),
            "source_id": self.source,
            "url": url,
            "fetched_at": at,
            "status": status,
            "rendered": "http",
        }
        add_pages(self.store, pa.Table.from_pylist([page], schema=PAGES))
        if shows_it:
            seen = {"record_id": self.record, "page_id": page["page_id"], "position": 0, "seen_at": at}
            add_sightings(self.store, pa.Table.from_pylist([seen], schema=SIGHTINGS))
        note_gone(self.store, "forum", [url])

    def gone(self) -> dict[str, object] | None:
        found = traits(self.store, "gone")["value"].to_pylist()
        return json.loads(found[0]) if found else None


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(Store(tmp_path / "tilth.duckdb"))


def test_a_record_is_gone_when_its_every_page_is(shelf: Shelf) -> None:
    shelf.asked(0, "a", 200, shows_it=True)
    shelf.asked(0, "b", 200, shows_it=True)
    shelf.asked(1, "a", 404)
    assert shelf.gone() is None
    shelf.asked(2, "b", 410)
    shelf.asked(3, "a", 404)
    assert shelf.gone() == {"status": 410, "since": "2026-01-01T02:00:00.000000+00:00"}
    assert any_gone(shelf.store) and records(shelf.store).num_rows == 1


def test_a_record_that_is_there_again_is_not_gone(shelf: Shelf) -> None:
    shelf.asked(0, "a", 200, shows_it=True)
    shelf.asked(1, "a", 404)
    shelf.asked(2, "a", 304)
    assert shelf.gone() is None and not any_gone(shelf.store)


def test_a_server_in_trouble_says_nothing_of_a_page(shelf: Shelf) -> None:
    shelf.asked(0, "a", 200, shows_it=True)
    shelf.asked(1, "a", 503)
    assert shelf.gone() is None
    shelf.asked(2, "a", 404)
    shelf.asked(3, "a", 503)
    assert shelf.gone() == {"status": 404, "since": "2026-01-01T02:00:00.000000+00:00"}


def test_a_page_that_no_record_stands_on_marks_nothing(shelf: Shelf) -> None:
    shelf.asked(0, "a", 200, shows_it=True)
    shelf.asked(1, "elsewhere", 404)
    assert shelf.gone() is None
