"""What a spider says so that a page is drawn by a real Chromium: the crawl's settings and a request's meta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crawlers.browser.steps import DrawnSource

HANDLER = "crawlers.browser.download.MixedDownloadHandler"
ORDINARY = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"


@dataclass(frozen=True)
class Wanted:
    """How a page is drawn."""

    source: DrawnSource
    timeout: float


def browser_settings(plain: str = ORDINARY) -> dict[str, Any]:
    """The Scrapy settings of a crawl in which some pages are drawn by the browser.

    Args:
        plain: The download handler of all other requests.

    Raises:
        BrowserMissing: This machine has none.
    """
    from crawlers.browser.executable import find_browser

    find_browser()
    return {"DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER}, "BROWSER_PLAIN_HANDLER": plain}


def browser_meta(source: DrawnSource, timeout: float) -> dict[str, Any]:
    """The `Request.meta` that has a page drawn; `browser_notes` tells later what could not be done on it."""
    return {
        "playwright": True,
        "browser": Wanted(source, timeout),
        "browser_notes": {},
        # A page with all that it asks for takes longer than an answer: that says nothing about the server.
        "autothrottle_dont_adjust_delay": True,
    }


def session_meta(source: DrawnSource) -> dict[str, Any]:
    """The `Request.meta` by which a page that is not drawn goes with the session of its source's login."""
    return {"session_of": source} if source.login is not None else {}
