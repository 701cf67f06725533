"""A page of a source with `render = "auto"` that came over HTTP: drawn as well where that may give more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.browser.choice import Choices, Reading, better
from crawlers.browser.page import browser_meta
from crawlers.browser.steps import DrawnSource
from crawlers.extraction.html_text import why_not_html
from crawlers.page import Extraction, FetchedPage
from crawlers.page_row import fetched_page

OF_THE_ANSWER = ("warc", "fetched_at", "answer", "download_latency", "browser_notes", "playwright", "rights")
"""What middlewares leave in the meta of the request whose answer is kept."""

Read = Callable[[Any, FetchedPage], Awaitable[Extraction]]


async def better_way(
    crawler: Crawler,
    choices: Choices,
    source: DrawnSource,
    request: Request,
    page: FetchedPage,
    extraction: Extraction,
    read: Read,
) -> tuple[FetchedPage, Extraction]:
    """The page as it came, or as the browser draws it where that gives more; `request.meta` is then of that answer.

    What fails leaves the page as it came, and teaches nothing.

    Args:
        crawler: Whose downloader draws it, so that it meets the same middlewares.
        choices: What is known of such pages.
        source: With `render = "auto"`.
        request: As it was answered over HTTP, with `meta["render"]` of `choices.choose`.
        page, extraction: What was answered, and what it gave.
        read: Reads a page of a source.
    """
    kind = page.content_type
    if extraction.error is not None or why_not_html(kind, page.body) is not None:
        return page, extraction
    if request.meta["render"] != "both" and not choices.needs_browser(source.name, page.url, page.body):
        return page, extraction
    again = request.replace(dont_filter=True, headers={})
    for name in ("frontier_id", "session_of", *OF_THE_ANSWER):
        again.meta.pop(name, None)
    again.meta.update(browser_meta(source), dont_retry=True)
    assert crawler.engine is not None
    try:
        response = await crawler.engine.download_async(again)
    except Exception:  # noqa: BLE001 - whatever became of it, the page is there already
        choices.failed(source.name, page.url)
        return page, extraction
    drawn = fetched_page(again, response)
    read_so = await read(source, drawn) if 200 <= drawn.status < 300 and not again.meta["browser_notes"] else None
    if read_so is None or read_so.error is not None:
        choices.failed(source.name, page.url)
        return page, extraction
    choices.learn(source.name, page.url, page.body, Reading.of(extraction), Reading.of(read_so))
    if better(extraction, read_so) == "http":
        return page, extraction
    for name in OF_THE_ANSWER:
        request.meta[name] = again.meta.get(name)
    return drawn, read_so
