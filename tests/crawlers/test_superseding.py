"""What a record supersedes: what stood under its key when the page was fetched before, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crawlers.drain import drain
from crawlers.frontier.file import Frontier
from crawlers.frontier.outbox import Outbox
from crawlers.page import FoundRecord
from store.database import Store
from store.page_id import page_id
from store.records import records
from store.sources import source_id

DECLARED = {"kind": "site", "name": "forum", "start": ["http://a.example/"]}
SOURCE = source_id("forum", DECLARED)
URL = "http://a.example/1"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Fetching:
    """A page that is fetched again and again, with the records that each fetch finds on it."""

    def __init__(self, folder: Path) -> None:
        self.frontier = Frontier(folder / "frontier.sqlite").__enter__()
        self.store = Store(folder / "tilth.duckdb").__enter__()
        self.fetches = 0

    def fetch(self, *found: tuple[str, str], then_drain: bool = True) -> None:
        """One fetch; `found` has keys and texts."""
        self.fetches += 1
        at = BEGAN + timedelta(hours=self.fetches)
        page = {"page_id": page_id(SOURCE, URL, at), "url": URL, "final_url": URL, "fetched_at": at.isoformat()}
        page |= {"status": 200, "rendered": "http", "depth": 0, "error": None, "warc_file": "x", "warc_offset": 1}
        outbox = Outbox(self.frontier)
        outbox.add_source(SOURCE, name="forum", kind="site", declared=DECLARED)
        given = [FoundRecord(i, key, text, {}) for i, (key, text) in enumerate(found)]
        outbox.add_page("run", SOURCE, page, {"items": len(found), "empty": 0, "unmatched": {}}, given)
        if then_drain:
            drain(self.store, self.frontier, lambda _: None)

    def superseded(self) -> dict[str, str]:
        """The text of each record that supersedes another one, with that one's."""
        rows = {row["record_id"]: row for row in records(self.store).to_pylist()}
        return {row["text"]: rows[row["supersedes"]]["text"] for row in rows.values() if row["supersedes"]}


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Fetching]:
    fetching = Fetching(tmp_path)
    yield fetching
    fetching.store.__exit__(None, None, None)
    fetching.frontier.__exit__(None, None, None)


def test_items_of_one_page_under_one_key_do_not_supersede_each_other(page: Fetching) -> None:
    page.fetch(("k", "first"), ("k", "second"), ("l", "third"))
    assert page.superseded() == {}
    page.fetch(("k", "first"), ("k", "second"), ("l", "third"))
    assert page.superseded() == {}
    page.fetch(("k", "first"), ("k", "other"), ("l", "changed"))
    assert page.superseded() == {"changed": "third"}


@pytest.mark.parametrize("then_drain", [True, False])
def test_a_changed_item_supersedes_what_stood_there_before(page: Fetching, then_drain: bool) -> None:
    page.fetch(("k", "one"), ("l", "same"), then_drain=then_drain)
    page.fetch(("k", "two"), ("l", "same"), then_drain=then_drain)
    page.fetch(("k", "three"), ("l", "same"))
    assert page.superseded() == {"two": "one", "three": "two"}
