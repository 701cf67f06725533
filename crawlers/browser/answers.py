"""What the download handler asks of the browser: drawn pages as responses, and sessions for the other requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import HtmlResponse, Response

from crawlers.browser.chromium import Chromium, ContextKey
from crawlers.browser.drawing import Blocked, Drawn, Order, TooLarge, draw
from crawlers.browser.guard import Guard, Turn
from crawlers.browser.judging import DISALLOWED, Judges
from crawlers.browser.login import log_in, logged_out
from crawlers.browser.pool import MOST_MEMORY, MOST_PAGES, BrowserPool
from crawlers.browser.sessions import Sessions, State
from crawlers.browser.steps import DrawnSource, Login
from crawlers.browser.unreached import of_browser, of_egress
from crawlers.manners.hosts import TurnFarOff
from crawlers.manners.turns import hosts_of
from crawlers.page_error import BrowserLost, LoginFailed, OutOfScope, SessionOver, UnsafeAddress
from crawlers.rights.words import item
from crawlers.safety.egress import Egress
from crawlers.safety.of_crawl import egress_of
from crawlers.scope import host_of

NOT_OF_A_DRAWN_PAGE = frozenset({"content-encoding", "content-length", "transfer-encoding", "set-cookie"})


class Browsers:
    """The browsers and the sessions of a crawl; what the browsers ask for leaves through an `Egress` alone."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self._crawler = crawler
        self._max_bytes = settings.getint("DOWNLOAD_MAXSIZE") or 2**62
        self._timeout = settings.getfloat("DOWNLOAD_TIMEOUT")
        self._agent = settings.get("USER_AGENT")
        self._pool = BrowserPool(
            at_once=settings.getint("BROWSER_TABS") or None,
            turns=self._turn,
            args=self._arguments,
            most_pages=settings.getint("BROWSER_MOST_PAGES", MOST_PAGES),
            most_memory=settings.getint("BROWSER_MOST_MEMORY", MOST_MEMORY),
        )
        self._egress: Egress | None = None
        self._sessions = Sessions(Path(getattr(crawler.spider, "folder", ".")))
        self._beginning: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._refused: dict[str, LoginFailed] = {}

    @classmethod
    def of(cls, crawler: Crawler) -> Browsers:
        """The crawler's, made when first asked for: its handlers of `http` and `https` share them."""
        known: Browsers | None = getattr(crawler, "browsers", None)
        if known is None:
            known = cls(crawler)
            crawler.browsers = known  # type: ignore[attr-defined]
        return known

    async def close(self) -> None:
        """End the browsers."""
        await self._pool.close()

    # -- drawn pages --------------------------------------------------------------------------------------------------
    async def response(self, request: Request) -> Response:
        """The page as the browser draws it, with the flag `playwright`.

        Raises:
            BrowserLost: The browser died or hung.
            TurnFarOff: The host may not be asked for a long time.
            LoginFailed: The source's login does not work.
            UnsafeAddress: It leads to an address where the source may not go.
            OutOfScope: It leads where it may not go; `browser_notes["blocked"]` says where.
            DownloadTimeoutError, DownloadCancelledError, DownloadFailedError, PlaywrightError: As `page_error` tells.
        """
        from playwright.async_api import Error as PlaywrightError

        source: DrawnSource = request.meta["browser"].source
        notes: dict[str, Any] = request.meta["browser_notes"]
        notes.clear()
        try:
            async with self._pool.browser() as (chromium, guard):
                order = self._order(request, source)
                if source.login is None:
                    drawn = await draw(chromium, guard, order)
                else:
                    drawn = await self._draw_in_session(chromium, guard, order, source.login)
        except TurnFarOff as far:
            closed = hosts_of(self._crawler).closed(far.host)
            if closed is None or far.host == host_of(request.url):
                raise
            # Nobody waits for that host, and the first one would be asked again and again.
            raise OutOfScope(f"{far.host} is left for the next crawl: {closed}") from far
        except Blocked as blocked:
            unsafe = await Judges(self._crawler, request).why_unsafe(blocked.url)
            if unsafe is not None:
                raise UnsafeAddress(unsafe) from blocked
            notes["blocked"] = (blocked.url, blocked.why)
            raise OutOfScope(blocked.why) from blocked
        except TooLarge as error:
            raise DownloadCancelledError(str(error)) from error
        except PlaywrightError as error:
            why = self._why_it_did_not_come(request, str(error))
            if why is None:
                raise
            raise why from error
        if drawn.notes:
            notes["waiting"] = "; ".join(drawn.notes)
        _note_disallowed(request, drawn)
        request.meta["download_latency"] = drawn.seconds
        return _response(request, drawn)

    def _order(self, request: Request, source: DrawnSource) -> Order:
        context: dict[str, Any] = {"user_agent": self._agent} if self._agent else {}
        signs_in, judges = None, Judges(self._crawler, request)
        proxy = request.meta.get("proxy")
        if self._egress is not None:
            upstream = getattr(self._crawler, "proxies", {})[proxy] if proxy is not None else None
            way = self._egress.proxy_option(source.name, upstream)
            # Given to Playwright, the password would have it look at every request once more, and cache none.
            context["proxy"] = {"server": way["server"], "bypass": way["bypass"]}
            signs_in = (way["username"], way["password"])
        return Order(
            url=request.url,
            key=ContextKey(source.name, proxy),
            judge=judges.document,
            judge_part=judges.part,
            timeout=self._timeout,
            max_bytes=self._max_bytes,
            wait_for=source.wait_for,
            steps=tuple(source.steps),
            images=bool(source.images),
            context=context,
            signs_in=signs_in,
        )

    async def _arguments(self) -> tuple[str, ...]:
        self._egress = await egress_of(self._crawler)
        return self._egress.launch_args()

    def _turn(self, host: str, at_most: float) -> AbstractAsyncContextManager[Turn | None]:
        return hosts_of(self._crawler).turn(host, at_most=at_most)

    def _why_it_did_not_come(self, request: Request, said: str) -> Exception | None:
        """What kept a page from coming: the egress knows more of it than the browser, which says `said`."""
        source, proxy = request.meta["browser"].source, request.meta.get("proxy")
        trouble = self._egress.trouble_of(source.name, request.url) if self._egress is not None else None
        return of_egress(trouble) if trouble is not None else of_browser(said, proxy)

    # -- sessions -----------------------------------------------------------------------------------------------------
    async def with_session(self, request: Request) -> Request:
        """The request with the cookies of its source's session, which is begun where there is none."""
        source: DrawnSource = request.meta["session_of"]
        if source.login is None:
            return request
        if self._sessions.state(source.name) is None:
            async with self._pool.browser() as (chromium, guard):
                await self._begin_session(chromium, guard, self._order(request, source), source.login)
        request.meta["session"] = self._sessions.number(source.name)
        cookies = self._sessions.cookies(source.name, request.url)
        if not cookies:
            return request
        # The request that middlewares see, and may keep, stays without the secret.
        signed = request.replace(headers=request.headers.copy())
        said = [f"{name}={value}" for name, value in cookies.items()]
        signed.headers["Cookie"] = "; ".join([*map(bytes.decode, request.headers.getlist("Cookie")), *said])
        return signed

    def of_session(self, request: Request, response: Response) -> Response:
        """The answer to a request that went with a session, without cookies to keep.

        Raises:
            SessionOver: It says that the session is over.
        """
        source: DrawnSource = request.meta["session_of"]
        response.headers.pop("Set-Cookie", None)
        if source.login is None:
            return response
        url, html = response.url, response.text if isinstance(response, HtmlResponse) else ""
        if 300 <= response.status < 400 and "Location" in response.headers:
            url = response.urljoin((response.headers["Location"] or b"").decode("latin-1"))
        if logged_out(source.login, url, html):
            self._sessions.end(source.name, request.meta["session"])
            raise SessionOver(f"{request.url} was answered as to somebody who is not logged in")
        return response

    async def _draw_in_session(self, chromium: Chromium, guard: Guard, order: Order, login: Login) -> Drawn:
        """Draw a page; where it shows that the session is over, log in and draw it once more."""
        source = order.key.source
        for last in (False, True):
            order = await self._begin_session(chromium, guard, order, login)
            number = self._sessions.number(source)
            drawn = await draw(chromium, guard, order)
            if not logged_out(login, drawn.url, drawn.html):
                state = self._sessions.state(source)
                if chromium.alive and state is not None and number == self._sessions.number(source):
                    cookies = await (await chromium.context(order.key)).cookies()
                    self._sessions.keep(source, {**state, "cookies": cookies})
                break
            if last:
                note = "login: the page is shown as to somebody who is not logged in, also after another login"
                return replace(drawn, notes=(note, *drawn.notes))
            self._sessions.end(source, number)
        return drawn

    async def _begin_session(self, chromium: Chromium, guard: Guard, order: Order, login: Login) -> Order:
        """The order with a context that has the source's session; one login at a time, and none after one failed."""
        source = order.key.source
        async with self._beginning[source]:
            if source in self._refused:
                raise self._refused[source]
            state = self._sessions.state(source)
            if state is not None:
                key = _session_key(order, self._sessions.number(source))
                await chromium.forget(source, but=key)
                return replace(order, key=key, state=state)
            key = _session_key(order, self._sessions.number(source) + 1)
            state = await self._log_in(chromium, guard, replace(order, key=key), login)
            self._sessions.begin(source, state)
            return replace(order, key=key, state=state)

    async def _log_in(self, chromium: Chromium, guard: Guard, order: Order, login: Login) -> State:
        """The state of a new session, in the order's context, which has no other yet."""
        source = order.key.source
        await chromium.forget(source)
        context = await chromium.context(order.key, **order.context)
        try:
            return await log_in(context, guard, login, order.judge, order.judge_part, signs_in=order.signs_in)
        except LoginFailed as error:
            if not chromium.alive:
                raise BrowserLost("it died while it logged in") from error
            await chromium.forget(source)
            self._refused[source] = error
            raise


def _session_key(order: Order, number: int) -> ContextKey:
    return replace(order.key, label=f"session {number}")


def _note_disallowed(request: Request, drawn: Drawn) -> None:
    """Add to what is known of a page's rights how much of it robots.txt kept away."""
    count = drawn.refused.get(DISALLOWED)
    rights = request.meta.get("rights")
    if count and rights is not None:
        said = item("parts-disallowed", str(count), "browser")
        request.meta["rights"] = {**rights, "items": [*rights.get("items", ()), said]}


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
