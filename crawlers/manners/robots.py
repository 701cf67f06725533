"""robots.txt: Scrapy's middleware obeys it; here it also says what it found, and its Crawl-delay is kept."""

from __future__ import annotations

from typing import Any

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from crawlers.page_error import DisallowedByRobots

LONGEST_DELAY = 60.0
"""Seconds; a site that asks for more is asked that seldom."""


class RobotsAndDelay(RobotsTxtMiddleware):
    """Obeys robots.txt, writes the verdict into `request.meta["robots"]`, and keeps the Crawl-delay per host."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._found: set[str] = set()
        self._delays: dict[str, float] = {}
        crawler.signals.connect(self._parsed, signals.robots_parsed)

    async def process_request(self, request: Request) -> None:  # type: ignore[override]
        """Raise `DisallowedByRobots` for a URL that robots.txt disallows."""
        if request.meta.get("dont_obey_robotstxt"):
            return
        try:
            await super().process_request(request)
        except IgnoreRequest as error:
            request.meta["robots"] = "disallowed"
            raise DisallowedByRobots(str(error)) from error
        netloc = urlparse_cached(request).netloc
        request.meta["robots"] = "allowed" if netloc in self._found else "none"
        if netloc in self._delays:
            self._slow_down(request, self._delays[netloc])

    async def allows(self, url: str) -> bool:
        """Whether robots.txt of the URL's host allows it; fetched when it is not known yet."""
        try:
            await super().process_request(Request(url))
        except IgnoreRequest:
            return False
        return True

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if 200 <= response.status < 300:
            self._found.add(netloc)
        await super()._parse_robots(response, netloc, request)

    def _parsed(self, robotparser: RobotParser, request: Request, **_: Any) -> None:
        delay = robotparser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
        if delay:
            self._delays[urlparse_cached(request).netloc] = min(delay, LONGEST_DELAY)

    def _slow_down(self, request: Request, delay: float) -> None:
        engine = self.crawler.engine
        assert engine is not None
        _, slot = engine.downloader._get_slot(request)
        slot.delay, slot.jitter = max(slot.delay, delay), 0.0
        request.meta["autothrottle_dont_adjust_delay"] = True
