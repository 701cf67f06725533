"""The one spider of a crawl: fetches for all its sources, has each page read, and ends it in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.asyncio import create_looping_call
from twisted.python.failure import Failure

from crawlers.browser.choice import Choices
from crawlers.crawl_spec import CrawlSpec
from crawlers.extraction.workers import PageReader
from crawlers.from_robots import begin_at_sites
from crawlers.frontier.file import Frontier
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import Queue, fingerprint
from crawlers.frontier.skipped import MAX_PAGES, SCOPE, reason
from crawlers.full_disk import is_full
from crawlers.live import Tally, write_live
from crawlers.page import Link
from crawlers.page_end import PageEnds, wanted_by
from crawlers.page_error import describe
from crawlers.page_reading import PageReading
from crawlers.page_request import page_request
from crawlers.page_row import PageEnd, fetched_page
from crawlers.scheduling.scheduler import FrontierScheduler
from crawlers.scope import Scope, canonical_url, host_of
from crawlers.source_run import IMAGE, SourceRun
from crawlers.warc import WarcFile
from store.errors import TilthError

SECONDS_BETWEEN_WORDS = 1.0
ENOUGH = reason(MAX_PAGES, "the source has fetched as many pages as it may")


class CrawlSpider(Spider):
    """Crawls the sources of a `CrawlSpec`.

    Attributes:
        runs: Its sources by name.
        fatal: What made the crawl impossible to go on, such as a full disk; else None.
    """

    name = "tilth"

    def __init__(self, spec: CrawlSpec, frontier: Frontier, reader: PageReader, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spec = spec
        self.frontier = frontier
        self.queue = Queue(frontier)
        self.passes = Passes(frontier)
        self.folder = Path(spec.project_folder)
        self.runs = {run.name: run for run in (SourceRun.of(one, frontier) for one in spec.sources)}
        self.choices = Choices(frontier)
        self.reading = PageReading(self.folder, reader, self.choices)
        self.ends = PageEnds(frontier, spec.run_id)
        self.tally = Tally(spec.run_id)
        self.fatal: Exception | None = None
        self._telling: Any = None
        self._warcs: dict[str, WarcFile] = {}
        for run in self.runs.values():
            self._begin(run)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> CrawlSpider:
        """As Scrapy makes it."""
        from crawlers.manners.hosts import Hosts

        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.hosts = Hosts(spider.frontier, per_host=spider.spec.limits.per_host)  # type: ignore[attr-defined]
        crawler.signals.connect(spider.dropped, signals.request_dropped)
        crawler.signals.connect(spider.opened, signals.spider_opened)
        return spider

    @property
    def source_names(self) -> Sequence[str]:
        """For the scheduler: whose requests it gives out."""
        return list(self.runs)

    async def start(self) -> AsyncIterator[Request]:
        """Nothing: start pages are queued already, or as soon as robots.txt has said where they are."""
        await begin_at_sites(self.crawler, list(self.runs.values()), self._begin_at)
        return
        yield

    # -- what the scheduler asks ----------------------------------------------------------------------------------
    def may_take(self, source: str) -> bool:
        """Whether one more request of the source may be taken, as far as its `max_pages` goes."""
        run = self.runs[source]
        in_hand = self._scheduler.in_hand.values()
        pages = sum(1 for hand in in_hand if hand.source == source and hand.request.meta["role"] != IMAGE)
        if run.closed or run.pages + pages < run.source.max_pages:
            return True
        if pages:
            return False  # one of these may turn out not to count
        run.closed = True
        if self.queue.skip_queued(source, ENOUGH, but=IMAGE):
            self._scheduler.count_waiting()
        return True

    def request_of(self, row: sqlite3.Row) -> Request | None:
        """The Scrapy request of a row; None where its source no longer goes there, and then it is skipped."""
        run = self.runs[row["source"]]
        away = run.why_not(row["url"], row["role"])
        why = reason(SCOPE, away) if away else None
        if why is None and row["depth"] and row["fetched_at"] is None:  # a page that is known may have changed
            why = run.caps.closed(row["url"])
        if why is not None:
            self.queue.skip(row["id"], why)
            return None
        return page_request(self, run, row)

    def is_asked_anyway(self, request: Request) -> bool:
        """Whether a redirect leads to a URL that its source asks for by itself in this pass, or in a circle."""
        meta, url = request.meta, canonical_url(request.url)
        _, headers = meta.get("answer", (None, {}))
        meta["cookie_came"] = meta.get("cookie_came", False) or "set-cookie" in headers
        row = self.queue.known(meta["source"], meta["role"], url) if url else None
        if row is None or row["state"] == "skipped":
            return False
        if row["id"] == meta["frontier_id"]:  # back to where it came from, which once may be for a cookie's sake
            return _hops(request).count(url) >= (2 if meta["cookie_came"] else 1)
        return row["state"] != "done" or row["pass"] == self.runs[meta["source"]].number

    # -- what Scrapy tells ----------------------------------------------------------------------------------------
    def opened(self) -> None:
        """Scrapy calls this at the begin."""
        self._telling = create_looping_call(self._tell)
        self._telling.start(SECONDS_BETWEEN_WORDS)

    async def parse(self, response: Response, **_: Any) -> None:
        """Have a page read that was answered, and keep it."""
        request = response.request
        assert request is not None
        try:
            end = await self.reading.read(self.crawler, self.runs[request.meta["source"]], request, response)
        except Exception as error:  # a page's trouble is its own; the crawl goes on
            if is_full(error):
                self.give_up(error)
                return
            self.logger.warning("Reading failed on %s", response.url, exc_info=True)
            end = PageEnd(f"extract: {type(error).__name__}: {str(error)[:200]}", page=fetched_page(request, response))
        self._keep(request, end)

    def failed(self, failure: Failure) -> None:
        """Keep a page that could not be had, with the reason."""
        request: Request = failure.request  # type: ignore[attr-defined]
        error = failure.value
        assert error is not None
        if self.fatal is not None:
            return
        blocked = request.meta.get("browser_notes", {}).get("blocked")
        if blocked:
            said = f"redirect: it leads to {blocked[0]}, and {blocked[1]}"
        elif isinstance(error, ValueError) and 300 <= (request.meta.get("answer", (0, {}))[0]) < 400:
            said = "redirect: its Location is no URL"
        else:
            spec = self.spec
            said = describe(error, url=request.url, timeout=spec.timeout, max_bytes=spec.max_bytes)
        self._keep(request, PageEnd(said))

    def dropped(self, request: Request, **_: Any) -> None:
        """Keep a page that redirects to one which is asked for anyway; the target is not fetched a second time."""
        if "redirect_times" in request.meta and "frontier_id" in request.meta:
            asked = request.meta["asked"]
            loops = canonical_url(request.url) in _hops(request)
            self._keep(request, PageEnd(f"redirect: {asked} redirects in a circle" if loops else None))

    def give_up(self, error: Exception) -> None:
        """End the crawl: going on would lose what is fetched."""
        if self.fatal is None:
            self.fatal = error
            engine = self.crawler.engine
            assert engine is not None
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason="gave up"))

    async def closed(self, reason: str) -> None:
        """Scrapy calls this at the end."""
        if self._telling is not None and self._telling.running:
            self._telling.stop()
        self._tell(ended=True)
        for warc in self._warcs.values():
            warc.close()
        if reason == "finished" and self.fatal is None:
            closed = self._scheduler.hosts.closed_hosts().keys()
            for run in self.runs.values():
                # The next crawl goes on where a start host gave pages; others, such as one that images lie on, may
                # never answer, and what they have left goes into the next pass.
                self.passes.end(run.name, but=closed - run.answered)

    # -- what middlewares ask -------------------------------------------------------------------------------------
    def warc_of(self, request: Request) -> WarcFile:
        """The file in which the answers to a request are kept: its source's, or that of the hosts' own files."""
        name = request.meta.get("source", "hosts")
        if name not in self._warcs:
            about = {"software": self.spec.user_agent, "format": "WARC File Format 1.1", "robots": "obey"}
            self._warcs[name] = WarcFile(self.folder, name, about | {"isPartOf": name})
        return self._warcs[name]

    def scope_of(self, request: Request) -> Scope | None:
        """The bounds of the source that a request is for."""
        run = self.runs.get(request.meta.get("source", ""))
        return run.scope if run is not None else None

    # -------------------------------------------------------------------------------------------------------------
    @property
    def _scheduler(self) -> FrontierScheduler:
        engine = self.crawler.engine
        assert engine is not None and isinstance(engine.scheduler, FrontierScheduler)
        return engine.scheduler

    def _tell(self, *, ended: bool = False) -> None:
        try:
            kept = sum(warc.size for warc in self._warcs.values())
            write_live(self.frontier, self.tally.state(self._scheduler, kept, ended=ended))
        except (sqlite3.Error, TilthError) as trouble:
            self.give_up(trouble)

    def _begin(self, run: SourceRun) -> None:
        begun = self.passes.begin(run.name, run.source_id, recrawl_after=run.recrawl_after)
        run.number, run.pages = begun.number, begun.pages
        links: list[Link] = run.module.start(run.source)
        self.passes.leave_starts(run.name, run.source_id, [fingerprint(link.role, link.url) for link in links])
        self._queue_starts(run, links)

    def _begin_at(self, run: SourceRun, links: Sequence[Link]) -> None:
        """Begin with these links too, while the crawl goes on already."""
        try:
            self._queue_starts(run, links)
            for link in links:
                self._scheduler.stir(run.name, host_of(link.url))
            self._scheduler.count_waiting()
        except (sqlite3.Error, TilthError) as trouble:
            self.give_up(trouble)

    def _queue_starts(self, run: SourceRun, links: Sequence[Link]) -> None:
        run.starts |= {host_of(link.url) for link in links}
        with self.frontier.transaction():
            self.queue.add([wanted_by(run, link, 0) for link in links], run.number)
            self.passes.ask_again(run.name, run.number, [fingerprint(link.role, link.url) for link in links])

    def _keep(self, request: Request, end: PageEnd) -> None:
        if self.fatal is not None:
            return
        meta = request.meta
        run = self.runs[meta["source"]]
        try:
            kept = self.ends.keep(run, request, end)
        except (sqlite3.Error, TilthError) as trouble:
            self.give_up(trouble)
            return
        for wanted in kept.new:
            self._scheduler.stir(run.name, wanted.host)
        self._scheduler.let_go(meta["frontier_id"])
        run.pages += kept.counts
        if kept.error is None and host_of(meta["asked"]) in run.starts:
            run.answered.add(host_of(meta["asked"]))
        self.tally.too_deep.update({run.name: kept.too_deep} if kept.too_deep else {})
        error = "robots: " if meta.get("robots") == "disallowed" else kept.error
        self.tally.count(host_of(meta["asked"]), kept.records, error, kept.seconds)


def _hops(request: Request) -> list[str | None]:
    """The URLs that a redirect came through, from the one that was asked for."""
    return [canonical_url(url) for url in request.meta["redirect_urls"]]
