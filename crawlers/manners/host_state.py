"""What is known of one host: its delay, its troubles, and who waits for it. Times are of the monotonic clock."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crawlers.manners.host_rows import Kept

if TYPE_CHECKING:
    from crawlers.manners.hosts import Turn

AFTER_A_FILE = 60.0
"""Seconds; no longer does a page wait for robots.txt before it, else a delay of hours would never let one through."""
NEVER = -math.inf


@dataclass(slots=True)
class Waiter:
    """Somebody who waits for a turn, for so many seconds at most."""

    granted: asyncio.Future[Turn]
    at_most: float
    of_file: bool


@dataclass(slots=True)
class HostState:
    """A host.

    Attributes:
        delay: Seconds that its robots.txt asks for between two requests.
        troubles: 429, 503 and connections that were not to be had, in a row.
        broken: Pages in a row of which no whole answer came.
        held_since: When it was last held back.
        held_until, held_why: Until when nothing is asked of it.
        closed_until, closed_why: Until when this crawl does not even wait for it.
        page_ended, file_ended: When the last answer was complete, of a page and of robots.txt and the like.
        in_use: How many turns are out.
        waiting: Who is next.
        timer: Wakes the first of them.
    """

    delay: float = 0.0
    troubles: int = 0
    broken: int = 0
    held_since: float = NEVER
    held_until: float = NEVER
    held_why: str = ""
    closed_until: float = NEVER
    closed_why: str = ""
    page_ended: float = NEVER
    file_ended: float = NEVER
    in_use: int = 0
    waiting: deque[Waiter] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None

    def due(self) -> float:
        """When the next request may begin, but for those under way."""
        after_file = self.file_ended + min(self.delay, AFTER_A_FILE)
        return max(self.held_until, self.page_ended + self.delay, after_file)

    def due_for_one_more(self, now: float) -> float:
        """When one that asks now may begin, by delay and pauses: after those who have a turn or wait for one."""
        return max(self.due(), now) + (self.in_use + len(self.waiting)) * self.delay

    def places(self, per_host: int) -> int:
        """How many requests it may get at once."""
        return 1 if self.delay or self.troubles else per_host

    def says_nothing(self, now: float) -> bool:
        """Whether nothing is known that would not be of a host that was never asked."""
        busy = self.in_use or self.waiting or self.delay or self.troubles or self.broken
        return not busy and self.held_until <= now and self.closed_until <= now

    def kept(self, now: float, wall: float) -> Kept:
        """What survives of it; `wall` is `now` in epoch seconds."""

        def epoch(at: float) -> float | None:
            return None if at == NEVER else wall - (now - at)

        return Kept(
            delay=self.delay,
            troubles=self.troubles,
            saved_at=wall,
            held_for=max(0.0, self.held_until - now),
            held_why=self.held_why,
            page_ended=epoch(self.page_ended),
            file_ended=epoch(self.file_ended),
            open=self.in_use > 0,
        )

    @classmethod
    def recalled(cls, kept: Kept, now: float, wall: float) -> HostState:
        """A host as it was kept; a time that lies ahead, because the clock went back, counts as now."""

        def monotonic(epoch: float | None) -> float:
            return NEVER if epoch is None else now - max(0.0, wall - epoch)

        left = kept.held_for - max(0.0, wall - kept.saved_at)
        state = cls(
            delay=kept.delay,
            troubles=kept.troubles,
            held_until=now + left if left > 0 else NEVER,
            held_why=kept.held_why,
            page_ended=monotonic(kept.page_ended),
            file_ended=monotonic(kept.file_ended),
        )
        if kept.open:
            # It died with a request under way; its end is not known, and now is the latest it can have been.
            state.file_ended = now
            state.page_ended = max(state.page_ended, monotonic(kept.saved_at))
        return state


def in_words(seconds: float) -> str:
    """A duration for a person."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if round(seconds) >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
