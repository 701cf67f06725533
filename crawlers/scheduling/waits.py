"""When that is due which waits on disk."""

import time
from collections.abc import Callable, Iterable, Sequence

from crawlers.frontier.queue import Queue

CLOCK_WAS_SET = 1.0
"""Seconds; a wall clock that goes back by more did not just run slow."""


class Waits:
    """What waits of some sources.

    On disk its times are those of the wall clock. Here they are of the monotonic one, and where the wall clock is set
    back, those on disk are set back with it, so that nothing waits longer for that.

    Args:
        queue: What is on disk.
        sources: Whose requests are meant.
        closed: Gives the hosts whose requests are not waited for.

    Attributes:
        due: When the first is, by `time.monotonic`; None where nothing waits.
    """

    def __init__(self, queue: Queue, sources: Sequence[str], closed: Callable[[], Iterable[str]]) -> None:
        self._queue = queue
        self._sources = sources
        self._closed = closed
        self._ahead = _ahead()
        self.due: float | None = None

    def look(self) -> None:
        """See anew when the first is due."""
        due = self._queue.next_due(self._sources, but=self._closed())
        self.due = None if due is None else due - _ahead()

    def also(self, not_before: float) -> None:
        """Something more waits, until that moment in epoch seconds."""
        due = not_before - _ahead()
        self.due = due if self.due is None else min(self.due, due)

    def wake(self) -> list[tuple[str, str]]:
        """Let what is due be taken; gives its sources and hosts."""
        self._mind_the_clock()
        if self.due is None or self.due > time.monotonic():
            return []
        woken = self._queue.wake(self._sources)
        self.look()
        return woken

    def _mind_the_clock(self) -> None:
        ahead = _ahead()
        if ahead < self._ahead - CLOCK_WAS_SET:
            self._queue.move_waits(self._sources, ahead - self._ahead)
        self._ahead = ahead


def _ahead() -> float:
    """How far the wall clock is ahead of the monotonic one."""
    return time.time() - time.monotonic()
