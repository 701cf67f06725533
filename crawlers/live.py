"""How a crawl is doing, second by second: written by the process that fetches, read by whoever watches."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from crawlers.frontier.file import Frontier
from crawlers.recent import Recent

if TYPE_CHECKING:
    from crawlers.scheduling.scheduler import FrontierScheduler

HOSTS_SHOWN = 50
HOSTS_COUNTED = 5_000
"""Of so many hosts, those that had a page last, it is known how they did; a crawl of images may meet a million."""
SECONDS_OF_A_RATE = 10.0


@dataclass(frozen=True)
class LiveHost:
    """A host of a crawl.

    Attributes:
        host: `host` or `host:port`.
        pages: How many of its pages are done.
        in_hand: How many are being fetched or read.
        waiting: How many are queued.
        next_at: When the next may begin, in epoch seconds; None: at once, or nothing waits.
        why: Why it has to wait, as a clause.
        closed: This crawl waits for it no longer.
        seconds: What an answer took, on average.
        errors: How many pages could not be had.
    """

    host: str
    pages: int
    in_hand: int
    waiting: int
    next_at: float | None
    why: str | None
    closed: bool
    seconds: float
    errors: int


@dataclass(frozen=True)
class LiveState:
    """A crawl at one moment; what is counted is counted since its process began.

    Attributes:
        run_id: Which crawl.
        at: The moment, in epoch seconds.
        seconds: Since it began.
        pages, records: Done, and found on them.
        pages_per_second: Over the last ten seconds.
        in_hand, waiting: Requests that are being fetched or read, and that are queued.
        errors: Pages by kind of error; `robots` for those that robots.txt disallows.
        warc_bytes: Kept.
        hosts: At most 50, those with most to do first.
        closed: Once it has ended: the hosts on which it leaves something for the next crawl, each with why, a clause.
        too_deep: By source: links that lie deeper than its `max_depth`, and so were left alone.
        ended: Its process has ended.
    """

    run_id: str
    at: float
    seconds: float
    pages: int
    records: int
    pages_per_second: float
    in_hand: int
    waiting: int
    errors: dict[str, int]
    warc_bytes: int
    hosts: tuple[LiveHost, ...]
    closed: dict[str, str] = field(default_factory=dict)
    too_deep: dict[str, int] = field(default_factory=dict)
    ended: bool = False


@dataclass
class _HostTally:
    pages: int = 0
    answers: int = 0
    seconds: float = 0.0
    errors: int = 0


@dataclass
class Tally:
    """What the process that fetches counts."""

    run_id: str
    began: float = field(default_factory=time.time)
    pages: int = 0
    records: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    too_deep: Counter[str] = field(default_factory=Counter)
    hosts: Recent[str, _HostTally] = field(default_factory=lambda: Recent(HOSTS_COUNTED))
    _past: deque[tuple[float, int]] = field(default_factory=deque)

    def count(self, host: str, records: int, error: str | None, seconds: float | None) -> None:
        """Count a page that is done."""
        self.pages += 1
        self.records += records
        self.hosts[host] = of_host = self.hosts.get(host, _HostTally())
        of_host.pages += 1
        if seconds is not None:
            of_host.answers += 1
            of_host.seconds += seconds
        if error:
            self.errors[error.split(":", 1)[0]] += 1
            of_host.errors += 1

    def state(self, scheduler: FrontierScheduler, warc_bytes: int, *, ended: bool = False) -> LiveState:
        """All of it, now."""
        now = time.time()
        self._past.append((now, self.pages))
        while len(self._past) > 2 and now - self._past[0][0] > SECONDS_OF_A_RATE:
            self._past.popleft()
        since, before = self._past[0]
        in_hand = Counter(hand.host for hand in scheduler.in_hand.values())
        most = [host for host, _ in scheduler.waiting.most_common(HOSTS_SHOWN)]
        names = dict.fromkeys([*in_hand, *most, *islice(reversed(self.hosts), HOSTS_SHOWN)])
        busiest = sorted(names, key=lambda host: (-in_hand[host], -scheduler.waiting[host], host))[:HOSTS_SHOWN]
        return LiveState(
            run_id=self.run_id,
            at=now,
            seconds=now - self.began,
            pages=self.pages,
            records=self.records,
            pages_per_second=(self.pages - before) / (now - since) if now > since else 0.0,
            in_hand=len(scheduler.in_hand),
            waiting=scheduler.waiting.total(),
            errors=dict(self.errors),
            warc_bytes=warc_bytes,
            hosts=tuple(self._host(scheduler, host, in_hand[host], now) for host in busiest),
            closed=self._left(scheduler) if ended else {},
            too_deep=dict(self.too_deep),
            ended=ended,
        )

    def _left(self, scheduler: FrontierScheduler) -> dict[str, str]:
        return {host: why for host, why in scheduler.hosts.closed_hosts().items() if scheduler.waiting[host] > 0}

    def _host(self, scheduler: FrontierScheduler, host: str, in_hand: int, now: float) -> LiveHost:
        tally = self.hosts.get(host, _HostTally())
        waiting = scheduler.waiting[host]
        next_at = scheduler.hosts.ready_at(host) if waiting else None
        return LiveHost(
            host,
            tally.pages,
            in_hand,
            waiting,
            next_at if next_at is not None and next_at > now else None,
            scheduler.hosts.why_waiting(host) if waiting else None,
            scheduler.hosts.closed(host) is not None,
            tally.seconds / tally.answers if tally.answers else 0.0,
            tally.errors,
        )


def write_live(frontier: Frontier, state: LiveState) -> None:
    """Keep it for those who watch."""
    frontier.write("INSERT OR REPLACE INTO live VALUES ('crawl', ?, ?)", (json.dumps(asdict(state)), state.at))


def read_live(frontier: Frontier) -> LiveState | None:
    """How the crawl of this frontier is, or how the last one ended; None when there was none."""
    found = frontier.read("SELECT value FROM live WHERE name = 'crawl'")
    if not found:
        return None
    told: dict[str, Any] = json.loads(found[0]["value"])
    return LiveState(**told | {"hosts": tuple(LiveHost(**host) for host in told["hosts"])})
