"""What a scheduler must know of Scrapy's engine and nothing public says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scrapy.utils.asyncio import call_later

if TYPE_CHECKING:
    from collections.abc import Container

    from scrapy import Request
    from scrapy.crawler import Crawler

SHORTEST_SLEEP = 0.005


class EngineSlot:
    """The engine's slot: which requests it works on, and how it is asked to come for the next one.

    Times are those of `time.monotonic`.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._alarm: Any = None
        self._rings_at = 0.0

    def works_on(self) -> Container[Request] | None:
        """The requests whose callbacks have not ended; None where there is no engine yet."""
        slot = self._slot()
        return None if slot is None else slot.inprogress

    def wake_at(self, at: float) -> None:
        """Let the engine come for the next request at that moment; an earlier alarm that is set stands."""
        now = time.monotonic()
        if self._alarm is not None and now < self._rings_at <= at:
            return
        self.cancel()
        self._rings_at = max(at, now + SHORTEST_SLEEP)
        self._alarm = call_later(self._rings_at - now, self._ring)

    def cancel(self) -> None:
        """Set no alarm any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        slot = self._slot()
        if slot is not None and slot.closing is None:
            slot.nextcall.schedule()

    def _slot(self) -> Any:
        try:
            return getattr(self._crawler.engine, "_slot", None)
        except RuntimeError:  # there is no engine yet
            return None
