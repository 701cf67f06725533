"""Watching feeds: each is asked again when its time has come, politely, until somebody ends it."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crawlers.kinds.feed import SHORTEST_WAIT, Source
from crawlers.outcome import CrawlResult
from crawlers.reading.feed_entries import read_feed
from crawlers.scope import canonical_url
from crawlers.warc import read_answer
from store.database import Store
from store.errors import RequestError, TilthError
from store.pages import latest_answers

LONGEST_WAIT = 86_400.0
"""Seconds: a feed that asks for longer is looked at once a day."""


class NothingToWatch(RequestError):
    """None of the sources is a feed."""


@dataclass(frozen=True)
class Look:
    """What a look at some feeds brought.

    Attributes:
        names: The feeds that were asked.
        result: The figures; None where the crawl broke off.
        broke_off: Why it did, for a person; the next look goes on where it was.
        wait: Seconds until the next look.
    """

    names: tuple[str, ...]
    result: CrawlResult | None
    broke_off: str | None
    wait: float


@dataclass
class _Feed:
    """A feed, when it is due (by `time.monotonic`), and how many times in a row it could not be had."""

    source: Source
    due: float
    failures: int = 0


@dataclass(frozen=True)
class Watch:
    """Looks at feeds again and again.

    Attributes:
        feeds: What to look at.
        crawl: Runs some of them to their end.
        waits: For a feed, how long its server wants it left alone, in seconds; None where it does not say.
        clock: Seconds, growing.
        sleep: Waits for some seconds.
    """

    feeds: Sequence[Source]
    crawl: Callable[[Sequence[Source]], CrawlResult]
    waits: Callable[[Source], float | None]
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def looks(self) -> Iterator[Look]:
        """Look at what is due, say what that brought, wait for the next, without end; an interrupt goes to the caller.

        Raises:
            NothingToWatch: There is no feed.
            RequestError: The first look is refused: what is wrong then stays so.
        """
        if not self.feeds:
            raise NothingToWatch(
                'There is no feed to watch; declare one as [[source]] with kind = "feed" in tilth.toml.'
            )
        feeds = [_Feed(source, self.clock()) for source in self.feeds]
        first = True
        while True:
            due = [one for one in feeds if one.due <= self.clock()]
            result, broke_off = self._run([one.source for one in due], first)
            first = False
            for one in due:
                failed = broke_off is not None or _refused(result, one.source.name)
                one.failures = one.failures + 1 if failed else 0
                one.due = self.clock() + self._wait(one)
            wait = max(0.0, min(one.due for one in feeds) - self.clock())
            yield Look(tuple(one.source.name for one in due), result, broke_off, wait)
            self.sleep(wait)

    def _run(self, sources: Sequence[Source], first: bool) -> tuple[CrawlResult | None, str | None]:
        try:
            return self.crawl(sources), None
        except TilthError as error:
            if first and isinstance(error, RequestError):
                raise
            return None, str(error)

    def _wait(self, one: _Feed) -> float:
        """Its own interval or the longer one that its server wants; twice as long each time that it fails."""
        try:
            asked = self.waits(one.source)
        except TilthError:
            asked = None  # somebody else has the store; the next look may read there what is wanted
        wanted = max(one.source.every_seconds, asked or 0.0, SHORTEST_WAIT)
        return float(min(wanted * 2 ** min(one.failures, 10), max(LONGEST_WAIT, one.source.every_seconds)))


def _refused(result: CrawlResult | None, name: str) -> bool:
    return result is not None and any(trouble.refused and trouble.source == name for trouble in result.troubles)


def wanted_wait(store: Store, project_folder: Path, source: Source) -> float | None:
    """How long the servers of a feed source want it left alone, in seconds, by the last answers that were kept.

    RSS `ttl`, the syndication module, `Cache-Control: max-age` and `Retry-After` in seconds; the longest of them.
    """
    urls = [url for url in map(canonical_url, source.start) if url]
    waits: list[float] = []
    for answer in latest_answers(store, source.name, urls).to_pylist():
        try:
            headers, body = read_answer(project_folder / answer["warc_file"], answer["warc_offset"])
        except (OSError, ValueError):
            continue
        waits += _of_headers(headers)
        in_feed = read_feed(body, answer["url"]).wait
        waits += [in_feed] if in_feed is not None else []
    return max(waits, default=None)


def _of_headers(headers: Sequence[tuple[str, str]]) -> Iterator[float]:
    for name, value in headers:
        age = re.search(r"\bmax-age\s*=\s*\"?(\d{1,9})", value, re.IGNORECASE) if name == "cache-control" else None
        if age:
            yield float(age[1])
        if name == "retry-after" and re.fullmatch(r"\d{1,9}", value.strip()):
            yield float(value)
