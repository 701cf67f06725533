"""Stands before every request that a page makes in the browser: documents, scripts, frames, workers, pop-ups.

Playwright's routes see neither redirects nor what workers ask for; the Fetch domain of Chromium's own protocol, enabled
for the browser as a whole, sees all of it but WebSockets, which leave through the checking proxy alone. A browser draws
one page at a time, so every request is that page's; between pages none is let through.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from crawlers.browser.watched import Asked, Exchange, Watched
from crawlers.manners.hosts import TurnFarOff
from crawlers.scope import host_of

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

logger = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds that a page's document waits in its browser for a turn of its host; a page whose host is further off goes
back. What the page asks for then may wait as long as the page may wait at all."""
IN_THE_PAGE = ("data:", "blob:", "about:")
DECORATION = frozenset({"Image", "Font", "Media", "TextTrack"})
IDLE = frozenset({"Ping", "CSPViolationReport", "Prefetch", "Manifest"})
MOST_DOCUMENTS = 20
"""A page whose main frame moves on more often than this runs in a circle."""
MOST_REQUESTS = 1_000
UNREACHED = frozenset({"ConnectionClosed", "ConnectionReset", "ConnectionRefused", "ConnectionFailed", "TimedOut"})


class Turn(Protocol):
    """A host's turn, which is told what the host said."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer is there."""

    def failed(self, why: str) -> None:
        """The host could not be reached, or broke off."""


Turns = Callable[[str, float], AbstractAsyncContextManager[Turn | None]]
"""Gives the turn of a host; entering it waits, at most so many seconds, until the host may be asked."""


def no_turns(_host: str, _at_most: float) -> AbstractAsyncContextManager[None]:
    """Every host may be asked at any time."""
    return nullcontext()


class Guard:
    """Lets a browser's requests through, one page at a time.

    Args:
        cdp: A session with the browser as a whole.
        turns: Of the hosts that are asked.
    """

    def __init__(self, cdp: CDPSession, turns: Turns = no_turns) -> None:
        self._cdp = cdp
        self._turns = turns
        self._page: Watched | None = None
        self._of_page: set[asyncio.Task[None]] = set()
        self._answers: set[asyncio.Task[None]] = set()

    async def stand(self) -> None:
        """Begin: from here on nothing passes unseen."""
        self._cdp.on("Fetch.requestPaused", self._paused)
        self._cdp.on("Fetch.authRequired", lambda event: self._soon(self._authenticate(event)))
        await self._cdp.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}], "handleAuthRequests": True})

    def watch(self, page: Watched) -> None:
        """From here on the requests are this page's."""
        assert self._page is None, "one page at a time"
        self._page = page

    def leave(self) -> None:
        """The page is done: what it still asks for is refused, and its turns are given back."""
        self._page = None
        for task in self._of_page:
            task.cancel()

    async def listen(self, session: CDPSession, page: Watched) -> None:
        """Hear from the page's own session when its answers are whole."""
        traffic = page.traffic
        session.on("Network.requestWillBeSent", traffic.sent)
        session.on("Network.loadingFinished", traffic.ended)
        session.on("Network.loadingFailed", traffic.ended)
        session.on("Page.frameAttached", lambda event: traffic.frames.add(event["frameId"]))
        await session.send("Page.enable")
        traffic.main_frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        await session.send("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0})

    def _paused(self, event: dict[str, Any]) -> None:
        page, paused = self._page, event["requestId"]
        if "responseStatusCode" in event or "responseErrorReason" in event:
            if page is not None:
                page.traffic.head(event)
            self._soon(self._send("Fetch.continueRequest", {"requestId": paused}))
        elif page is None:
            self._soon(self._refuse(paused))
        else:
            self._keep(self._of_page, self._exchange(page, Asked.of(event, page.traffic.main_frame)))

    async def _exchange(self, page: Watched, asked: Asked) -> None:
        """Judge a request, wait for the host's turn, let it through, and keep the turn until its answer is whole."""
        if asked.url.startswith(IN_THE_PAGE):
            await self._send("Fetch.continueRequest", {"requestId": asked.paused})
            return
        async with AsyncExitStack() as turns:
            turns.enter_context(page.under_way(asked))
            with ExitStack() as whatever_happens:
                whatever_happens.callback(lambda: self._soon(self._refuse(asked.paused)))
                try:
                    with page.clock.standing_still():  # robots.txt may have to be fetched first
                        if not await self._may_pass(page, asked):
                            return
                        at_most = PATIENCE if asked.main else page.clock.left_to_wait()
                        turn = await turns.enter_async_context(self._turns(host_of(asked.url), at_most))
                    page.late.discard(asked.url)  # what failed before may be asked for again
                except TurnFarOff as far:
                    page.late.add(asked.url)
                    if asked.main and not page.is_there:
                        page.far_off = far
                    return
                whatever_happens.pop_all()
            exchange = page.traffic.exchanges[asked.paused] = Exchange()
            turns.callback(page.traffic.exchanges.pop, asked.paused)
            await self._send("Fetch.continueRequest", {"requestId": asked.paused, "interceptResponse": True})
            await exchange.head.wait()
            page.is_there |= asked.main and exchange.status is not None and not exchange.moved
            if turn is not None and exchange.status is not None:
                turn.answered(exchange.status, exchange.headers)
            elif turn is not None and exchange.trouble in UNREACHED:
                turn.failed(f"the browser could not reach it ({exchange.trouble})")
            await page.traffic.until_whole(asked, exchange)

    async def _may_pass(self, page: Watched, asked: Asked) -> bool:
        """Whether a request is one that a page needs, and may be made; what the judges refuse is noted."""
        page.requests += 1
        if not asked.url.startswith(("http:", "https:")) or _adds_nothing(asked):
            return False
        if (asked.kind in DECORATION and not page.images) or page.requests > MOST_REQUESTS:
            return False
        if asked.main:
            return await self._may_go(page, asked.url)
        if asked.kind == "Document" and not await page.traffic.has_frame(asked.frame):
            return False  # it is a window of its own
        why = await (page.judge if asked.kind == "Document" else page.judge_part)(asked.url)
        if why is not None:
            page.refused[asked.url] = why  # once for each: what fails while it is preloaded is asked for again
        return why is None

    async def _may_go(self, page: Watched, url: str) -> bool:
        """Whether the page itself may be, or move on to, that document."""
        page.documents += 1
        why = await page.judge(url)
        if why is None and page.documents > MOST_DOCUMENTS:
            why = f"that is the page's move number {page.documents}"
        if why is not None:
            page.block(url, why)
        return why is None

    async def _authenticate(self, event: dict[str, Any]) -> None:
        answer: dict[str, str] = {"response": "CancelAuth"}
        if event["authChallenge"].get("source") == "Proxy" and self._page is not None and self._page.signs_in:
            user, password = self._page.signs_in
            answer = {"response": "ProvideCredentials", "username": user, "password": password}
        await self._send("Fetch.continueWithAuth", {"requestId": event["requestId"], "authChallengeResponse": answer})

    async def _refuse(self, paused: str) -> None:
        # "Aborted" leaves the document as it stands; other reasons put an error page in its place.
        await self._send("Fetch.failRequest", {"requestId": paused, "errorReason": "Aborted"})

    async def _send(self, method: str, params: dict[str, Any]) -> None:
        from playwright.async_api import Error as PlaywrightError

        try:
            await self._cdp.send(method, params)
        except PlaywrightError:
            pass  # the page was closed meanwhile, and with it the request

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(self._answers, work)

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_heard)


def _adds_nothing(asked: Asked) -> bool:
    return asked.kind in IDLE or (asked.kind == "Other" and urlsplit(asked.url).path == "/favicon.ico")


def _heard(task: asyncio.Task[None]) -> None:
    """Say what went wrong in the guard: the request it was about stands refused."""
    if not task.cancelled() and task.exception() is not None:
        logger.warning("The browser's guard failed on a request, which was refused", exc_info=task.exception())
