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
from scrapy.utils.request import request_from_dict

from crawlers.engine_slot import SHORTEST_SLEEP, EngineSlot
from crawlers.every_host import EveryHost, Hosts
from crawlers.frontier.file import Frontier
from crawlers.frontier.leases import this_process
from crawlers.frontier.queue import Fetched, Queue, Wanted
from crawlers.host_ring import HostRing
from crawlers.scope import host_of
from store.errors import TilthError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

SECONDS_BETWEEN_LOOKS = 1.0
"""At what another process that is ending still has in hand."""
SECONDS_BETWEEN_LOOKS_AT_CLOSED = 10.0
"""At whether hosts that this crawl does not wait for may be asked again."""
SHORTEST_WAIT = 0.05
"""Seconds, for a host that may not be asked and does not say when."""
CLOCK_WAS_SET = 1.0
"""Seconds; a wall clock that goes back by more did not go slow."""

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
        self.waiting: Counter[str] = Counter()  # by host: how many are queued
        self._front: deque[Request] = deque()
        self._ring = HostRing()
        self._per_host: Counter[str] = Counter()
        # Moments of the monotonic clock, so that one that is set back holds up nothing.
        self._due: float | None = None
        self._looked = self._looked_at_closed = time.monotonic()
        self._ahead = time.time() - time.monotonic()
        self._foreign = False
        self._slot = EngineSlot(crawler)
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
        self._stir_all()

    def close(self, reason: str) -> None:  # noqa: ARG002
        """Close the file, where it was opened here."""
        self._slot.cancel()
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
        return bool(self._front or not self._ring.is_done() or self._due is not None or self._foreign)

    def enqueue_request(self, request: Request) -> bool:
        """Queue a request durably; one that was in hand comes to the front, or back into the queue for later."""
        try:
            return self._enqueue(request)
        except (sqlite3.Error, TilthError) as error:
            self._give_up(error)
            return True  # nothing is done with it any more

    def _enqueue(self, request: Request) -> bool:
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
        self._mind_the_clock()
        now = time.monotonic()
        if self._foreign and now - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._look_at_others()
        if now - self._looked_at_closed >= SECONDS_BETWEEN_LOOKS_AT_CLOSED:
            self._look_at_closed()
        if self._due is not None and self._due <= now:
            for source, host in self.queue.wake(self.sources):
                self._ring.add(source, host)
            self._look_for_due()
        self._ring.unpark(now)
        taken = self._take(now)
        if taken is None:
            self._set_alarm()
        return taken

    def stir(self, source: str, host: str) -> None:
        """Note that a source has one more request queued on a host."""
        self.waiting[host] += 1
        self._ring.add(source, host)

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
        self._ring.ended(hand.host)

    def later(self, row: int, not_before: float, tries: int) -> None:
        """Put a request in hand back into the queue, not to be taken before that moment (epoch seconds)."""
        self.queue.put_back(row, not_before, tries)
        hand = self.in_hand.get(row)
        self.let_go(row)
        if hand is None:
            return
        self.waiting[hand.host] += 1
        if not_before <= 0:
            self._ring.add(hand.source, hand.host)
        elif self.hosts.closed(hand.host) is not None:
            self._look_for_due()  # what else waits for that host is left to the next crawl too
        else:
            due = time.monotonic() + not_before - time.time()
            self._due = due if self._due is None else min(self._due, due)

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
        hosts, ring = self.hosts, self._ring
        for _ in range(len(ring)):
            host = ring.first
            in_hand = self._per_host[host]
            if in_hand >= self.limit_per_host:
                ring.wait_for_its_own()
            elif hosts.may_start(host, in_hand):
                request, held = self._take_from(host)
                if request is not None:
                    ring.to_the_end()
                    return request
                if held:
                    ring.wait_for_any()
                else:
                    ring.drop()
            elif hosts.closed(host) is not None:
                ring.leave()
            elif (wait := hosts.ready_at(host) - time.time()) > SHORTEST_SLEEP:
                ring.park(now + wait)
            elif in_hand:
                ring.wait_for_its_own()
            else:
                ring.park(now + SHORTEST_WAIT)
        return None

    def _take_from(self, host: str) -> tuple[Request | None, bool]:
        """A request of the first host, and whether it may have more when something that is in hand has ended."""
        may_take = getattr(self.spider, "may_take", None)
        sources = self._ring.sources_of_first()
        held = False
        for _ in range(len(sources)):
            source = sources[0]
            if may_take is not None and not may_take(source):
                held = True
                sources.rotate(-1)
                continue
            while (row := self.queue.lease(source, host)) is not None:
                self._count_taken(host)
                request = self._request_of(row)
                if request is None:
                    continue
                request.meta["frontier_id"] = row["id"]
                self.in_hand[row["id"]] = Hand(host, source, request)
                self._per_host[host] += 1
                sources.rotate(-1)
                return request, held
            sources.popleft()
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
        works_on = self._slot.works_on()
        if works_on is None or getattr(self.spider, "fatal", None) is not None:
            return  # what is in hand of a crawl that gives up is released when it closes
        for row in [r for r, h in self.in_hand.items() if not h.comes_back and h.request not in works_on]:
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
        self._looked = time.monotonic()
        if again:
            self._stir_all()

    def _look_at_closed(self) -> None:
        self._looked_at_closed = time.monotonic()
        reopened = [host for host in self._ring.left if self.hosts.closed(host) is None]
        for host in reopened:
            self._ring.reopen(host)
        if reopened:
            self._look_for_due()

    def _stir_all(self) -> None:
        for source in self.sources:
            for host in self.queue.hosts(source):
                self._ring.add(source, host)
        self.count_waiting()
        self._look_for_due()

    def _look_for_due(self) -> None:
        due = self.queue.next_due(self.sources, but=self.hosts.closed_hosts())
        self._due = None if due is None else time.monotonic() + due - time.time()

    def _mind_the_clock(self) -> None:
        """Where the wall clock was set back, what waits on disk waits no longer for that."""
        ahead = time.time() - time.monotonic()
        if ahead < self._ahead - CLOCK_WAS_SET:
            self.queue.move_waits(self.sources, ahead - self._ahead)
            self._look_for_due()
        self._ahead = ahead

    def _count_taken(self, host: str) -> None:
        self.waiting[host] -= 1
        if self.waiting[host] <= 0:
            del self.waiting[host]

    def _set_alarm(self) -> None:
        looks_again = self._looked + SECONDS_BETWEEN_LOOKS if self._foreign else None
        times = [at for at in (self._ring.next_time, self._due, looks_again) if at is not None]
        if times:
            self._slot.wake_at(min(times))
