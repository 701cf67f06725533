"""Which proxy a request leaves through: the healthy ones take turns, or keep to their hosts, and failing ones rest.

A host keeps its proxy by rendezvous hashing (Thaler and Ravishankar, 1998): each proxy has a rank for each host, so
nothing has to be remembered, a later crawl chooses the same, and only the hosts of a proxy that rests move.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from crawlers.proxies.proxy import Proxy

FAILURES_IN_A_ROW = 3
LONGEST_REST = 600.0
DOUBT_SECONDS = 300.0
"""So long a host goes through another proxy after a failure; longer than the pauses between the tries of a page."""
MOST_DOUBTS = 10_000
MOST_RESTS = 5
"""A proxy that needs a further rest without one answer between them does not work."""
PATIENCE = 4.0
"""While no proxy is well, so many times their cool-down is waited for one to answer."""


class Rows(Protocol):
    """The open frontier, as far as it is needed here."""

    def read(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Any]:
        """Rows whose columns can be had by name."""

    def write(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """Change one row, durably."""


@dataclass
class Health:
    """What is known of a proxy.

    Attributes:
        failures: In a row.
        rests: In a row.
        rests_until: Epoch seconds; it is asked nothing before.
        ill_since: Epoch seconds of the first failure since its last answer; 0 where there was none.
        answers, troubles: How many, in all.
        trouble: The last one.
    """

    failures: int = 0
    rests: int = 0
    rests_until: float = 0.0
    ill_since: float = 0.0
    answers: int = 0
    troubles: int = 0
    trouble: str = ""

    @property
    def works(self) -> bool:
        """Whether another try is worth it."""
        return self.rests <= MOST_RESTS

    def is_well(self, now: float) -> bool:
        """Whether it may be asked."""
        return self.works and self.rests_until <= now


class NoProxy(Exception):
    """No proxy can be used now.

    Attributes:
        ready_at: When one can, in epoch seconds; None when none is worth waiting for.
    """

    def __init__(self, said: str, ready_at: float | None = None) -> None:
        super().__init__(said)
        self.ready_at = ready_at


class NoSuchProxy(NoProxy):
    """The project has none that fits."""


class ProxyPool(Mapping[str, Proxy]):
    """The proxies of a project by name, with their health, which is kept in the frontier."""

    def __init__(
        self,
        proxies: Iterable[Proxy],
        rows: Rows | None = None,
        *,
        sticky: bool = True,
        cool_down: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._proxies = {proxy.name: proxy for proxy in proxies}
        self._rows, self._sticky, self._cool_down, self._clock = rows, sticky, cool_down, clock
        self._health = {name: Health() for name in self._proxies}
        self._turn = 0
        self._doubts: OrderedDict[tuple[str, str], float] = OrderedDict()
        if rows is not None:
            self._remember(rows)

    def __getitem__(self, name: str) -> Proxy:
        return self._proxies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._proxies)

    def __len__(self) -> int:
        return len(self._proxies)

    @property
    def health(self) -> Mapping[str, Health]:
        """By name."""
        return self._health

    def choose(self, host: str, *, country: str | None = None) -> Proxy:
        """The proxy for a request to the host; for a while not the one that failed there, where there is another.

        Raises:
            NoSuchProxy: None fits.
            NoProxy: None that fits is well.
        """
        fitting = [proxy for proxy in self._proxies.values() if country in (None, proxy.country)]
        if not fitting:
            raise NoSuchProxy(f"the project has no proxy in {country}")
        now = self._clock()
        well = [proxy for proxy in fitting if self._health[proxy.name].is_well(now)]
        if not well:
            raise self._none_of(fitting)
        doubts = {proxy.name: self._doubts.get((host, proxy.name), 0.0) for proxy in well}
        if self._sticky:
            return min(well, key=lambda proxy: (max(doubts[proxy.name], now), _rank(host, proxy.name)))
        self._turn += 1
        turns = [well[(self._turn + place) % len(well)] for place in range(len(well))]
        return min(turns, key=lambda proxy: max(doubts[proxy.name], now))

    def _none_of(self, fitting: Sequence[Proxy]) -> NoProxy:
        """Why none of them is well, and whether that is worth waiting for."""
        found = {proxy.name: self._health[proxy.name] for proxy in fitting}
        last = max(found, key=lambda name: found[name].rests_until)
        trouble = f"the last trouble was: {found[last].trouble}"
        next_at = min((health.rests_until for health in found.values() if health.works), default=None)
        all_ill_since = max(health.ill_since for health in found.values())
        if next_at is None or next_at - all_ill_since > PATIENCE * self._cool_down:
            return NoProxy(f"no proxy works; {trouble}")
        return NoProxy(f"all proxies that fit rest after failures; {trouble}", next_at)

    def answered(self, name: str, host: str) -> None:
        """A request to the host through the proxy was answered."""
        self._doubts.pop((host, name), None)
        health = self._health[name]
        ailed = health.failures or health.rests
        health.failures = health.rests = 0
        health.ill_since = 0.0
        health.answers += 1
        if ailed:
            self._keep(name)

    def doubt(self, name: str, host: str) -> None:
        """Have the host go through another proxy for a while, where there is one."""
        self._doubts[host, name] = self._clock() + DOUBT_SECONDS
        self._doubts.move_to_end((host, name))
        if len(self._doubts) > MOST_DOUBTS:
            self._doubts.popitem(last=False)

    def failed(self, name: str, host: str, trouble: str) -> None:
        """A request to the host failed through the proxy; that may be the host's fault, so one failure means little."""
        self.doubt(name, host)
        health, now = self._health[name], self._clock()
        health.troubles += 1
        health.trouble = trouble
        if now >= health.rests_until:  # else it was under way when the rest began, and says nothing new
            health.ill_since = health.ill_since or now
            health.failures += 1
            if health.failures >= FAILURES_IN_A_ROW:
                health.rests_until = now + min(self._cool_down * 2.0**health.rests, LONGEST_REST)
                health.rests += 1
                health.failures = FAILURES_IN_A_ROW - 1  # after its rest, one failure is enough
        self._keep(name)

    def _remember(self, rows: Rows) -> None:
        now = self._clock()
        for row in rows.read("SELECT proxy, state FROM proxies"):
            if row["proxy"] not in self._health:
                continue
            try:
                kept = Health(**json.loads(row["state"]))
            except (TypeError, ValueError):
                continue
            # A rest that ends later than any can was written before the clock was set back.
            if kept.rests_until - now > LONGEST_REST:
                kept.rests_until = now
            if kept.ill_since:  # it may have been put right since the last crawl
                kept.ill_since = now
                kept.rests_until = min(kept.rests_until, now + self._cool_down)
            if not kept.works:  # a new crawl tries it once more
                kept.rests = MOST_RESTS
            self._health[row["proxy"]] = kept

    def _keep(self, name: str) -> None:
        if self._rows is not None:
            state = json.dumps(asdict(self._health[name]))
            self._rows.write("INSERT OR REPLACE INTO proxies (proxy, state) VALUES (?, ?)", [name, state])


def _rank(host: str, proxy: str) -> bytes:
    return hashlib.sha256(f"{host} {proxy}".encode()).digest()
