"""What a spider says so that a page is drawn by a real Chromium: the crawl's settings and a request's meta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crawlers.browser.steps import DrawnSource

HANDLER = "crawlers.browser.download.MixedDownloadHandler"
ORDINARY = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"


@dataclass(frozen=True)
class Wanted:
    """How a page is drawn: as its source says."""

    source: DrawnSource


def browser_settings(others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The Scrapy settings of a crawl in which some pages are drawn by the browser, beside the `others`.

    Requests that are not drawn go to the download handler that the others name for `http`.

    Raises:
        BrowserMissing: This machine has none.
    """
    from crawlers.browser.executable import find_browser

    find_browser()
    handlers = dict((others or {}).get("DOWNLOAD_HANDLERS", {}))
    return {
        "BROWSER_PLAIN_HANDLER": handlers.get("http", ORDINARY),
        "DOWNLOAD_HANDLERS": {**handlers, "http": HANDLER, "https": HANDLER},
    }


def browser_meta(source: DrawnSource) -> dict[str, Any]:
    """The `Request.meta` that has a page drawn; `browser_notes` tells later what could not be done on it."""
    return {
        "playwright": True,
        "browser": Wanted(source),
        "browser_notes": {},
        # A page with all that it asks for takes longer than an answer: that says nothing about the server.
        "autothrottle_dont_adjust_delay": True,
    }


def session_meta(source: DrawnSource) -> dict[str, Any]:
    """The `Request.meta` by which a page that is not drawn goes with the session of its source's login."""
    return {"session_of": source} if source.login is not None else {}
