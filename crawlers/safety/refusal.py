"""Refuses a request before anything is done for it: of a host inside, not even robots.txt is asked for."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.utils.httpobj import urlparse_cached

from crawlers.safety.gate import PORTS
from crawlers.safety.of_crawl import gate_of, source_of


class RefuseUnsafe:
    """A downloader middleware; the connection is checked by itself, for pages in the browser too."""

    def __init__(self, crawler: Crawler) -> None:
        self._gate = gate_of(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RefuseUnsafe:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise `UnsafeAddress` for a host that is at no address that the request's source may reach."""
        parts = urlparse_cached(request)
        if parts.hostname and parts.scheme in PORTS:
            port = parts.port or PORTS[parts.scheme]
            await self._gate.addresses(parts.hostname, port, source_of(request))
