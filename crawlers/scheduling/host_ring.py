"""The hosts that have something queued: they take turns, and each that cannot be asked now waits in one place."""

import heapq
from collections import deque
from collections.abc import Iterator


class HostRing:
    """Whose turn is next.

    A host is ready, or waits for a request to end, or for its time, or is left, where this crawl does not wait for it.
    Moves are of the host whose turn it is, `first`; times are of one clock that grows.
    """

    def __init__(self) -> None:
        self._sources: dict[str, deque[str]] = {}
        self._ready: deque[str] = deque()
        self._until_one_of_its_own_ends: set[str] = set()
        self._until_any_ends: set[str] = set()
        self._parked: list[tuple[float, str]] = []
        self._left: set[str] = set()

    # -- what is in it --------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        """How many hosts are ready."""
        return len(self._ready)

    @property
    def first(self) -> str:
        """The ready host whose turn it is."""
        return self._ready[0]

    @property
    def next_time(self) -> float | None:
        """When the first of those that wait for their time is ready."""
        return self._parked[0][0] if self._parked else None

    @property
    def left(self) -> Iterator[str]:
        """The hosts that this crawl does not wait for."""
        return iter(tuple(self._left))

    def is_done(self) -> bool:
        """Whether nothing is queued but on hosts that are left."""
        return not (self._ready or self._parked or self._until_one_of_its_own_ends or self._until_any_ends)

    def sources_of_first(self) -> deque[str]:
        """The sources that may have something queued on the first host; the one whose turn it is comes first."""
        return self._sources[self._ready[0]]

    def add(self, source: str, host: str) -> None:
        """Note that a source has something queued on a host; one that is new here is ready, others stay in place."""
        sources = self._sources.get(host)
        if sources is None:
            self._sources[host] = deque([source])
            self._ready.append(host)
        elif source not in sources:
            sources.append(source)

    # -- the first host goes --------------------------------------------------------------------------------------
    def to_the_end(self) -> None:
        """It had its turn."""
        self._ready.rotate(-1)

    def wait_for_its_own(self) -> None:
        """It waits until one of its requests in hand has ended."""
        self._until_one_of_its_own_ends.add(self._ready.popleft())

    def wait_for_any(self) -> None:
        """It waits until any request in hand has ended."""
        self._until_any_ends.add(self._ready.popleft())

    def park(self, until: float) -> None:
        """It waits for its time."""
        heapq.heappush(self._parked, (until, self._ready.popleft()))

    def leave(self) -> None:
        """This crawl does not wait for it, unless it is reopened."""
        self._left.add(self._ready.popleft())

    def drop(self) -> None:
        """It has nothing queued any more."""
        del self._sources[self._ready.popleft()]

    # -- others come ----------------------------------------------------------------------------------------------
    def ended(self, host: str) -> None:
        """A request of a host has ended: it is ready where it waited for that, and so are those that wait for any."""
        if host in self._until_one_of_its_own_ends:
            self._until_one_of_its_own_ends.discard(host)
            self._ready.append(host)
        if self._until_any_ends:
            self._ready.extend(self._until_any_ends)
            self._until_any_ends.clear()

    def unpark(self, now: float) -> None:
        """Those whose time has come are ready."""
        while self._parked and self._parked[0][0] <= now:
            self._ready.append(heapq.heappop(self._parked)[1])

    def reopen(self, host: str) -> None:
        """A host that was left is ready again."""
        self._left.discard(host)
        self._ready.append(host)
