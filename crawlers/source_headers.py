"""The headers that a source wants sent, such as a token: to its own hosts, and never to where a redirect leads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.kinds import request_headers
from crawlers.scope import host_of


class SourceHeaders:
    """A downloader middleware behind every one that keeps or repeats a request: what it adds is on the wire alone."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._of_source: dict[str, dict[str, str]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SourceHeaders:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Add the headers of the request's source where its host is the source's own; else take them away."""
        ours: Any = self.crawler.spider
        run = ours.runs.get(request.meta.get("source"))
        if run is None:
            return
        if run.name not in self._of_source:
            self._of_source[run.name] = request_headers(run.source)
        # A redirect from https to http on one host would send it in the clear.
        own = _origin(request.url) in set(map(_origin, run.source.start))
        for name, value in self._of_source[run.name].items():
            if own:
                request.headers[name] = value
            else:
                request.headers.pop(name, None)


def _origin(url: str) -> tuple[str, str]:
    return urlsplit(url).scheme, host_of(url)
