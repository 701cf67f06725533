"""What the pages of a request may ask for: where its source goes, what is safe, and what robots.txt allows."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.bounds import outside
from crawlers.manners.hosts import TurnFarOff
from crawlers.manners.robots import RobotsAndDelay
from crawlers.manners.turns import hosts_of
from crawlers.safety.of_crawl import gate_of
from crawlers.scope import host_of

DISALLOWED = "robots.txt disallows it"


class Judges:
    """The judges of a request's page, for `crawlers.browser.drawing.Order`; both give a clause, or None."""

    def __init__(self, crawler: Crawler, request: Request) -> None:
        spider: Any = crawler.spider
        self._scope = spider.scope_of(request)
        self._source: str | None = request.meta.get("source")
        self._own_host = host_of(request.url)
        self._gate = gate_of(crawler)
        self._hosts = hosts_of(crawler)
        self._robots = crawler.get_downloader_middleware(RobotsAndDelay)

    async def document(self, url: str) -> str | None:
        """Why a document may not be loaded."""
        why = outside(self._scope, url) if self._scope is not None else None
        return why or await self.why_unsafe(url) or await self._why_disallowed(url)

    async def part(self, url: str) -> str | None:
        """Why a script, a style, an image or data may not be asked for: these may come from outside the bounds."""
        if await self.why_unsafe(url):
            return "the source may not go to where it is"
        why = self._why_left_out(url)
        if why is not None:
            return why
        try:
            return await self._why_disallowed(url)
        except TurnFarOff:  # its robots.txt cannot be had
            why = self._why_left_out(url)
            if why is None:
                raise
            return why

    async def why_unsafe(self, url: str) -> str | None:
        """Why the source may not go to where the URL's host is."""
        return await self._gate.why_not(url, self._source)

    def _why_left_out(self, url: str) -> str | None:
        """Why nothing is asked of another host than the page's: one that is down for all does not make half a page."""
        host = host_of(url)
        return None if host == self._own_host else self._hosts.closed(host)

    async def _why_disallowed(self, url: str) -> str | None:
        return None if self._robots is None or await self._robots.allows(url) else DISALLOWED
