"""Whose turn it is: how often each host may be asked, kept across restarts.

Whatever goes out on the wire takes a turn of its host first, and ends it when the answer is complete. A host with a
delay (Crawl-delay, Request-rate) or in trouble is asked by one request at a time, and the next begins no sooner than
the delay after the previous answer ended, so that the gap which the server sees is never under what it asks for.

429 and 503 hold back the whole host: for as long as Retry-After says (RFC 9110, section 10.2.3), else for a time that
doubles with each trouble in a row. A host that would have to be waited for longer than `LONGEST_WAIT` is closed: the
crawl goes on without it, and the next one finds out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from crawlers.manners.host_rows import Rows, keep_host, kept_hosts
from crawlers.manners.host_state import HostState, Waiter, in_words
from crawlers.manners.retry_after import retry_after

LONGEST_WAIT = 3600.0
"""Seconds; no crawl sits out a longer wait for a host."""
LONGEST_KEPT = 86_400.0
"""Seconds; a host that wants to be left alone for longer is asked once a day whether it still does."""
WORTH_SAYING = 600.0
"""Seconds; a longer delay between two pages is kept too, and said."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
TROUBLES_TO_CLOSE = 8
"""So many troubles in a row, over some five minutes, close a host for this crawl."""
BROKEN_IN_A_ROW = 5
"""Pages without a whole answer; fewer may be those that the site cannot make."""
BUSY = frozenset({429, 503})

logger = logging.getLogger(__name__)


class TurnFarOff(Exception):
    """The host's next turn is further off than the caller waits; `ready_at` is in epoch seconds."""

    def __init__(self, host: str, ready_at: float) -> None:
        super().__init__(f"{host} may not be asked yet")
        self.host = host
        self.ready_at = ready_at


@dataclass(slots=True)
class Turn:
    """The right to send one request to a host, until `end`."""

    host: str
    began: float
    of_file: bool
    _hosts: Hosts
    _over: bool = False

    def answered(self, status: int, headers: Mapping[Any, Any]) -> None:
        """Say what the host answered: 429 and 503 hold it back, anything else below 500 takes one trouble back."""
        if status in BUSY:
            asked = retry_after(headers, now=self._hosts.wall())
            self._hosts.troubled(self.host, f"it answered {status}", asked=asked, began=self.began)
        elif status < 500:
            self._hosts.recovered(self.host)

    def failed(self, why: str) -> None:
        """Say that the host could not be reached."""
        self._hosts.troubled(self.host, why, asked=None, began=self.began)

    def broke(self, why: str) -> None:
        """Say that no whole answer came: a page's trouble, unless it befalls several pages in a row."""
        self._hosts.broken(self.host, why, began=self.began)

    def end(self) -> None:
        """Give the turn back; a second time does nothing."""
        if not self._over:
            self._over = True
            self._hosts._ended(self)


class Hosts:
    """All hosts of a crawl.

    Args:
        rows: Where what must survive is kept, the open frontier; None keeps it in memory only.
        per_host: How many requests a host gets at once, where it asks for no delay and is in no trouble.
        seed: Of the jitter of the pauses.
        wall, monotonic: The clocks.
    """

    def __init__(
        self,
        rows: Rows | None = None,
        *,
        per_host: int = 4,
        seed: int = 0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rows = rows
        self.per_host = per_host
        self.wall = wall
        self._now = monotonic
        self._rng = random.Random(seed)
        self._hosts: dict[str, HostState] = {}
        if rows is not None:
            self._recall(rows)

    # -- asking ---------------------------------------------------------------------------------------------------
    def may_start(self, host: str, in_hand: int = 0) -> bool:
        """Whether a request to the host may begin now.

        Args:
            host: As `crawlers.scope.host_of` names it.
            in_hand: How many requests of the host were handed out and are not answered, also those without a turn yet.
        """
        state = self._hosts.get(host)
        if state is None:
            return in_hand < self.per_host
        places = state.places(self.per_host)
        if max(in_hand, state.in_use + len(state.waiting)) >= places:
            return False
        now = self._now()
        return now >= state.due() and now >= state.closed_until

    def places(self, host: str) -> int:
        """How many requests the host may get at once."""
        state = self._hosts.get(host)
        return self.per_host if state is None else state.places(self.per_host)

    def ready_at(self, host: str) -> float:
        """When a request that asks now may begin by delays and pauses, in epoch seconds; of a closed host, when it
        opens again."""
        state, now = self._hosts.get(host), self._now()
        if state is None:
            return self.wall()
        return self.wall() + max(state.due_for_one_more(now), state.closed_until) - now

    def closed(self, host: str) -> str | None:
        """Why this crawl does not wait for the host, as a clause; None where it does."""
        state = self._hosts.get(host)
        return state.closed_why if state is not None and self._now() < state.closed_until else None

    def why_waiting(self, host: str) -> str | None:
        """Why a request would wait now, as a clause; None where it need not."""
        state = self._hosts.get(host)
        if state is None:
            return None
        now = self._now()
        if (closed := self.closed(host)) is not None:
            return closed
        if state.held_until > now:
            return f"{state.held_why}; asked again in {in_words(state.held_until - now)}"
        if state.delay and (state.due() > now or state.in_use):
            return f"it asks for {in_words(state.delay)} between two pages"
        return "its places are taken" if state.in_use >= state.places(self.per_host) else None

    def closed_hosts(self) -> dict[str, str]:
        """The hosts that this crawl does not wait for, with the reason."""
        return {host: why for host in self._hosts if (why := self.closed(host)) is not None}

    def delay(self, host: str) -> float:
        """Seconds that the host asks for between two requests; 0 where it asks for none."""
        state = self._hosts.get(host)
        return 0.0 if state is None else state.delay

    # -- taking turns ---------------------------------------------------------------------------------------------
    @asynccontextmanager
    async def turn(self, host: str, *, at_most: float = math.inf, of_file: bool = False) -> AsyncIterator[Turn]:
        """`take`, and `end` whatever happens."""
        taken = await self.take(host, at_most=at_most, of_file=of_file)
        try:
            yield taken
        finally:
            taken.end()

    async def take(self, host: str, *, at_most: float = math.inf, of_file: bool = False) -> Turn:
        """Wait for a turn of the host; in the order of asking. The caller must `end` it.

        Args:
            host: As `crawlers.scope.host_of` names it.
            at_most: Seconds that are worth waiting.
            of_file: It is a file about the host, such as robots.txt, and no page of it.

        Raises:
            TurnFarOff: It would take longer, or the host is closed.
        """
        state = self._hosts.setdefault(host, HostState())
        self._refuse_if_far(host, state, at_most)
        waiter = Waiter(asyncio.get_running_loop().create_future(), at_most, of_file)
        state.waiting.append(waiter)
        self._grant(host, state)
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter in state.waiting:
                state.waiting.remove(waiter)
            elif not waiter.granted.cancelled() and waiter.granted.exception() is None:
                waiter.granted.result().end()  # it was granted in the same moment, and nobody is there to use it
            raise

    def _refuse_if_far(self, host: str, state: HostState, at_most: float) -> None:
        now = self._now()
        if math.isfinite(at_most) and (now < state.closed_until or state.due_for_one_more(now) - now > at_most):
            raise TurnFarOff(host, self.ready_at(host))

    def _grant(self, host: str, state: HostState) -> None:
        """Give turns to those who wait, as far as they may begin now; else come back when they may."""
        if state.timer is not None:
            state.timer.cancel()
            state.timer = None
        while state.waiting and state.in_use < state.places(self.per_host):
            now, due = self._now(), state.due()
            if due > now:
                loop = state.waiting[0].granted.get_loop()
                state.timer = loop.call_later(due - now, self._grant, host, state)
                return
            waiter = state.waiting.popleft()
            if waiter.granted.done():
                continue
            state.in_use += 1
            if state.delay:
                self._keep(host, state)
            waiter.granted.set_result(Turn(host, now, waiter.of_file, self))

    def _ended(self, turn: Turn) -> None:
        state = self._hosts[turn.host]
        state.in_use -= 1
        if turn.of_file:
            state.file_ended = self._now()
        else:
            state.page_ended = self._now()
        if state.delay:
            self._keep(turn.host, state)
            self._close_if_far(turn.host, state)
        self._grant(turn.host, state)
        if state.says_nothing(self._now()):
            del self._hosts[turn.host]

    # -- learning -------------------------------------------------------------------------------------------------
    def set_delay(self, host: str, seconds: float) -> None:
        """Note what the host's robots.txt asks for between two requests; it is kept however long it is."""
        if host not in self._hosts and not seconds:
            return
        state = self._hosts.get(host)
        if state is None:  # it was asked just now, or nothing would be known of it
            state = self._hosts.setdefault(host, HostState(file_ended=self._now()))
        if state.delay == seconds:
            return
        state.delay = seconds
        if seconds > WORTH_SAYING:
            logger.warning("%s asks for %s between two pages; it is asked that seldom.", host, in_words(seconds))
        self._keep(host, state)
        self._close_if_far(host, state)
        if state.timer is not None:
            self._grant(host, state)

    def hold(self, host: str, seconds: float, why: str) -> None:
        """Ask the host nothing for so long; those who would wait longer than they want to are told."""
        state = self._hosts.setdefault(host, HostState())
        now = self._now()
        state.held_since = now
        if now + seconds > state.held_until:
            state.held_until, state.held_why = now + min(seconds, LONGEST_KEPT), why
        self._keep(host, state)
        self._close_if_far(host, state)
        self._dismiss_who_would_wait_too_long(host, state)
        if state.timer is not None:
            self._grant(host, state)

    def close(self, host: str, why: str, *, seconds: float = LONGEST_WAIT) -> None:
        """Leave the host's requests to the next crawl; a crawl that still runs when the time is over tries it again."""
        state = self._hosts.setdefault(host, HostState())
        state.closed_until, state.closed_why = self._now() + seconds, why
        logger.warning("%s is left for the next crawl: %s.", host, why)
        self._dismiss_who_would_wait_too_long(host, state)

    def troubled(self, host: str, why: str, *, asked: float | None, began: float) -> None:
        """Hold the host back: as long as it `asked` for, else longer with each trouble in a row.

        What was under way when an earlier trouble was told is the same trouble.
        """
        state = self._hosts.setdefault(host, HostState())
        if began >= state.held_since:
            state.troubles += 1
        pause = asked
        if not pause:
            grown = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(state.troubles - 1, 30))
            pause = grown * self._rng.uniform(1.0, 1.5)
        self.hold(host, pause, why)
        if state.troubles >= TROUBLES_TO_CLOSE and self.closed(host) is None:
            self.close(host, f"{why}, {state.troubles} times in a row")

    def broken(self, host: str, why: str, *, began: float) -> None:
        """Count an answer that did not come whole; `BROKEN_IN_A_ROW` of them, and each one after, are a trouble."""
        state = self._hosts.setdefault(host, HostState())
        state.broken += 1
        if state.broken >= BROKEN_IN_A_ROW:
            self.troubled(host, why, asked=None, began=began)

    def recovered(self, host: str) -> None:
        """Take one trouble back."""
        state = self._hosts.get(host)
        if state is None:
            return
        state.broken = 0
        if state.troubles:
            state.troubles -= 1
            self._keep(host, state)

    def _close_if_far(self, host: str, state: HostState) -> None:
        """Close a host that would have to be waited for longer than any crawl waits."""
        due = state.due()
        off = due - self._now()
        if off <= LONGEST_WAIT or state.closed_until >= due:
            return
        why = f"it asks for {in_words(state.delay)} between two pages"
        if state.held_until >= due:
            why = f"{state.held_why} and asks to be left alone for {in_words(off)}"
        self.close(host, why, seconds=off)

    def _dismiss_who_would_wait_too_long(self, host: str, state: HostState) -> None:
        now = self._now()
        off = max(state.due(), state.closed_until) - now
        for waiter in [w for w in state.waiting if off > w.at_most]:
            state.waiting.remove(waiter)
            if not waiter.granted.done():
                waiter.granted.set_exception(TurnFarOff(host, self.wall() + off))

    # -- surviving ------------------------------------------------------------------------------------------------
    def _keep(self, host: str, state: HostState) -> None:
        if self.rows is not None:
            keep_host(self.rows, host, state.kept(self._now(), self.wall()))

    def _recall(self, rows: Rows) -> None:
        """Take up where the last crawl was."""
        for host, kept in kept_hosts(rows):
            self._hosts[host] = HostState.recalled(kept, self._now(), self.wall())
            self._close_if_far(host, self._hosts[host])
