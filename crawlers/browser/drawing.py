"""A page drawn by Chromium: loaded, let settle, worked on step by step, and read off as HTML."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import DownloadTimeoutError

from crawlers.browser.chromium import Chromium, ContextKey
from crawlers.browser.clock import Clock, TimeUp, heard, in_time
from crawlers.browser.doing import Settled, do_steps
from crawlers.browser.guard import Guard
from crawlers.browser.sessions import State
from crawlers.browser.steps import Step
from crawlers.browser.watched import Judge, Watched, nothing_against
from crawlers.page_error import BrowserLost
from crawlers.reading.values import clean

if TYPE_CHECKING:
    from playwright.async_api import Page, Response

ANSWER_SECONDS = 10.0
"""A page that does not answer a simple question for so long hangs."""
CLOSE_SECONDS = 3.0
MOVED_ON_SECONDS = 1.0
"""What a page that may not move on is given to become whole nevertheless."""
NO_LIMIT = 0
"""Of Playwright's own: ours holds, which stands still while a page waits for a host's turn."""


@dataclass(frozen=True)
class Order:
    """A page to be drawn.

    Attributes:
        url: What is loaded.
        key: With which pages it shares cookies.
        judge: Asked for each document, why it may not be loaded.
        judge_part: The same for whatever else the page asks for.
        timeout: Seconds until the document must be there and everything that it needs.
        max_bytes: At most so many bytes of HTML.
        wait_for, steps, images: As the source declares them.
        context: Playwright's options for the context.
        state: Of the session that a new context begins with.
        signs_in: User name and password for the context's proxy.
    """

    url: str
    key: ContextKey
    judge: Judge
    judge_part: Judge = nothing_against
    timeout: float = 30.0
    max_bytes: int = 10 * 2**20
    wait_for: str | None = None
    steps: Sequence[Step] = ()
    images: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = field(default=None, repr=False)
    signs_in: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Drawn:
    """What became of it.

    Attributes:
        url: Where the page stands now.
        status, headers: Of its document's answer; names as they were sent.
        html: Its document as it stands.
        notes: What could not be done, as `kind: a sentence`.
        seconds: How long it took, without waiting for turns.
        refused: How many of the things that it asks for the judges refused, by the reason.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    html: str
    notes: tuple[str, ...]
    seconds: float
    refused: Mapping[str, int] = field(default_factory=dict)


class Blocked(Exception):
    """The page's document may not be loaded; `url` is where it led, `why` a clause."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.url = url
        self.why = why


class TooLarge(Exception):
    """The drawn page is over its limit of bytes."""


async def draw(chromium: Chromium, guard: Guard, order: Order) -> Drawn:
    """Draw a page in a browser that draws no other meanwhile.

    Raises:
        Blocked: Its document may not be loaded.
        TurnFarOff: Its host may not be asked for a long time.
        BrowserLost: The browser died or hangs, or the page made it; it must not be used any more.
        DownloadTimeoutError: The server did not answer in time.
        PlaywrightError: The page could not be loaded.
        TooLarge: It is over `max_bytes`.
    """
    from playwright.async_api import Error as PlaywrightError

    if not chromium.alive:
        raise BrowserLost("it has died")
    clock = Clock()
    watched = Watched(order.judge, clock, order.judge_part, order.images, order.signs_in)
    guard.watch(watched)
    page = None
    healthy = False
    try:
        page = await in_time(clock, ANSWER_SECONDS, _tab(chromium, guard, watched, order))
        drawn = await _drawn(page, watched, order)
        healthy = True
        return drawn
    except TimeUp:
        raise BrowserLost("it does not answer any more") from None
    except PlaywrightError as error:
        if watched.far_off is not None:
            healthy = True
            raise watched.far_off from None
        if watched.blocked is not None:
            healthy = True
            raise Blocked(*watched.blocked) from error
        if not chromium.alive or "crash" in str(error).lower() or "has been closed" in str(error):
            raise BrowserLost("it died while it drew the page") from error
        healthy = True
        raise
    except (DownloadTimeoutError, TooLarge):
        healthy = True
        raise
    finally:
        chromium.pages += 1
        if not await _closed(page, healthy):
            await chromium.end(kindly=False)
        guard.leave()


async def _tab(chromium: Chromium, guard: Guard, watched: Watched, order: Order) -> Page:
    context = await chromium.context(order.key, order.state, **order.context)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await guard.listen(session, watched)
    return page


async def _drawn(page: Page, watched: Watched, order: Order) -> Drawn:
    from playwright.async_api import Error as PlaywrightError

    clock = watched.clock
    documents: list[Response] = []
    page.on("response", lambda response: _keep_document(page, response, documents))
    notes: list[str] = []
    settled = Settled(page, watched, clock)
    try:
        await in_time(clock, order.timeout, _go(page, order.url, watched, documents))
    except TimeUp:
        if documents:  # the answer had begun: who hangs, the server or the page?
            await in_time(clock, ANSWER_SECONDS, page.evaluate("1"))
        if watched.documents <= 1:
            raise DownloadTimeoutError(f"the browser had no whole page within {order.timeout:g} s") from None
    except PlaywrightError as error:
        # A page that moves on before it is whole is the one that it moves on to.
        if "interrupted by another navigation" not in str(error) or watched.blocked is not None:
            raise
    if documents and watched.blocked is not None:
        notes.append(f"redirect: the page moves on to {watched.blocked[0]}, and {watched.blocked[1]}")
    else:
        try:
            left = max(1.0, order.timeout - clock.seconds())
            await in_time(clock, left, page.wait_for_load_state("load", timeout=NO_LIMIT))
        except TimeUp:
            notes.append(f"load: not all that the page asks for had come within {order.timeout:g} s")
    await settled.wait()
    status = documents[-1].status if documents else 200
    if order.wait_for is not None and status < 400:
        notes += await do_steps(page, settled, [Step(wait_for=order.wait_for, seconds=order.timeout)])
    if status < 400 and not notes:
        notes += await do_steps(page, settled, order.steps)
    # A script can leave half a character.
    html = clean(await in_time(clock, ANSWER_SECONDS, page.content()))
    if len(html.encode()) > order.max_bytes:
        raise TooLarge(f"{len(html.encode()):,} bytes")
    if watched.late:
        count = len(watched.late)
        notes.append(f"load: {count} of the things that the page asks for could not have their turn in time")
    last = documents[-1] if documents else None
    headers = await in_time(clock, ANSWER_SECONDS, last.headers_array()) if last is not None else []
    return Drawn(
        url=page.url,
        status=last.status if last is not None else 200,
        headers=tuple((each["name"], each["value"]) for each in headers),
        html=html,
        notes=tuple(notes),
        seconds=clock.seconds(),
        refused=dict(Counter(watched.refused.values())),
    )


async def _go(page: Page, url: str, watched: Watched, documents: Sequence[Response]) -> None:
    """Load a page until its document is whole, or it moves on to where it may not go: it stands as it is then."""
    going = asyncio.ensure_future(page.goto(url, wait_until="domcontentloaded", timeout=NO_LIMIT))
    blocked = asyncio.ensure_future(watched.is_blocked.wait())
    try:
        await asyncio.wait({going, blocked}, return_when=asyncio.FIRST_COMPLETED)
        if not going.done():
            await asyncio.wait({going}, timeout=None if not documents else MOVED_ON_SECONDS)
        if going.done():
            going.result()
    finally:
        blocked.cancel()
        if not going.done():
            going.add_done_callback(heard)


def _keep_document(page: Page, response: Response, documents: list[Response]) -> None:
    asked = response.request
    if asked.is_navigation_request() and asked.frame == page.main_frame and not 300 <= response.status < 400:
        documents.append(response)


async def _closed(page: Page | None, healthy: bool) -> bool:
    """Close a page, and what it opened; False when that hangs, or the browser is not fit for another page."""
    if page is None or not healthy:
        return False
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            for each in page.context.pages:
                await each.close()
    except Exception:  # noqa: BLE001 - whatever keeps a page from closing, its browser is not used again
        return False
    return True
