"""Stands before every request that a page makes in the browser: documents, scripts, frames, workers, pop-ups.

Playwright's routes see neither redirects nor what workers ask for; the Fetch domain of Chromium's own protocol, enabled
for the browser as a whole, sees all of it but WebSockets, which leave through the checking proxy alone. A browser draws
one page at a time, so every request is that page's; between pages none is let through.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from crawlers.browser.clock import Clock
from crawlers.manners.hosts import TurnFarOff
from crawlers.scope import host_of

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

logger = logging.getLogger(__name__)

DECORATION = frozenset({"Image", "Font", "Media", "TextTrack"})
IDLE = frozenset({"Ping", "CSPViolationReport", "Prefetch", "Manifest"})
STREAMS = frozenset({"EventSource", "WebSocket"})
MOST_DOCUMENTS = 20
"""A page whose main frame moves on more often than this runs in a circle."""
MOST_REQUESTS = 1_000
TOLD_ELSEWHERE = frozenset({"Document", "Other"})
"""The end of a frame's document and of a worker's script is told in a session of their own."""
UNREACHED = frozenset({"ConnectionClosed", "ConnectionReset", "ConnectionRefused", "ConnectionFailed", "TimedOut"})
LONGEST_TURN = 2.0
"""Seconds after an answer's head for which its body may hold the host's turn: a document that waits for a script of its
own would otherwise wait for ever, and a stream has no end."""


class Turn(Protocol):
    """A host's turn, which is told what the host said."""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer is there."""

    def failed(self, why: str) -> None:
        """The host could not be reached, or broke off."""


Turns = Callable[[str], AbstractAsyncContextManager[Turn | None]]
"""Gives the turn of a host; entering it waits until the host may be asked."""

Judge = Callable[[str], Awaitable[str | None]]
"""Says why a document's URL may not be loaded; None when it may."""


def no_turns(_host: str) -> AbstractAsyncContextManager[None]:
    """Every host may be asked at any time."""
    return nullcontext()


@dataclass
class Watched:
    """A page that is being drawn, as the guard sees it.

    Attributes:
        judge: Asked for each document.
        clock: Stands still while a request waits for its host.
        images: Whether images are loaded.
        signs_in: User name and password for the proxy that the page's requests leave through.
        frame: The id of the main frame.
        blocked: The first document of the main frame that was not let through, and why.
        is_blocked: Set with `blocked`.
        far_off: The host's turn is further off than is waited for; the page was not asked for.
        frames: The ids of the frames in it.
        documents, requests: How many it has asked for.
        open: How many requests that could change the text are under way.
        quiet_since: When the last of them ended, on the loop's clock.
    """

    judge: Judge
    clock: Clock
    images: bool = False
    signs_in: tuple[str, str] | None = None
    frame: str | None = None
    blocked: tuple[str, str] | None = None
    is_blocked: asyncio.Event = field(default_factory=asyncio.Event)
    far_off: TurnFarOff | None = None
    documents: int = 0
    requests: int = 0
    open: int = 0
    quiet_since: float = 0.0
    frames: set[str] = field(default_factory=set)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    whole: dict[str, asyncio.Event] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def has_frame(self, frame: str | None) -> bool:
        """Whether a frame is the page's; what is told of it may come a moment after what it asks for."""
        for _ in range(10):
            if frame in self.frames:
                return True
            await asyncio.sleep(0.02)
        return False


@dataclass
class Exchange:
    """A request that was let through, until the head of its answer is there; `status` stays None when it failed."""

    head: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None


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
        page, self._page = self._page, None
        for task in page.tasks if page is not None else ():
            task.cancel()

    async def listen(self, session: CDPSession, page: Watched) -> None:
        """Hear from the page's own session when its answers are whole."""
        session.on("Network.requestWillBeSent", lambda event: page.known.add(event["requestId"]))
        for name in ("Network.loadingFinished", "Network.loadingFailed"):
            session.on(name, lambda event: page.whole.setdefault(event["requestId"], asyncio.Event()).set())
        session.on("Page.frameAttached", lambda event: page.frames.add(event["frameId"]))
        await session.send("Page.enable")
        page.frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        await session.send("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0})

    def _paused(self, event: dict[str, Any]) -> None:
        page = self._page
        if "responseStatusCode" in event or "responseErrorReason" in event:
            self._head(page, event)
        elif page is None:
            self._soon(self._refuse(event["requestId"]))
        else:
            task = asyncio.ensure_future(self._exchange(page, event))
            page.tasks.add(task)
            task.add_done_callback(page.tasks.discard)
            task.add_done_callback(_heard)

    def _head(self, page: Watched | None, event: dict[str, Any]) -> None:
        exchange = page.exchanges.get(event["requestId"]) if page is not None else None
        if exchange is not None:
            exchange.status = event.get("responseStatusCode")
            exchange.trouble = event.get("responseErrorReason")
            exchange.headers = {each["name"].lower(): each["value"] for each in event.get("responseHeaders", ())}
            exchange.head.set()
        self._soon(self._send("Fetch.continueRequest", {"requestId": event["requestId"]}))

    async def _exchange(self, page: Watched, event: dict[str, Any]) -> None:
        """Judge a request, wait for the host's turn, let it through, and keep the turn until its answer is whole."""
        paused, url = event["requestId"], event["request"]["url"]
        counts = event["resourceType"] not in STREAMS
        main = event["resourceType"] == "Document" and event.get("frameId") == page.frame
        page.open += counts
        answered = False
        try:
            if url.startswith(("data:", "blob:", "about:")):
                answered = True
                await self._send("Fetch.continueRequest", {"requestId": paused})
                return
            with page.clock.standing_still():  # robots.txt may have to be fetched first
                why = await self._why_not(page, event, main)
            if why is not None:
                return
            exchange = page.exchanges[paused] = Exchange()
            async with AsyncExitStack() as turns:
                try:
                    with page.clock.standing_still():
                        turn = await turns.enter_async_context(self._turns(host_of(url)))
                except TurnFarOff as far:
                    if main and page.documents == 1:
                        page.far_off = far
                    return
                answered = True
                await self._send("Fetch.continueRequest", {"requestId": paused, "interceptResponse": True})
                await exchange.head.wait()
                if turn is not None and exchange.status is not None:
                    turn.answered(exchange.status, exchange.headers)
                elif turn is not None and exchange.trouble in UNREACHED:
                    turn.failed(f"the browser could not reach it ({exchange.trouble})")
                if main or event["resourceType"] not in TOLD_ELSEWHERE:
                    await _until_whole(page, event.get("networkId"), exchange)
        finally:
            if not answered:
                self._soon(self._refuse(paused))
            page.exchanges.pop(paused, None)
            page.open -= counts
            page.quiet_since = asyncio.get_running_loop().time()

    async def _why_not(self, page: Watched, event: dict[str, Any], main: bool) -> str | None:
        kind, url = event["resourceType"], event["request"]["url"]
        page.requests += 1
        if not url.startswith(("http:", "https:")):
            return "it is no http or https URL"
        if kind in IDLE or (kind == "Other" and urlsplit(url).path == "/favicon.ico"):
            return "it adds nothing to a page"
        if kind in DECORATION and not page.images:
            return "it is decoration"
        if page.requests > MOST_REQUESTS:
            return f"the page has asked for {MOST_REQUESTS} things already"
        if kind != "Document":
            return None
        page.documents += main
        if not main and not await page.has_frame(event.get("frameId")):
            return "it is a window of its own"
        why = await page.judge(url)
        if main and why is None and page.documents > MOST_DOCUMENTS:
            why = f"that is the page's move number {page.documents}"
        if main and why is not None and page.blocked is None:
            page.blocked = (url, why)
            page.is_blocked.set()
        return why

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
        task = asyncio.ensure_future(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        task.add_done_callback(_heard)


async def _until_whole(page: Watched, network_id: str | None, exchange: Exchange) -> None:
    """Wait for the end of an answer's body, where its end is told: of what a worker asks for it is not."""
    moved = exchange.status is not None and 300 <= exchange.status < 400
    if exchange.status is None or moved or network_id not in page.known:
        return
    try:
        async with asyncio.timeout(LONGEST_TURN):
            await page.whole.setdefault(network_id, asyncio.Event()).wait()
    except TimeoutError:
        pass


def _heard(task: asyncio.Task[None]) -> None:
    """Say what went wrong in the guard: the request it was about stands refused."""
    if not task.cancelled() and task.exception() is not None:
        logger.warning("The browser's guard failed on a request, which was refused", exc_info=task.exception())
