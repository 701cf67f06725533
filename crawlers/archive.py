"""Keeps every answer in the WARC file before anything else reads it: redirects, errors and robots.txt too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response


class Archive:
    """A downloader middleware, next to the network: there a body is as it was received, still compressed.

    Leaves in `request.meta`: `warc` (a `Position`), `fetched_at`, and `answer` (status and headers of the last
    answer), `sent` (its headers in order).
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Archive:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Forget what an earlier try or hop left in the request's meta."""
        for name in ("warc", "fetched_at", "answer", "sent", "download_latency"):
            request.meta.pop(name, None)

    def process_response(self, request: Request, response: Response) -> Response:
        """Write the answer; a full disk ends the crawl."""
        ours: Any = self.crawler.spider
        at = datetime.now(UTC)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        try:
            if "playwright" in response.flags:
                kind = "text/html; charset=utf-8" if hasattr(response, "text") else "application/octet-stream"
                body = response.text.encode() if hasattr(response, "text") else response.body
                position = ours.warc_of(request).write_drawn(response.url, body, content_type=kind, at=at)
            else:
                protocol = response.protocol or "HTTP/1.1"
                position = ours.warc_of(request).write_response(
                    response.url, response.status, headers, response.body, protocol=protocol, at=at
                )
        except OSError as error:
            ours.give_up(error)
            raise
        request.meta["warc"] = position
        request.meta["fetched_at"] = at
        sent = tuple((name.lower(), value) for name, value in headers)
        request.meta["sent"] = sent
        request.meta["answer"] = (response.status, dict(sent))
        return response
