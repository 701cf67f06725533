"""Another try for what may pass by itself, later, and out of the frontier: nothing is slept in memory."""

from __future__ import annotations

import random
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.misc import load_object

from crawlers.manners.hosts import BUSY, LONGEST_KEPT
from crawlers.manners.retry_after import retry_after
from crawlers.manners.trouble import PASSING, came_from_elsewhere, put_back
from crawlers.manners.turns import hosts_of
from crawlers.page_error import KeptConnectionBroke
from crawlers.scope import host_of

TRIES_WHEN_ASKED_TO_WAIT = 5
"""A host that says when to come back is asked more often than one that does not."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class TryAgain:
    """A downloader middleware in the place of Scrapy's RetryMiddleware.

    Scrapy's settings RETRY_TIMES and RETRY_EXCEPTIONS say how often and after which errors. The request comes back
    with `meta["tries"]` and `meta["not_before"]`. After the last try the answer, or the error, goes on as it is.
    """

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self.hosts = hosts_of(crawler)
        self.times = settings.getint("RETRY_TIMES")
        self.errors = tuple(
            load_object(name) if isinstance(name, str) else name for name in settings.getlist("RETRY_EXCEPTIONS")
        )
        self._stats = crawler.stats
        self._rng = random.Random(settings.getint("MANNERS_SEED"))

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TryAgain:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """The request for another try, or the answer where there is none."""
        if response.status not in PASSING:
            return response
        now = self.hosts.wall()
        asked = retry_after(response.headers, now=now) if response.status in BUSY else None
        times = max(self.times, TRIES_WHEN_ASKED_TO_WAIT) if asked is not None else self.times
        pause = min(asked or 0.0, LONGEST_KEPT)
        return self._again(request, times, pause, str(response.status)) or response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """The request for another try, or None where the error stands."""
        if isinstance(exception, KeptConnectionBroke):
            # At its host's next turn, and without end: each has used up a connection that had brought an answer.
            if "frontier_id" not in request.meta:
                return request.replace(dont_filter=True)
            return put_back(request, max(self.hosts.wall(), self.hosts.ready_at(host_of(request.url))))
        if not isinstance(exception, self.errors):
            return None
        return self._again(request, self.times, 0.0, type(exception).__name__)

    def _again(self, request: Request, times: int, pause: float, reason: str) -> Request | None:
        tries = request.meta.get("tries", 0) + 1
        if request.meta.get("dont_retry") or tries > request.meta.get("max_retry_times", times):
            return None
        if not pause:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (tries - 1)) * self._rng.uniform(0.5, 1.0)
        host = host_of(request.url)
        closed = self.hosts.closed(host) is not None
        if closed and came_from_elsewhere(request):
            return None  # nobody waits for that host, and the first one would be asked again and again
        if self._stats is not None:
            self._stats.inc_value("tilth/another_try")
            self._stats.inc_value(f"tilth/another_try/{reason}")
        meta: dict[str, Any] = request.meta
        now = self.hosts.wall()
        again = put_back(request, now if closed else max(now + pause, self.hosts.ready_at(host)), tries=tries)
        # Names that Scrapy's own retry gives, for what else looks at them.
        again.meta["retry_times"] = meta.get("retry_times", 0) + 1
        return again
