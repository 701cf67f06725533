"""A Scrapy scheduler on one SQLite file: what is queued, in hand and done survives any death of the process.

It can be used in any Scrapy project, without the rest of tilth:

    # settings.py
    SCHEDULER = "crawlers.scheduling.scheduler.FrontierScheduler"
    FRONTIER_FILE = "frontier.sqlite"           # one file may serve several spiders

A request is done when its callback has ended and all that it yielded was queued. A spider that is killed and started
again goes on; requests that were in hand (at most `CONCURRENT_REQUESTS`) are made again. To start over, remove it.
Requests must be serialisable, as for Scrapy's own `JOBDIR`: callbacks are methods of the spider.

Requests are taken round-robin over hosts, within a host by priority, then depth, then order. Where the crawler has an
object `crawler.hosts`, as `crawlers.scheduling.every_host.Hosts` describes it, no host is asked before it may be. A
request with `meta["not_before"]` (epoch seconds) that comes back, such as one to be tried again, waits on disk.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy import Request, Spider
from scrapy.core.scheduler import BaseScheduler

from crawlers.frontier.file import Frontier
from crawlers.frontier.leases import this_process
from crawlers.frontier.queue import Fetched, Queue
from crawlers.frontier.skipped import LOST, reason
from crawlers.scheduling import plain_requests
from crawlers.scheduling.engine_slot import SHORTEST_SLEEP, EngineSlot
from crawlers.scheduling.every_host import EveryHost, Hosts
from crawlers.scheduling.hands import Hand, Hands
from crawlers.scheduling.host_ring import HostRing
from crawlers.scheduling.other_processes import OtherProcesses
from crawlers.scheduling.waits import Waits
from store.errors import TilthError

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

SECONDS_BETWEEN_LOOKS_AT_CLOSED = 10.0
"""At whether hosts that this crawl does not wait for may be asked again."""
SHORTEST_WAIT = 0.05
"""Seconds, for a host that may not be asked and does not say when."""

log = logging.getLogger(__name__)


class FrontierScheduler(BaseScheduler):
    """See the module.

    A spider may offer `frontier` (an open `Frontier`), `source_names`, `request_of(row) -> Request | None` (None: it
    was skipped), `may_take(source) -> bool`, `is_asked_anyway(request) -> bool` and `give_up(error)`; tilth's own does,
    and marks its requests as done itself.

    Attributes:
        waiting: How many requests are queued, by host.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.waiting: Counter[str] = Counter()
        self._hands = Hands()
        self._ring = HostRing()
        self._slot = EngineSlot(crawler)
        self._looked_at_closed = time.monotonic()
        self.limit = crawler.settings.getint("CONCURRENT_REQUESTS") or 1_000
        self.limit_per_host = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN") or self.limit

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> FrontierScheduler:
        """As Scrapy makes it."""
        return cls(crawler)

    def open(self, spider: Spider) -> None:
        """Open the file, and take back what dead processes had in hand."""
        self.spider = spider
        self._ours = hasattr(spider, "request_of")
        self._request_of = getattr(spider, "request_of", partial(plain_requests.taken, spider=spider))
        self._opened = not hasattr(spider, "frontier")
        self.frontier: Frontier = getattr(spider, "frontier", None) or Frontier(
            Path(self.crawler.settings["FRONTIER_FILE"])
        )
        self.queue = Queue(self.frontier)
        self.sources: list[str] = list(getattr(spider, "source_names", [spider.name]))
        self._waits = Waits(self.queue, self.sources, lambda: self.hosts.closed_hosts())
        self._others = OtherProcesses(self.queue)
        self._others.look(own=True)
        self._look_at_all()

    def close(self, reason: str) -> None:  # noqa: ARG002
        """Release what is in hand, and close the file where it was opened here."""
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

    @property
    def in_hand(self) -> dict[int, Hand]:
        """The requests that were taken and are not done, by row."""
        return self._hands.rows

    # -- what the engine asks -------------------------------------------------------------------------------------
    def has_pending_requests(self) -> bool:
        """Whether anything waits, be it for its time."""
        waits = self._waits.due is not None or self._others.due is not None
        return bool(waits or self._hands or not self._ring.is_done())

    def enqueue_request(self, request: Request) -> bool:
        """Queue a request durably; one that was in hand comes to the front, or back into the queue for later."""
        try:
            return self._enqueue(request)
        except (sqlite3.Error, TilthError) as error:
            self._give_up(error)
            return True  # as far as the engine goes: nothing is to be done about it any more

    def next_request(self) -> Request | None:
        """The request that comes next; None when all that waits has to wait longer, and then the engine is woken."""
        try:
            return self._next()
        except Exception as error:  # noqa: BLE001 - the engine would only log it, and ask again for ever
            self._give_up(error)
            return None

    # -- what the spider says -------------------------------------------------------------------------------------
    def stir(self, source: str, host: str) -> None:
        """Note that a source has one more request queued on a host."""
        self.waiting[host] += 1
        self._ring.add(source, host)

    def count_waiting(self) -> None:
        """Count anew what is queued."""
        self.waiting = Counter(self.queue.waiting(self.sources))

    def let_go(self, row: int) -> None:
        """Note that a request in hand is done."""
        hand = self._hands.let_go(row)
        if hand is not None:
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
            self._waits.look()  # what else waits for that host is left to the next crawl too
        else:
            self._waits.also(not_before)

    # -------------------------------------------------------------------------------------------------------------
    def _enqueue(self, request: Request) -> bool:
        row = request.meta.get("frontier_id")
        if row not in self.in_hand:
            wanted = plain_requests.kept(request, self.spider, self.crawler)
            if new := self.queue.add([wanted]) == [True]:
                self.stir(wanted.source, wanted.host)
            return new
        if (not_before := request.meta.get("not_before")) is not None:
            self.later(row, float(not_before), int(request.meta.get("tries", 0)))
            return True
        is_asked_anyway = getattr(self.spider, "is_asked_anyway", None)
        if "redirect_times" in request.meta and is_asked_anyway is not None and is_asked_anyway(request):
            return False
        self._hands.comes_back(row, request)
        return True

    def _next(self) -> Request | None:
        self._sweep()
        again = self._hands.next_again()
        if again is not None or len(self.in_hand) >= self.limit:
            return again
        now = time.monotonic()
        if self._others.due is not None and self._others.due <= now:
            self._others.look()
            self._look_at_all()  # also what one of them released, or found before it ended, is queued by now
        if now - self._looked_at_closed >= SECONDS_BETWEEN_LOOKS_AT_CLOSED:
            self._look_at_closed()
        for source, host in self._waits.wake():
            self._ring.add(source, host)
        self._ring.unpark(now)
        taken = self._take(now)
        if taken is None:
            self._set_alarm()
        return taken

    def _take(self, now: float) -> Request | None:
        hosts, ring = self.hosts, self._ring
        for _ in range(len(ring)):
            host = ring.first
            in_hand = self._hands.of_host(host)
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
                self.waiting[host] -= 1
                if self.waiting[host] <= 0:
                    del self.waiting[host]
                request = self._request_of(row)
                if request is None:
                    continue
                request.meta["frontier_id"] = row["id"]
                self._hands.take(row["id"], Hand(host, source, request))
                sources.rotate(-1)
                return request, held
            sources.popleft()
        return None, held

    def _sweep(self) -> None:
        """Let go of what the engine is through with."""
        works_on = self._slot.works_on()
        if works_on is None or getattr(self.spider, "fatal", None) is not None:
            return  # what is in hand of a crawl that gives up is released when it closes
        for row in self._hands.ended(works_on):
            if not self._ours:
                self.queue.done(row, Fetched())
            else:
                log.warning("%s ended without a page", self.in_hand[row].request.url)
                self.queue.skip(row, reason(LOST, "it ended without a page"))
            self.let_go(row)

    def _look_at_all(self) -> None:
        for source in self.sources:
            for host in self.queue.hosts(source):
                self._ring.add(source, host)
        self.count_waiting()
        self._waits.look()

    def _look_at_closed(self) -> None:
        self._looked_at_closed = time.monotonic()
        for host in self._ring.left:
            if self.hosts.closed(host) is None:
                self._ring.reopen(host)
                self._waits.look()

    def _set_alarm(self) -> None:
        times = [at for at in (self._ring.next_time, self._waits.due, self._others.due) if at is not None]
        if times:
            self._slot.wake_at(min(times))

    def _give_up(self, error: Exception) -> None:
        give_up = getattr(self.spider, "give_up", None)
        if give_up is not None:
            give_up(error)
            return
        log.error("The frontier cannot be used any more: %s", error)
        engine = self.crawler.engine
        assert engine is not None
        self._closing = asyncio.ensure_future(engine.close_spider_async(reason="frontier"))
