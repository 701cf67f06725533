"""Watching feeds: when each is asked again, and what ends it."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest

from crawlers.kinds.feed import Source
from crawlers.outcome import CrawlResult, Trouble
from crawlers.warc import WarcFile
from crawlers.watch import LONGEST_WAIT, NothingToWatch, Watch, wanted_wait
from store.database import Store, utc_now
from store.errors import RequestError, TilthError
from store.pages import PAGES, add_pages
from store.sources import add_source


class Hours:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def feed(name: str, every: str = "30m") -> Source:
    return Source.declare({"name": name, "start": [f"https://h.example/{name}.xml"], "every": every})


def result(*refused: str) -> CrawlResult:
    troubles = tuple(Trouble(name, "gone", refused=True) for name in refused)
    return CrawlResult(1, {200: 1}, 0, 0, 0, {}, 0, 0.1, troubles)


def looks(
    feeds: Sequence[Source], n: int, *, waits=lambda _: None, crawl=lambda _: result()
) -> list[tuple[float, str]]:
    """When the first `n` looks are, in minutes, and at what."""
    hours = Hours()
    seen = []
    for look in islice(Watch(feeds, crawl, waits, hours.clock, hours.sleep).looks(), n):
        seen.append((hours.now / 60, ",".join(look.names)))
    return seen


def test_all_feeds_are_looked_at_first_and_each_again_at_its_own_interval() -> None:
    assert looks([feed("a", "20m"), feed("b", "30m")], 5) == [(0, "a,b"), (20, "a"), (30, "b"), (40, "a"), (60, "a,b")]


def test_a_feed_that_wants_longer_is_left_alone_for_longer() -> None:
    assert looks([feed("a")], 3, waits=lambda _: 7200.0) == [(0, "a"), (120, "a"), (240, "a")]


def test_a_feed_that_wants_less_is_not_asked_more_often_than_is_declared() -> None:
    assert looks([feed("a")], 2, waits=lambda _: 1.0) == [(0, "a"), (30, "a")]


def test_a_feed_that_wants_years_is_looked_at_once_a_day() -> None:
    assert looks([feed("a")], 2, waits=lambda _: 1e9)[1] == (LONGEST_WAIT / 60, "a")


def test_a_feed_that_cannot_be_had_is_asked_less_and_less_until_it_can() -> None:
    answers = iter([result("a"), result("a"), result(), result()])
    assert [at for at, _ in looks([feed("a")], 4, crawl=lambda _: next(answers))] == [0, 60, 180, 210]


def test_a_store_that_somebody_holds_does_not_end_the_watch() -> None:
    def held(_: object) -> float:
        raise TilthError("the store is held")

    assert looks([feed("a", "20m")], 3, waits=held) == [(0, "a"), (20, "a"), (40, "a")]


def test_one_feeds_trouble_is_not_anothers() -> None:
    assert looks([feed("a"), feed("b")], 3, crawl=lambda _: result("a")) == [(0, "a,b"), (30, "b"), (60, "a,b")]


def test_a_crawl_that_broke_off_is_told_and_the_watch_goes_on() -> None:
    def breaks(_: object) -> CrawlResult:
        raise TilthError("the store is held")

    hours = Hours()
    first, second = islice(Watch([feed("a")], breaks, lambda _: None, hours.clock, hours.sleep).looks(), 2)
    assert (first.broke_off, second.broke_off) == ("the store is held", "the store is held")


def test_a_request_that_is_wrong_from_the_start_is_refused() -> None:
    def refuses(_: object) -> CrawlResult:
        raise RequestError("no contact")

    with pytest.raises(RequestError, match="no contact"):
        next(Watch([feed("a")], refuses, lambda _: None).looks())


def test_no_feed_is_nothing_to_watch() -> None:
    with pytest.raises(NothingToWatch):
        next(Watch([], lambda _: result(), lambda _: None).looks())


def keep(store: Store, folder: Path, source: Source, headers: list[tuple[str, str]], body: bytes) -> None:
    """Keep an answer as a crawl does."""
    at, url = utc_now(), source.start[0]
    warc = WarcFile(folder, source.name, {})
    position = warc.write_response(url, 200, headers, body, protocol="HTTP/1.1", at=at)
    warc.close()
    source_id = add_source(store, name=source.name, kind=source.kind, declared=source.declared())
    row = dict.fromkeys(PAGES.names) | {
        "page_id": at.isoformat(),
        "source_id": source_id,
        "url": url,
        "fetched_at": at,
        "status": 200,
        "rendered": "http",
        "depth": 0,
        "records_found": 0,
        "warc_file": position.file,
        "warc_offset": position.offset,
    }
    add_pages(store, pa.Table.from_pylist([row], schema=PAGES))


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ([], b"<rss version='2.0'><channel/></rss>", None),
        ([], b"<rss version='2.0'><channel><ttl>90</ttl></channel></rss>", 5400),
        (
            [("Cache-Control", "public, max-age=7200")],
            b"<rss version='2.0'><channel><ttl>90</ttl></channel></rss>",
            7200,
        ),
        ([("Retry-After", "600")], b"{}", 600),
        ([("Retry-After", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Cache-Control", "max-age=x")], b"", None),
    ],
)
def test_the_last_answer_says_how_long_a_feed_wants_to_be_left_alone(
    tmp_path: Path, headers: list[tuple[str, str]], body: bytes, wait: float | None
) -> None:
    with Store(tmp_path / "tilth.duckdb") as store:
        keep(store, tmp_path, feed("a"), [("Cache-Control", "max-age=99999")], b"older")
        keep(store, tmp_path, feed("a"), headers, body)
        assert wanted_wait(store, tmp_path, feed("a")) == wait


def test_a_feed_that_was_never_had_says_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "tilth.duckdb") as store:
        assert wanted_wait(store, tmp_path, feed("a")) is None
