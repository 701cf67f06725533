"""Other processes that have requests of the same frontier in hand: one that is ending, or that died."""

import logging
import time

from crawlers.frontier.queue import Queue

SECONDS_BETWEEN_LOOKS = 1.0

log = logging.getLogger(__name__)


class OtherProcesses:
    """What they have in hand.

    Attributes:
        due: When they are to be looked at again, by `time.monotonic`; None where none that lives has anything.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.due: float | None = None

    def look(self, *, own: bool = False) -> bool:
        """Queue again what those that died had in hand, as `Queue.take_back`; says whether there was anything."""
        again, given_up = self._queue.take_back(own=own)
        if again:
            log.info("%d requests that a dead process had in hand are queued again", again)
        if given_up:
            log.warning("%d requests are left alone: the process died each time they were in hand", given_up)
        self.due = time.monotonic() + SECONDS_BETWEEN_LOOKS if self._queue.leased_by_others() else None
        return again > 0
