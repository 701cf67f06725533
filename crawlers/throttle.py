"""AutoThrottle, which lets be what is too short to matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response

if TYPE_CHECKING:
    from scrapy.core.downloader import Slot

TOO_SHORT = 0.02
"""Seconds. A host that answers so fast is bounded by its places; a timer for each request would only cost."""


class Throttle(AutoThrottle):
    """Scrapy's own, without delays under 20 ms."""

    def _adjust_delay(self, slot: Slot, latency: float, response: Response) -> None:
        super()._adjust_delay(slot, latency, response)
        if slot.delay < max(TOO_SHORT, self.mindelay):
            slot.delay = self.mindelay
