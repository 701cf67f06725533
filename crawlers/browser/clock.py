"""A page's time: it runs while the page is worked on, and stands still while it waits for a host's turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_WAIT = 600.0
"""Seconds for which waits may stop a page's clock in all: a page that asks without end must come to an end."""


class TimeUp(Exception):
    """The time for something is over."""


class Clock:
    """Counts the seconds of one page.

    Args:
        longest_wait: Seconds of waiting that are not counted; what goes beyond is.
    """

    def __init__(self, longest_wait: float = LONGEST_WAIT) -> None:
        self._began = time.monotonic()
        self._longest_wait = longest_wait
        self._waited = 0.0
        self._waits = 0
        self._since = 0.0

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """The time inside is not counted; several may overlap."""
        if self._waits == 0:
            self._since = time.monotonic()
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            if self._waits == 0:
                self._waited += time.monotonic() - self._since

    @property
    def stands(self) -> bool:
        """Whether something waits just now."""
        return self._waits > 0

    def left_to_wait(self) -> float:
        """Seconds for which waits may yet stop it."""
        since = time.monotonic() - self._since if self._waits else 0.0
        return max(0.0, self._longest_wait - self._waited - since)

    def seconds(self) -> float:
        """How long the page has been worked on."""
        now = time.monotonic()
        waited = self._waited + (now - self._since if self._waits else 0.0)
        return now - self._began - min(waited, self._longest_wait)


async def in_time(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, if it is done within `seconds` of the clock; whatever it hangs on is left behind.

    Raises:
        TimeUp: It was not.
    """
    ends = clock.seconds() + seconds
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            left = ends - clock.seconds()
            if left <= 0:
                raise TimeUp
            # While the clock stands, how much is left cannot be slept away.
            await asyncio.wait({task}, timeout=max(0.05, min(left, 0.5 if clock.stands else left)))
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(heard)


def heard(task: asyncio.Task[Any]) -> None:
    """Take the exception of a task that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
