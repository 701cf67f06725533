"""The spider of a site: asks for pages, follows their links, and puts each page with its records into the outbox."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from crawlers.crawl_spec import CrawlSpec
from crawlers.extraction.page import Extraction, extract
from crawlers.frontier.file import Frontier
from crawlers.extraction.html_text import why_not_html
from crawlers.page_error import PageLimitReached, describe
from crawlers.scope import Scope, canonical_url
from crawlers.site_source import SiteSource
from crawlers.warc import WarcFile
from store.errors import TilthError
from store.page_id import page_id

NOTHING = Extraction((), (), 0, 0)


class SiteSpider(Spider):
    """Crawls one `SiteSource`.

    Attributes:
        fatal: What made the crawl impossible to go on, such as a full disk; else None.
    """

    name = "site"

    def __init__(self, spec: CrawlSpec, frontier: Frontier, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.frontier = frontier
        self.source = SiteSource.declare(spec.source)
        self.scope = Scope(self.source)
        about = {
            "software": spec.user_agent,
            "format": "WARC File Format 1.1",
            "robots": "obey",
            "isPartOf": self.source.name,
        }
        self.warc = WarcFile(Path(spec.project_folder), self.source.name, about)
        self.fatal: Exception | None = None
        self._full = False

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> SiteSpider:
        """As Scrapy makes it."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.dropped, signals.request_dropped)
        return spider

    @staticmethod
    def extra_settings(source: SiteSource) -> dict[str, Any]:
        """The Scrapy settings that this source needs beside those of every crawl."""
        if source.render != "browser":
            return {}
        from crawlers.browser.page import browser_settings

        return browser_settings()

    async def start(self) -> AsyncIterator[Request]:
        """The start pages."""
        for url in sorted(self.scope.starts):
            yield self._request(url)

    def parse(self, response: Response, **_: Any) -> Iterator[Request]:
        """Keep a page that was answered, and ask for what it links to."""
        request = response.request
        assert request is not None
        error = self._what_is_wrong(response)
        extraction = NOTHING
        if error is None:
            extraction, error = self._extract(response)
            error = error or request.meta.get("browser_notes", {}).get("waiting")
        self._keep(request, error, response=response, extraction=extraction)
        if self._full or request.meta.get("depth", 0) >= self.source.max_depth:
            return
        for url in extraction.links:
            if self.scope.why_not(url) is None:
                yield self._request(url)

    def failed(self, failure: Failure) -> None:
        """Keep a page that could not be had, with the reason."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        assert error is not None
        if isinstance(error, PageLimitReached):
            self._full = True
            return
        if self.fatal is not None:
            return
        blocked = request.meta.get("browser_notes", {}).get("blocked")
        if blocked:
            said = f"redirect: it leads to {blocked[0]}, and {blocked[1]}"
        else:
            spec = self.spec
            said = describe(error, url=request.url, timeout=spec.timeout, max_bytes=spec.max_bytes)
        self._keep(request, said)

    def dropped(self, request: Request, **_: Any) -> None:
        """Keep a page that redirects to one which is asked for anyway; the target is not fetched a second time."""
        if "redirect_times" in request.meta:
            asked = request.meta["asked"]
            loops = canonical_url(request.url) in {canonical_url(url) for url in request.meta["redirect_urls"]}
            self._keep(request, f"redirect: {asked} redirects in a circle" if loops else None)

    def give_up(self, error: Exception) -> None:
        """End the crawl: going on would lose what is fetched."""
        if self.fatal is None:
            self.fatal = error
            engine = self.crawler.engine
            assert engine is not None
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason="gave up"))

    def closed(self, _reason: str) -> None:
        """Scrapy calls this at the end."""
        self.warc.close()

    def _request(self, url: str) -> Request:
        meta: dict[str, Any] = {"asked": url}
        if self.source.render == "browser":
            from crawlers.browser.page import browser_meta

            meta |= browser_meta(self, self.source, self.spec.timeout)
        return Request(url, callback=self.parse, errback=self.failed, meta=meta)

    def _what_is_wrong(self, response: Response) -> str | None:
        if not 200 <= response.status < 300:
            return f"status: the server answered {response.status}"
        why = why_not_html(_header(response, "Content-Type"), response.body)
        return f"not-html: {why}" if why else None

    def _extract(self, response: Response) -> tuple[Extraction, str | None]:
        body, kind = _body(response), _header(response, "Content-Type")
        if "playwright" in response.flags:
            kind = "text/html; charset=utf-8"
        try:
            return extract(self.source, response.url, body, kind), None
        except Exception as error:  # whatever a page does to the parsers is this page's trouble alone
            self.logger.warning("Extraction failed on %s", response.url, exc_info=True)
            return NOTHING, f"extract: {type(error).__name__}: {str(error)[:200]}"

    def _keep(
        self,
        request: Request,
        error: str | None,
        *,
        response: Response | None = None,
        extraction: Extraction = NOTHING,
    ) -> None:
        row = self._page_row(request, response, error)
        tally = {"items": extraction.items, "empty": extraction.empty, "unmatched": dict(extraction.unmatched)}
        try:
            self.frontier.add_page(self.spec.run_id, self.spec.source_id, row, tally, extraction.records)
        except (sqlite3.Error, TilthError) as trouble:
            self.give_up(trouble)

    def _page_row(self, request: Request, response: Response | None, error: str | None) -> Mapping[str, Any]:
        meta = request.meta
        at = meta.get("fetched_at") or datetime.now(UTC)
        status, headers = meta.get("answer", (None, {}))
        warc = meta.get("warc")
        url = response.url if response is not None else request.url
        body = _body(response) if response is not None else None
        return {
            "page_id": page_id(self.spec.source_id, meta["asked"], at),
            "url": meta["asked"],
            "final_url": canonical_url(url) if status is not None else None,
            "fetched_at": at.isoformat(timespec="microseconds"),
            "status": status,
            "content_type": headers.get("content-type"),
            "etag": headers.get("etag"),
            "last_modified": headers.get("last-modified"),
            "body_hash": hashlib.sha256(body).hexdigest() if body is not None else None,
            "body_bytes": len(body) if body is not None else None,
            "seconds": meta.get("download_latency"),
            "warc_file": warc.file if warc else None,
            "warc_offset": warc.offset if warc else None,
            "robots": meta.get("robots"),
            "rights": None,
            "rendered": self.source.render,
            "depth": meta.get("depth", 0),
            "error": error,
        }


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value is not None else None


def _body(response: Response) -> bytes:
    """What the page says: as sent, or as the browser drew it, which has no coding of its own and is kept as UTF-8."""
    if "playwright" in response.flags and isinstance(response, TextResponse):
        return response.text.encode()
    return response.body
