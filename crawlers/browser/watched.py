"""A page while it is drawn: what it asks for, what became of that, and what it was refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from crawlers.browser.clock import Clock
from crawlers.manners.hosts import TurnFarOff

Judge = Callable[[str], Awaitable[str | None]]
"""Says why a URL may not be asked for, as a clause; None when it may."""

STREAMS = frozenset({"EventSource", "WebSocket"})
TOLD_ELSEWHERE = frozenset({"Document", "Other"})
"""The end of a frame's document and of a worker's script is told in a session of their own."""
LONGEST_TURN = 2.0
"""Seconds after an answer's head for which its body may hold the host's turn: a document that waits for a script of its
own would otherwise wait for ever, and a stream has no end."""


async def nothing_against(_url: str) -> str | None:
    """A judge that lets everything pass."""
    return None


@dataclass
class Watched:
    """A page that is being drawn.

    Attributes:
        judge: Asked for each document.
        clock: Stands still while a request waits for its host.
        judge_part: Asked for whatever else the page asks for.
        images: Whether images are loaded.
        signs_in: User name and password for the proxy that the page's requests leave through.
        blocked: The first document of the main frame that was not let through, and why.
        is_blocked: Set with `blocked`.
        is_there: An answer to its document has begun, and not one that leads on.
        far_off: The turn of its document's host is further off than is waited for; it was not asked for.
        refused: What it asks for that was judged so, by its URL, and why.
        late: The URLs that it asks for that could not have their turn in time.
        documents, requests: How many it has asked for; documents of the main frame alone.
        open: How many requests that could change the text are under way.
        quiet_since: When the last of them ended, on the loop's clock.
    """

    judge: Judge
    clock: Clock
    judge_part: Judge = nothing_against
    images: bool = False
    signs_in: tuple[str, str] | None = None
    blocked: tuple[str, str] | None = None
    is_blocked: asyncio.Event = field(default_factory=asyncio.Event)
    is_there: bool = False
    far_off: TurnFarOff | None = None
    refused: dict[str, str] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    documents: int = 0
    requests: int = 0
    open: int = 0
    quiet_since: float = 0.0
    traffic: Traffic = field(default_factory=lambda: Traffic())

    @contextmanager
    def under_way(self, asked: Asked) -> Iterator[None]:
        """The request is, inside; a stream, which has no end, does not count."""
        counts = asked.kind not in STREAMS
        self.open += counts
        try:
            yield
        finally:
            self.open -= counts
            self.quiet_since = asyncio.get_running_loop().time()

    def block(self, url: str, why: str) -> None:
        """Note that the main frame may not go there."""
        if self.blocked is None:
            self.blocked = (url, why)
            self.is_blocked.set()


@dataclass(frozen=True)
class Asked:
    """A request that a page makes, as Chromium's Fetch domain tells of it when it pauses it.

    Attributes:
        paused: What the Fetch domain calls it.
        network: What the Network domain calls it.
        kind: Chromium's resource type.
        frame: The id of the frame that asks.
        main: Whether it is for a document of the page itself.
    """

    paused: str
    network: str | None
    url: str
    kind: str
    frame: str | None
    main: bool

    @classmethod
    def of(cls, event: Mapping[str, Any], main_frame: str | None) -> Asked:
        """Out of `Fetch.requestPaused`."""
        kind, frame = event["resourceType"], event.get("frameId")
        main = kind == "Document" and frame == main_frame
        return cls(event["requestId"], event.get("networkId"), event["request"]["url"], kind, frame, main)


@dataclass
class Exchange:
    """A request that was let through, until the head of its answer is there; `status` stays None when it failed."""

    head: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def moved(self) -> bool:
        """Whether the answer leads on."""
        return self.status is not None and 300 <= self.status < 400


@dataclass
class Traffic:
    """What Chromium tells of a page's requests; the guard's own book.

    Attributes:
        main_frame: Its id.
        frames: The ids of the frames in the page.
        exchanges: By paused id.
    """

    main_frame: str | None = None
    frames: set[str] = field(default_factory=set)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _whole: dict[str, asyncio.Event] = field(default_factory=dict)

    def sent(self, event: Mapping[str, Any]) -> None:
        """`Network.requestWillBeSent`: the end of this one will be told."""
        self._known.add(event["requestId"])

    def ended(self, event: Mapping[str, Any]) -> None:
        """`Network.loadingFinished` or `loadingFailed`."""
        self._whole.setdefault(event["requestId"], asyncio.Event()).set()

    def head(self, event: Mapping[str, Any]) -> None:
        """`Fetch.requestPaused` at the answer."""
        exchange = self.exchanges.get(event["requestId"])
        if exchange is not None:
            exchange.status = event.get("responseStatusCode")
            exchange.trouble = event.get("responseErrorReason")
            exchange.headers = {each["name"].lower(): each["value"] for each in event.get("responseHeaders", ())}
            exchange.head.set()

    async def has_frame(self, frame: str | None) -> bool:
        """Whether a frame is the page's; what is told of it may come a moment after what it asks for."""
        for _ in range(10):
            if frame in self.frames:
                return True
            await asyncio.sleep(0.02)
        return False

    async def until_whole(self, asked: Asked, exchange: Exchange) -> None:
        """Wait for the end of an answer's body, where its end is told: of what a worker asks for it is not."""
        if exchange.status is None or exchange.moved or asked.network is None or asked.network not in self._known:
            return
        if not asked.main and asked.kind in TOLD_ELSEWHERE:
            return
        try:
            async with asyncio.timeout(LONGEST_TURN):
                await self._whole.setdefault(asked.network, asyncio.Event()).wait()
        except TimeoutError:
            pass
