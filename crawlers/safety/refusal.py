"""Refuses a request before anything is done for it: of a host inside, not even robots.txt is asked for."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.utils.httpobj import urlparse_cached

from crawlers.safety.gate import PORTS, Gate


class RefuseUnsafe:
    """A downloader middleware; the connection is checked by itself, for pages in the browser too."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RefuseUnsafe:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raise `UnsafeAddress` for a host that is at no address that the request's source may reach."""
        gate: Gate | None = getattr(self._crawler, "gate", None)
        parts = urlparse_cached(request)
        if gate is not None and parts.hostname and parts.scheme in PORTS:
            await gate.addresses(parts.hostname, parts.port or PORTS[parts.scheme], request.meta.get("source"))
