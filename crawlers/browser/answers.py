"""What the download handler asks of the browser: drawn pages as responses, and sessions for the other requests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
)
from scrapy.http import HtmlResponse, Response

from crawlers.bounds import outside
from crawlers.browser.chromium import ContextKey
from crawlers.browser.drawing import Blocked, Drawn, Order, TooLarge
from crawlers.browser.guard import Turn
from crawlers.browser.pool import BrowserPool
from crawlers.browser.sessions import Sessions
from crawlers.browser.steps import DrawnSource
from crawlers.manners.robots import RobotsAndDelay
from crawlers.manners.turns import hosts_of
from crawlers.page_error import LoginFailed, OutOfScope

PATIENCE = 30.0
"""Seconds that a page waits in its browser for a turn of a host; a page whose host is further off goes back."""
NOT_OF_A_DRAWN_PAGE = frozenset({"content-encoding", "content-length", "transfer-encoding", "set-cookie"})
TRANSPORT = {
    "ERR_CONNECTION_REFUSED": DownloadConnectionRefusedError,
    "ERR_NAME_NOT_RESOLVED": CannotResolveHostError,
    "ERR_CONNECTION_RESET": DownloadFailedError,
    "ERR_CONNECTION_CLOSED": DownloadFailedError,
    "ERR_EMPTY_RESPONSE": DownloadFailedError,
}


class Browsers:
    """The browsers and the sessions of a crawl."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self._crawler = crawler
        self._max_bytes = settings.getint("DOWNLOAD_MAXSIZE")
        self._agent = settings.get("USER_AGENT")
        self._pool = BrowserPool(
            at_once=settings.getint("BROWSER_TABS") or None,
            turns=self._turn,
            args=settings.getlist("BROWSER_ARGS"),
            most_pages=settings.getint("BROWSER_MOST_PAGES", 100),
            most_memory=settings.getint("BROWSER_MOST_MEMORY", 1_500 * 2**20),
        )
        self._sessions = Sessions(Path(getattr(crawler.spider, "folder", ".")))
        self._logging_in: dict[str, asyncio.Lock] = {}
        self._failed: dict[str, LoginFailed] = {}

    @classmethod
    def of(cls, crawler: Crawler) -> Browsers:
        """The crawler's, made when first asked for: its handlers of `http` and `https` share them."""
        known: Browsers | None = getattr(crawler, "browsers", None)
        if known is None:
            known = cls(crawler)
            crawler.browsers = known  # type: ignore[attr-defined]
        return known

    async def response(self, request: Request) -> Response:
        """The page as the browser draws it.

        Raises:
            BrowserLost: The browser died or hung.
            TurnFarOff: The host may not be asked for a long time.
            LoginFailed: The source's login does not work.
            DownloadTimeoutError, DownloadCancelledError, DownloadFailedError, PlaywrightError: As `page_error` tells.
        """
        from playwright.async_api import Error as PlaywrightError

        source: DrawnSource = request.meta["browser"].source
        notes: dict[str, Any] = request.meta["browser_notes"]
        notes.clear()
        order = self._order(request, source)
        try:
            drawn = await self._drawn(order, source)
        except Blocked as blocked:
            notes["blocked"] = (blocked.url, blocked.why)
            raise OutOfScope(blocked.why) from blocked
        except TooLarge as error:
            raise DownloadCancelledError(str(error)) from error
        except PlaywrightError as error:
            found = re.search(r"net::(ERR_\w+)", str(error))
            if found is not None and found[1] in TRANSPORT:
                raise TRANSPORT[found[1]](f"the browser says {found[1]}") from error
            raise
        if drawn.notes:
            notes["waiting"] = "; ".join(drawn.notes)
        request.meta["download_latency"] = drawn.seconds
        return _response(request, drawn)

    async def with_session(self, request: Request) -> Request:
        """The request with the cookies of its source's session, which is begun where there is none yet."""
        source: DrawnSource | None = request.meta.get("session_of")
        if source is None or source.login is None:
            return request
        if self._sessions.state(source.name) is None:
            await self._log_in_somewhere(request, source, source.login)
        cookies = self._sessions.cookies(source.name, request.url)
        if not cookies:
            return request
        said = "; ".join(f"{name}={value}" for name, value in cookies.items())
        # A request of its own goes out: the one that middlewares see and keep has no secret in it.
        return request.replace(headers={**request.headers, "Cookie": said})

    async def close(self) -> None:
        """End the browsers."""
        await self._pool.close()

    # -- drawing ------------------------------------------------------------------------------------------------------
    def _order(self, request: Request, source: DrawnSource) -> Order:
        key = ContextKey(source.name)
        return Order(
            url=request.url,
            key=key,
            judge=self._judge(request),
            timeout=request.meta["browser"].timeout,
            max_bytes=self._max_bytes or 2**62,
            wait_for=source.wait_for,
            steps=tuple(source.steps),
            images=bool(source.images),
            context={"user_agent": self._agent} if self._agent else {},
        )

    async def _drawn(self, order: Order, source: DrawnSource) -> Drawn:
        return await self._pool.draw(order)

    def _turn(self, host: str) -> AbstractAsyncContextManager[Turn | None]:
        return hosts_of(self._crawler).turn(host, at_most=PATIENCE)

    def _judge(self, request: Request) -> Callable[[str], Any]:
        spider: Any = self._crawler.spider

        async def judge(url: str) -> str | None:
            scope = spider.scope_of(request)
            why = outside(scope, url) if scope is not None else None
            robots = self._crawler.get_downloader_middleware(RobotsAndDelay)
            if why is None and robots is not None and not await robots.allows(url):
                return "robots.txt disallows it"
            return why

        return judge


def _response(request: Request, drawn: Drawn) -> Response:
    headers: dict[str, list[str]] = {}
    for name, value in drawn.headers:
        if name.lower() not in NOT_OF_A_DRAWN_PAGE:
            headers.setdefault(name, []).append(value)
    return HtmlResponse(
        drawn.url,
        status=drawn.status,
        headers=headers,
        body=drawn.html.encode(),
        encoding="utf-8",
        flags=["playwright"],
        request=request,
    )
