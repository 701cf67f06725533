"""The browsers of a crawl: as many as draw pages at once, each put away after so many pages or so much memory."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from crawlers.browser.chromium import Chromium, first_line
from crawlers.browser.drawing import Drawn, Order, draw
from crawlers.browser.guard import Guard, Turns, no_turns
from crawlers.browser.watch import end_marked, start_watch
from crawlers.page_error import BrowserLost

logger = logging.getLogger(__name__)

MOST_PAGES = 100
MOST_MEMORY = 1_500 * 2**20
"""Bytes that a browser's processes may hold together."""


Arguments = Callable[[], Awaitable[Sequence[str]]]


def tabs_at_once() -> int:
    """How many pages are drawn at once: on two cores one draws more than four do."""
    return max(1, min(4, (os.cpu_count() or 2) // 2))


class BrowserPool:
    """Draws pages, each in a browser that draws no other meanwhile.

    Args:
        at_once: How many browsers there are at most; they are started when they are needed.
        turns: Of the hosts that pages ask.
        args: Gives further arguments of Chromium, before the first one is started.
        most_pages, most_memory: After so many pages, or at so many bytes of memory, a browser is ended and the next
            page gets a new one.
    """

    def __init__(
        self,
        *,
        at_once: int | None = None,
        turns: Turns = no_turns,
        args: Arguments | None = None,
        most_pages: int = MOST_PAGES,
        most_memory: int = MOST_MEMORY,
    ) -> None:
        self.at_once = at_once or tabs_at_once()
        self.started = 0
        self._places = asyncio.Semaphore(self.at_once)
        self._turns = turns
        self._args = args
        self._most_pages = most_pages
        self._most_memory = most_memory
        self._idle: list[tuple[Chromium, Guard]] = []
        self._mark = f"--tilth-crawl={uuid.uuid4().hex}"
        self._watch: subprocess.Popen[bytes] | None = None

    async def draw(self, order: Order) -> Drawn:
        """Draw a page; see `crawlers.browser.drawing.draw`."""
        async with self.browser() as (chromium, guard):
            return await draw(chromium, guard, order)

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[tuple[Chromium, Guard]]:
        """A browser and its guard, for this caller alone.

        Raises:
            BrowserLost: It did not start, or died while the caller had it.
        """
        from playwright.async_api import Error as PlaywrightError

        async with self._places:
            chromium, guard = await self._take()
            try:
                yield chromium, guard
            except BrowserLost:
                await chromium.end(kindly=False)
                raise
            except PlaywrightError as error:
                if chromium.alive:
                    raise
                raise BrowserLost(f"the browser died ({first_line(error)})") from error
            except asyncio.CancelledError:
                await asyncio.shield(chromium.end(kindly=False))
                raise
            finally:
                await self._give_back(chromium, guard)

    async def _take(self) -> tuple[Chromium, Guard]:
        from playwright.async_api import Error as PlaywrightError

        while self._idle:
            chromium, guard = self._idle.pop()
            if chromium.alive:
                return chromium, guard
            await chromium.end(kindly=False)
        if self._watch is None or self._watch.poll() is not None:
            self._watch = start_watch(self._mark)
        chromium = await Chromium.start(self._mark, await self._args() if self._args is not None else ())
        self.started += 1
        guard = Guard(chromium.cdp, self._turns)
        try:
            await guard.stand()
        except BaseException as error:
            await asyncio.shield(chromium.end(kindly=False))
            if isinstance(error, PlaywrightError):
                raise BrowserLost(f"the browser died as it began ({first_line(error)})") from error
            raise
        return chromium, guard

    async def _give_back(self, chromium: Chromium, guard: Guard) -> None:
        if not chromium.alive:
            await chromium.end(kindly=False)
        elif chromium.pages >= self._most_pages or chromium.memory() > self._most_memory:
            logger.debug("A browser is put away after %d pages", chromium.pages)
            await chromium.end()
        else:
            self._idle.append((chromium, guard))

    async def close(self) -> None:
        """End all browsers."""
        while self._idle:
            chromium, _ = self._idle.pop()
            await chromium.end()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.kill()
            await asyncio.to_thread(watch.communicate)
            await asyncio.to_thread(end_marked, self._mark)  # of a page that was in hand
