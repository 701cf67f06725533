"""What the pages of a request may ask for: where its source goes, what is safe, and what robots.txt allows."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.bounds import outside
from crawlers.manners.robots import RobotsAndDelay
from crawlers.safety.of_crawl import gate_of

DISALLOWED = "robots.txt disallows it"


class Judges:
    """The judges of a request's page, for `crawlers.browser.drawing.Order`; both give a clause, or None."""

    def __init__(self, crawler: Crawler, request: Request) -> None:
        spider: Any = crawler.spider
        self._scope = spider.scope_of(request)
        self._source: str | None = request.meta.get("source")
        self._gate = gate_of(crawler)
        self._robots = crawler.get_downloader_middleware(RobotsAndDelay)

    async def document(self, url: str) -> str | None:
        """Why a document may not be loaded."""
        why = outside(self._scope, url) if self._scope is not None else None
        return why or await self.why_unsafe(url) or await self._why_disallowed(url)

    async def part(self, url: str) -> str | None:
        """Why a script, a style, an image or data may not be asked for: these may come from outside the bounds."""
        if await self.why_unsafe(url):
            return "the source may not go to where it is"
        return await self._why_disallowed(url)

    async def why_unsafe(self, url: str) -> str | None:
        """Why the source may not go to where the URL's host is."""
        return await self._gate.why_not(url, self._source)

    async def _why_disallowed(self, url: str) -> str | None:
        return None if self._robots is None or await self._robots.allows(url) else DISALLOWED
