"""A page as a real Chromium draws it, by scrapy-playwright: few tabs, no decoration, no way out of the scope."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawlers.bounds import outside
from crawlers.browser.executable import find_browser
from crawlers.manners.robots import RobotsAndDelay
from crawlers.site_source import SiteSource

if TYPE_CHECKING:
    from playwright.async_api import Page
    from playwright.async_api import Request as BrowserRequest

    from crawlers.spider import CrawlSpider

DECORATION = frozenset({"image", "font", "media"})


def browser_settings() -> dict[str, Any]:
    """The Scrapy settings of a source that is drawn by the browser.

    Raises:
        BrowserMissing: This machine has none.
    """
    browser = find_browser()
    # On two cores one tab draws more pages than four do.
    tabs = max(1, min(4, (os.cpu_count() or 2) // 2))
    handler = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
    return {
        "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
        "CONCURRENT_REQUESTS": tabs,
        "CONCURRENT_REQUESTS_PER_DOMAIN": tabs,
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": tabs,
        "PLAYWRIGHT_LAUNCH_OPTIONS": {
            "executable_path": str(browser.path),
            "args": [*browser.args, "--block-new-web-contents"],
            "handle_sigint": False,
            "handle_sigterm": False,
            "handle_sighup": False,
        },
        # A service worker's requests would pass by the guard.
        "PLAYWRIGHT_CONTEXTS": {"default": {"service_workers": "block", "accept_downloads": False}},
        "PLAYWRIGHT_ABORT_REQUEST": is_decoration,
    }


def is_decoration(request: BrowserRequest) -> bool:
    """Whether the browser wants something that adds no text to a page."""
    return request.resource_type in DECORATION


def browser_meta(spider: CrawlSpider, source: SiteSource, timeout: float) -> dict[str, Any]:
    """The `Request.meta` that has a page drawn by the browser."""
    from scrapy_playwright.page import PageMethod

    meta: dict[str, Any] = {"playwright": True, "playwright_page_goto_kwargs": {"timeout": timeout * 1000}}
    notes: dict[str, Any] = {}
    meta["browser_notes"] = notes
    meta["playwright_page_init_callback"] = _guard(spider, source, notes)
    if source.wait_for is not None:
        meta["playwright_page_methods"] = [PageMethod(_wait_for(source.wait_for, timeout, notes))]
    return meta


def _wait_for(selector: str, timeout: float, notes: dict[str, Any]) -> Callable[[Page], Coroutine[Any, Any, None]]:
    async def wait(page: Page) -> None:
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        try:
            await page.wait_for_selector(selector, state="attached", timeout=timeout * 1000)
        except PlaywrightTimeout:
            # The page is kept as it stands: it may show why.
            notes["waiting"] = f'wait-for: nothing matched "{selector}" within {timeout:g} s'

    return wait


def _guard(
    spider: CrawlSpider, source: SiteSource, notes: dict[str, Any]
) -> Callable[[Page, Request], Coroutine[Any, Any, None]]:
    """Before each document that a tab is about to load, redirects too: is it inside, and does robots.txt allow it?

    Playwright's own routes do not see redirects; Chromium's Fetch domain does.
    """

    async def guard(page: Page, _request: Request) -> None:
        try:
            session = await page.context.new_cdp_session(page)
            session.on("Fetch.requestPaused", lambda event: judged(session, event))
            await session.send("Fetch.enable", {"patterns": [{"resourceType": "Document", "requestStage": "Request"}]})
        except BaseException:
            await page.close()  # without its guard the page must not be loaded
            raise

    def judged(session: Any, event: dict[str, Any]) -> None:
        task = asyncio.ensure_future(judge(session, event))
        running.add(task)
        task.add_done_callback(running.discard)

    async def judge(session: Any, event: dict[str, Any]) -> None:
        from playwright.async_api import Error as PlaywrightError

        url = event["request"]["url"]
        why = None
        if url.startswith(("http:", "https:")):
            why = outside(spider.runs[source.name].scope, url)
            robots = spider.crawler.get_downloader_middleware(RobotsAndDelay)
            if why is None and robots is not None and not await robots.allows(url):
                why = "robots.txt disallows it"
        try:
            if why is None:
                await session.send("Fetch.continueRequest", {"requestId": event["requestId"]})
            else:
                notes.setdefault("blocked", (url, why))
                await session.send(
                    "Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "BlockedByClient"}
                )
        except PlaywrightError:
            return  # the page was closed meanwhile, and with it the request

    running: set[asyncio.Task[None]] = set()
    return guard
