"""A download handler of Scrapy: requests with `meta["playwright"]` are drawn by Chromium, the others go as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.utils.misc import build_from_crawler, load_object

from crawlers.browser.answers import Browsers

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

PLAIN = "BROWSER_PLAIN_HANDLER"
"""The setting that names the handler of the requests that are not drawn, for each scheme."""


class MixedDownloadHandler(BaseDownloadHandler):
    """Gives each request to the browser or to the ordinary handler."""

    lazy = True

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._plain: Any = build_from_crawler(load_object(crawler.settings[PLAIN]), crawler)
        self._browsers = Browsers.of(crawler)

    async def download_request(self, request: Request) -> Response:
        """The page as it was drawn (with the flag `playwright`), or the answer as it was sent.

        Raises:
            BrowserLost: The browser died or hung; another try may do.
        """
        if request.meta.get("playwright"):
            return await self._browsers.response(request)
        if request.meta.get("session_of") is None:
            return await self._plain.download_request(request)
        signed = await self._browsers.with_session(request)
        response = await self._plain.download_request(signed)
        request.meta["download_latency"] = signed.meta.get("download_latency")
        return self._browsers.of_session(request, response)

    async def close(self) -> None:
        """End the browsers."""
        await self._plain.close()
        await self._browsers.close()
