"""A Scrapy scheduler on one SQLite file: what is queued, in hand and done survives any death of the process.

It can be used in any Scrapy project, without the rest of tilth:

    # settings.py
    SCHEDULER = "crawlers.scheduler.FrontierScheduler"
    FRONTIER_FILE = "frontier.sqlite"           # one file may serve several spiders

A request is done when its callback has ended and all that it yielded was queued. A spider that is killed and started
again goes on; requests that were in hand (at most `CONCURRENT_REQUESTS`) are made again. To start over, remove it.
Requests must be serialisable, as for Scrapy's own `JOBDIR`: callbacks are methods of the spider.

Requests are taken round-robin over hosts, within a host by priority, then depth, then order. Where the crawler has an
object `crawler.hosts` with `may_start(host)` and `ready_at(host)`, no host is asked before it may be. A request with
`meta["not_before"]` (epoch seconds) that comes back, such as one to be tried again, waits on disk.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import os
import pickle
import sqlite3
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.core.scheduler import BaseScheduler
from scrapy.utils.asyncio import call_later
from scrapy.utils.request import request_from_dict

from crawlers.every_host import EveryHost, Hosts
from crawlers.frontier.file import Frontier
from crawlers.frontier.leases import this_process
from crawlers.frontier.queue import Fetched, Queue, Wanted
from crawlers.scope import host_of
from store.errors import TilthError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

SHORTEST_SLEEP = 0.005
SECONDS_BETWEEN_LOOKS = 1.0
"""At what another process that is ending still has in hand."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Hand:
    """A request that was taken and is not done: it, or the hop or retry that came of it."""

    host: str
    source: str
    request: Request
    comes_back: bool = False  # it waits here, in memory, to be given out again


class FrontierScheduler(BaseScheduler):
    """See the module.

    A spider may offer `frontier` (an open `Frontier`), `source_names`, `request_of(row) -> Request | None` (None: it
    was skipped) and `may_take(source) -> bool`; tilth's own does, and marks its requests as done itself.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.in_hand: dict[int, Hand] = {}
        self._front: deque[Request] = deque()
        self._ready: deque[str] = deque()
        self._lanes: dict[str, deque[str]] = {}  # host: the sources that may have requests of it
        self._full: set[str] = set()  # hosts that wait for a request of theirs to end
        self._held: set[str] = set()  # hosts that wait for any request to end
        self._left: set[str] = set()  # hosts that are closed: what they have queued is left to the next crawl
        self._parked: list[tuple[float, str]] = []  # hosts that wait for their time
        self._per_host: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()  # by host: how many are queued
        self._due: float | None = None
        self._foreign = False
        self._looked = 0.0
        self._alarm: Any = None
        self._rings_at = 0.0
        settings = crawler.settings
        self.limit = settings.getint("CONCURRENT_REQUESTS") or 1_000
        self.limit_per_host = settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN") or self.limit

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FrontierScheduler:
        """As Scrapy makes it."""
        return cls(crawler)

    def open(self, spider: Spider) -> None:
        """Open the file, and take back what dead processes had in hand."""
        self.spider = spider
        self._ours = hasattr(spider, "request_of")
        frontier = getattr(spider, "frontier", None)
        self._opened = frontier is None
        self.frontier: Frontier = frontier or Frontier(Path(self.crawler.settings["FRONTIER_FILE"]))
        self.queue = Queue(self.frontier)
        self.sources: list[str] = list(getattr(spider, "source_names", [spider.name]))
        self._look_at_others(own=True)
        for source in self.sources:
            for host in self.queue.hosts(source):
                self.stir(source, host, 0)
        self.count_waiting()
        self._due = self.queue.next_due(self.sources, but=self._closed())

    def close(self, reason: str) -> None:  # noqa: ARG002
        """Close the file, where it was opened here."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._sweep()
        try:
            self.queue.release(this_process())  # it ends because it was asked to: no page's fault
        except (sqlite3.Error, TilthError) as error:
            log.warning("What was in hand is taken back by the next crawl: %s", error)
        if self._opened:
            self.frontier.close()

    @property
    def hosts(self) -> Hosts:
        """Who says when a host may be asked."""
        return getattr(self.crawler, "hosts", None) or EveryHost()

    def has_pending_requests(self) -> bool:
        """Whether anything waits, be it for its time."""
        return bool(
            self._front
            or self._ready
            or self._parked
            or self._full
            or self._held
            or self._due is not None
            or self._foreign
        )

    def enqueue_request(self, request: Request) -> bool:
        """Queue a request durably; one that was in hand comes to the front, or back into the queue for later."""
        row = request.meta.get("frontier_id")
        if row in self.in_hand:
            return self._come_back(row, request)
        host = host_of(request.url)
        prints = self.crawler.request_fingerprinter
        assert prints is not None
        wanted = Wanted(
            self.spider.name,
            request.url,
            host,
            priority=request.priority,
            depth=request.meta.get("depth", 0),
            request=pickle.dumps(request.to_dict(spider=self.spider)),
            fingerprint=os.urandom(16) if request.dont_filter else prints.fingerprint(request)[:16],
        )
        (new,) = self.queue.add([wanted])
        if new:
            self.stir(self.spider.name, host)
        return new

    def next_request(self) -> Request | None:
        """The request that comes next; None when all that waits has to wait longer, and then the engine is woken."""
        try:
            return self._next()
        except Exception as error:  # noqa: BLE001 - the engine would only log it, and ask again for ever
            self._give_up(error)
            return None

    def _next(self) -> Request | None:
        self._sweep()
        while self._front:
            request = self._front.popleft()
            hand = self.in_hand.get(request.meta["frontier_id"])
            if hand is not None and hand.request is request:
                hand.comes_back = False
                return request
        if len(self.in_hand) >= self.limit:
            return None
        now = time.time()
        if self._foreign and now - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._look_at_others()
        if self._due is not None and self._due <= now:
            for source, host in self.queue.wake(self.sources, now):
                self.stir(source, host, 0)
            self._due = self.queue.next_due(self.sources, but=self._closed())
        while self._parked and self._parked[0][0] <= now:
            self._ready.append(heapq.heappop(self._parked)[1])
        taken = self._take(now)
        if taken is None:
            self._set_alarm(now)
        return taken

    def stir(self, source: str, host: str, new: int = 1) -> None:
        """Note that a source has something queued on a host, and how much of it is new."""
        self.waiting[host] += new
        lanes = self._lanes.get(host)
        if lanes is None:
            self._lanes[host] = deque([source])
            self._ready.append(host)
        elif source not in lanes:
            lanes.append(source)

    def count_waiting(self) -> None:
        """Count anew what is queued."""
        self.waiting = Counter(self.queue.waiting(self.sources))

    def let_go(self, row: int) -> None:
        """Note that a request in hand is done."""
        hand = self.in_hand.pop(row, None)
        if hand is None:
            return
        self._per_host[hand.host] -= 1
        if not self._per_host[hand.host]:
            del self._per_host[hand.host]
        if hand.host in self._full:
            self._full.discard(hand.host)
            self._ready.append(hand.host)
        if self._held:
            self._ready.extend(self._held)
            self._held.clear()

    def later(self, row: int, not_before: float, tries: int) -> None:
        """Put a request in hand back into the queue, not to be taken before that moment (epoch seconds)."""
        self.queue.put_back(row, not_before, tries)
        hand = self.in_hand.get(row)
        self.let_go(row)
        if hand is not None:
            self.waiting[hand.host] += 1
        if hand is not None and self.hosts.closed(hand.host) is not None:
            return  # it is left to the next crawl
        if not_before > 0:
            self._due = not_before if self._due is None else min(self._due, not_before)
        elif hand is not None:
            self.stir(hand.source, hand.host, 0)

    def _closed(self) -> list[str]:
        return [host for host in self._lanes if self.hosts.closed(host) is not None]

    def _give_up(self, error: Exception) -> None:
        give_up = getattr(self.spider, "give_up", None)
        if give_up is not None:
            give_up(error)
            return
        log.error("The frontier cannot be used any more: %s", error)
        engine = self.crawler.engine
        assert engine is not None
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="frontier"))

    def _come_back(self, row: int, request: Request) -> bool:
        hand = self.in_hand[row]
        not_before = request.meta.get("not_before")
        if not_before is not None:
            self.later(row, float(not_before), int(request.meta.get("tries", 0)))
            return True
        if "redirect_times" in request.meta and self._is_known_elsewhere(request):
            return False
        hand.request, hand.comes_back = request, True
        self._front.append(request)
        return True

    def _is_known_elsewhere(self, request: Request) -> bool:
        ask = getattr(self.spider, "is_asked_anyway", None)
        return bool(ask(request)) if ask is not None else False

    def _take(self, now: float) -> Request | None:
        hosts = self.hosts
        for _ in range(len(self._ready)):
            host = self._ready[0]
            if self._per_host[host] >= self.limit_per_host:
                self._ready.popleft()
                self._full.add(host)
                continue
            if not hosts.may_start(host, self._per_host[host]):
                self._ready.popleft()
                if hosts.closed(host) is not None:
                    self._left.add(host)
                    continue
                at = hosts.ready_at(host)
                if at > now + SHORTEST_SLEEP:
                    heapq.heappush(self._parked, (at, host))
                elif self._per_host[host]:
                    self._full.add(host)
                else:
                    heapq.heappush(self._parked, (now + 0.05, host))
                continue
            request, held = self._take_from(host)
            if request is not None:
                self._ready.rotate(-1)
                return request
            self._ready.popleft()
            if held:
                self._held.add(host)
            else:
                del self._lanes[host]
        return None

    def _take_from(self, host: str) -> tuple[Request | None, bool]:
        """A request of the host, and whether there may be more of it when something that is in hand has ended."""
        may_take = getattr(self.spider, "may_take", None)
        lanes = self._lanes[host]
        held = False
        for _ in range(len(lanes)):
            source = lanes[0]
            if may_take is not None and not may_take(source):
                held = True
                lanes.rotate(-1)
                continue
            while (row := self.queue.lease(source, host)) is not None:
                self.waiting[host] -= 1
                request = self._request_of(row)
                if request is None:
                    continue
                request.meta["frontier_id"] = row["id"]
                self.in_hand[row["id"]] = Hand(host, source, request)
                self._per_host[host] += 1
                lanes.rotate(-1)
                return request, held
            lanes.popleft()
        return None, held

    def _request_of(self, row: sqlite3.Row) -> Request | None:
        if self._ours:
            made: Request | None = self.spider.request_of(row)  # type: ignore[attr-defined]
            return made
        request = request_from_dict(pickle.loads(row["request"]), spider=self.spider)
        request.meta["tries"] = row["tries"]
        return request

    def _sweep(self) -> None:
        """Let go of what the engine is through with."""
        slot = self._slot()
        if slot is None or getattr(self.spider, "fatal", None) is not None:
            return  # what is in hand of a crawl that gives up is released when it closes
        for row in [r for r, h in self.in_hand.items() if not h.comes_back and h.request not in slot.inprogress]:
            hand = self.in_hand[row]
            if not self._ours:
                self.queue.done(row, Fetched())
            else:
                log.warning("%s ended without a page", hand.request.url)
                self.queue.skip(row, "lost: it ended without a page")
            self.let_go(row)

    def _look_at_others(self, *, own: bool = False) -> None:
        again, given_up = self.queue.take_back(own=own)
        if again:
            log.info("%d requests that a dead process had in hand are queued again", again)
        if given_up:
            log.warning("%d requests are left alone: the process died each time they were in hand", given_up)
        self._foreign = self.queue.leased_by_others()
        self._looked = time.time()
        if again:
            for source in self.sources:
                for host in self.queue.hosts(source):
                    self.stir(source, host, 0)
            self.count_waiting()
            self._due = self.queue.next_due(self.sources, but=self._closed())

    def _set_alarm(self, now: float) -> None:
        times = [at for at, _ in self._parked[:1]]
        if self._due is not None:
            times.append(self._due)
        if self._foreign:
            times.append(self._looked + SECONDS_BETWEEN_LOOKS)
        if not times:
            return
        at = min(times)
        if self._alarm is not None and now < self._rings_at <= at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._rings_at = max(at, now + SHORTEST_SLEEP)
        self._alarm = call_later(self._rings_at - now, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        slot = self._slot()
        if slot is not None and slot.closing is None:
            slot.nextcall.schedule()

    def _slot(self) -> Any:
        # Nothing public says when a request's callback has ended, or asks for the next one at a moment.
        try:
            return getattr(self.crawler.engine, "_slot", None)
        except RuntimeError:  # there is no engine yet
            return None
