"""Takes a turn of its host for each request that Scrapy sends, and gives it back when the answer is complete."""

from __future__ import annotations

import math
import weakref

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawlers.manners.hosts import Hosts, Turn, TurnFarOff
from crawlers.manners.trouble import UNREACHED, broke_off, came_from_elsewhere, put_back
from crawlers.page_error import OutOfScope, of_connection
from crawlers.scope import host_of

PATIENCE = 10.0
"""Seconds that a page waits for its turn in memory; for longer it goes back to the frontier."""
PATIENCE_FOR_FILES = 60.0
"""The same for robots.txt and the like, which pages wait for."""


def hosts_of(crawler: Crawler) -> Hosts:
    """The crawl's `Hosts`, which its spider has set; where it has not, one that keeps nothing."""
    hosts: Hosts | None = getattr(crawler, "hosts", None)
    if hosts is None:
        hosts = Hosts(per_host=crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN"))
        crawler.hosts = hosts  # type: ignore[attr-defined]
    return hosts


def back_to_frontier(hosts: Hosts, request: Request, ready_at: float) -> Request:
    """The request for the scheduler, to be asked at `ready_at` (epoch seconds).

    One of a closed host has no time of its own, so that the next crawl takes it at once where it finds the host open.

    Raises:
        OutOfScope: A redirect led it to a closed host; its first host is open, and would be asked again and again.
    """
    host = host_of(request.url)
    closed = hosts.closed(host)
    if closed is None:
        return put_back(request, ready_at)
    if came_from_elsewhere(request):
        raise OutOfScope(f"{host} is left for the next crawl: {closed}")
    return put_back(request, hosts.wall())


class Turns:
    """A downloader middleware, the nearest to the network: each hop of a redirect and each try takes its own turn.

    Pages that a browser draws take none here, for its guard takes one for each request that the page makes.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.hosts = hosts_of(crawler)
        # What is cancelled while it stands in Scrapy's own queue is sent anyway: its turn ends with the request.
        self._turns: weakref.WeakKeyDictionary[Request, Turn] = weakref.WeakKeyDictionary()
        crawler.signals.connect(self._answered, signals.response_downloaded)
        crawler.signals.connect(self._left, signals.request_left_downloader)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Turns:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> Request | None:
        """Wait for a turn; a page of the frontier whose turn is far off goes back there."""
        if request.meta.get("playwright") or not request.url.startswith(("http:", "https:")):
            return None
        host = host_of(request.url)
        # A slot of Scrapy's for each host as we count them: a redirect would take its first host's slot along.
        request.meta["download_slot"] = host
        at_most, of_file = math.inf, "host_file" in request.meta
        if of_file:
            at_most = PATIENCE_FOR_FILES
        elif "frontier_id" in request.meta:
            at_most = PATIENCE
        try:
            turn = await self.hosts.take(host, at_most=at_most, of_file=of_file)
        except TurnFarOff as far:
            if of_file:
                raise
            return back_to_frontier(self.hosts, request, far.ready_at)
        self._turns[request] = turn
        weakref.finalize(request, turn.end).atexit = False
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        """Give the turn back, also where the answer came from no network."""
        self._left(request)
        return response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Give the turn back, and tell the host's trouble; a drawn page whose host's turn is far off goes back too."""
        turn = self._turns.get(request)
        self._left(request)
        if turn is not None and isinstance(exception, UNREACHED):
            turn.failed(of_connection(exception))
        elif turn is not None and broke_off(exception) and not request.meta.get("tries"):
            turn.broke(of_connection(exception))  # a page of which this is known says nothing new of its host
        if isinstance(exception, TurnFarOff) and "frontier_id" in request.meta:
            return back_to_frontier(self.hosts, request, exception.ready_at)
        return None

    def _answered(self, response: Response, request: Request) -> None:
        turn = self._turns.get(request)
        if turn is not None:
            turn.answered(response.status, response.headers)

    def _left(self, request: Request) -> None:
        turn = self._turns.get(request)
        if turn is not None:
            turn.end()
