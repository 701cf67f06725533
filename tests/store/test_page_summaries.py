"""What the report says of a crawl: the hosts that were slow, and the pages that could not be had."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from store.database import Store
from store.pages import PAGES, add_pages, slow_hosts, troubled_pages
from store.sources import add_source

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def fetches(store: Store, *rows: tuple[str, float, str | None]) -> None:
    source = add_source(store, name="forum", kind="site", declared={})
    pages = [
        {
            "page_id": str(place),
            "source_id": source,
            "url": url,
            "fetched_at": AT + timedelta(minutes=place),
            "status": 200 if error is None else None,
            "seconds": seconds,
            "rendered": "http",
            "error": error,
        }
        for place, (url, seconds, error) in enumerate(rows)
    ]
    add_pages(store, pa.Table.from_pylist(pages, schema=PAGES))


def test_the_slowest_host_stands_first_by_its_median(store: Store) -> None:
    fetches(
        store, ("http://a.example/1", 0.1, None), ("http://a.example/2", 9.0, None), ("http://a.example/3", 0.2, None)
    )
    assert slow_hosts(store).to_pylist() == [
        {"host": "a.example", "pages": 3, "median_seconds": 0.2, "slowest_seconds": 9.0}
    ]


def test_hosts_are_told_apart_with_their_ports(store: Store) -> None:
    fetches(store, ("http://a.example/1", 0.1, None), ("https://b.example:8080?q=/x", 1.0, None))
    assert [row["host"] for row in slow_hosts(store).to_pylist()] == ["b.example:8080", "a.example"]


def test_a_page_that_was_had_later_is_no_trouble(store: Store) -> None:
    fetches(
        store,
        ("http://a.example/1", 0.1, "timeout: no whole answer within 4 s"),
        ("http://a.example/1", 0.1, None),
        ("http://a.example/2", 0.1, "robots: robots.txt disallows it"),
        ("http://a.example/3", 0.1, "robots: robots.txt disallows this"),
    )
    assert troubled_pages(store).to_pylist() == [
        {
            "source_name": "forum",
            "kind": "robots",
            "pages": 2,
            "url": "http://a.example/3",
            "error": "robots: robots.txt disallows this",
        }
    ]
