"""The requests that were taken from the frontier and are not done."""

from collections import Counter, deque
from collections.abc import Container
from dataclasses import dataclass

from scrapy import Request


@dataclass(slots=True)
class Hand:
    """A request that was taken and is not done: it, or the hop or retry that came of it."""

    host: str
    source: str
    request: Request
    comes_back: bool = False  # it waits here, in memory, to be given out again


class Hands:
    """All of them, by row.

    Attributes:
        rows: They.
    """

    def __init__(self) -> None:
        self.rows: dict[int, Hand] = {}
        self._again: deque[Request] = deque()
        self._of_host: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether something waits to be given out again."""
        return bool(self._again)

    def of_host(self, host: str) -> int:
        """How many are of a host."""
        return self._of_host[host]

    def take(self, row: int, hand: Hand) -> None:
        """One more is in hand."""
        self.rows[row] = hand
        self._of_host[hand.host] += 1

    def let_go(self, row: int) -> Hand | None:
        """It is in hand no more; None where it was not."""
        hand = self.rows.pop(row, None)
        if hand is not None:
            self._of_host[hand.host] -= 1
            if not self._of_host[hand.host]:
                del self._of_host[hand.host]
        return hand

    def comes_back(self, row: int, request: Request) -> None:
        """What came of a request in hand is to be given out before anything else."""
        hand = self.rows[row]
        hand.request, hand.comes_back = request, True
        self._again.append(request)

    def next_again(self) -> Request | None:
        """The next of those that came back, and are still in hand."""
        while self._again:
            request = self._again.popleft()
            hand = self.rows.get(request.meta["frontier_id"])
            if hand is not None and hand.request is request:
                hand.comes_back = False
                return request
        return None

    def ended(self, works_on: Container[Request]) -> list[int]:
        """Those that were given out and that the engine does not work on any more."""
        return [row for row, hand in self.rows.items() if not hand.comes_back and hand.request not in works_on]
