"""Which proxy a request leaves through."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.proxies.pool import LONGEST_REST, MOST_RESTS, NoProxy, ProxyPool
from crawlers.proxies.proxy import Proxy

PROXIES = [Proxy("http", f"p{number}.example", 80, country="de" if number else "fr") for number in range(4)]


class Table:
    """The frontier's table `proxies`."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("CREATE TABLE proxies (proxy TEXT PRIMARY KEY, state TEXT)")

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return self.db.execute(sql, args).fetchall()

    def write(self, sql: str, args: Sequence[Any] = ()) -> None:
        self.db.execute(sql, args)


@pytest.fixture
def table() -> Iterator[Table]:
    made = Table()
    yield made
    made.db.close()


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def fail(pool: ProxyPool, name: str, times: int = 3) -> None:
    for _ in range(times):
        pool.failed(name, "other.example", "it did not answer")


@given(st.text("abc.", min_size=1), st.integers(0, 3))
def test_a_host_keeps_its_proxy_while_that_one_is_well(host: str, ill: int) -> None:
    before = ProxyPool(PROXIES, clock=Clock()).choose(host)
    pool = ProxyPool(list(reversed(PROXIES)), clock=Clock())
    fail(pool, PROXIES[ill].name)
    after = pool.choose(host)
    assert (after == before) == (before != PROXIES[ill])


def test_hosts_are_spread_over_the_proxies() -> None:
    pool = ProxyPool(PROXIES)
    counts = [sum(pool.choose(f"h{n}.example") == proxy for n in range(400)) for proxy in PROXIES]
    assert min(counts) > 60


def test_without_stickiness_they_take_turns() -> None:
    pool = ProxyPool(PROXIES, sticky=False)
    assert len({pool.choose("a.example") for _ in range(4)}) == 4


@pytest.mark.parametrize("sticky", [True, False])
def test_a_host_leaves_a_proxy_that_failed_it_for_a_while_and_others_stay(sticky: bool) -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES, sticky=sticky, cool_down=30, clock=clock)
    tried = []
    for _ in PROXIES:
        tried.append(pool.choose("a.example"))
        pool.failed(tried[-1].name, "a.example", "it did not answer")
        clock.now += 1
    assert len(set(tried)) == 4
    assert pool.choose("a.example") == tried[0]  # all have failed it: the one that did so longest ago
    clock.now += 600
    if sticky:
        assert pool.choose("a.example") == ProxyPool(PROXIES).choose("a.example")
        assert all(pool.choose(f"h{n}.example") == ProxyPool(PROXIES).choose(f"h{n}.example") for n in range(20))


def test_a_country_is_kept_to() -> None:
    pool = ProxyPool(PROXIES)
    assert {pool.choose(f"h{n}.example", country="fr") for n in range(20)} == {PROXIES[0]}
    with pytest.raises(NoProxy, match="no proxy in se"):
        pool.choose("a.example", country="se")


def test_one_failure_means_little_and_an_answer_forgives_it() -> None:
    pool = ProxyPool(PROXIES[:1])
    for _ in range(10):
        fail(pool, PROXIES[0].name, 2)
        pool.answered(PROXIES[0].name, "other.example")
    assert pool.choose("a.example") == PROXIES[0]


def test_a_failing_proxy_rests_longer_each_time_and_at_last_is_given_up() -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:1], cool_down=10, clock=clock)
    rests = []
    for _ in range(MOST_RESTS):
        fail(pool, PROXIES[0].name, 3 if not rests else 1)
        with pytest.raises(NoProxy, match="rest after failures") as none:
            pool.choose("a.example")
        assert none.value.ready_at is not None
        rests.append(none.value.ready_at - clock.now)
        clock.now = none.value.ready_at
        assert pool.choose("a.example") == PROXIES[0]
    assert rests == [10, 20, 40, 80, 160]
    fail(pool, PROXIES[0].name, 1)
    with pytest.raises(
        NoProxy, match=r"no proxy works; of http://p0.example:80 the last trouble was: it did not"
    ) as none:
        pool.choose("a.example")
    assert none.value.ready_at is None


def test_health_survives_a_restart(table: Table) -> None:
    clock = Clock()
    fail(ProxyPool(PROXIES[:1], table, clock=clock), PROXIES[0].name)
    with pytest.raises(NoProxy, match="rest after failures"):
        ProxyPool(PROXIES[:1], table, clock=clock).choose("a.example")


def test_a_new_crawl_tries_a_proxy_once_more_that_was_given_up(table: Table) -> None:
    clock = Clock()
    fail(ProxyPool(PROXIES[:1], table, clock=clock), PROXIES[0].name, 20)
    clock.now += LONGEST_REST
    pool = ProxyPool(PROXIES[:1], table, clock=clock)
    assert pool.choose("a.example") == PROXIES[0]
    fail(pool, PROXIES[0].name, 1)
    with pytest.raises(NoProxy, match="no proxy works"):
        pool.choose("a.example")


def test_a_clock_that_was_set_back_gives_no_endless_rest(table: Table) -> None:
    clock = Clock()
    fail(ProxyPool(PROXIES[:1], table, clock=clock), PROXIES[0].name)
    clock.now -= 1e6
    assert ProxyPool(PROXIES[:1], table, clock=clock).choose("a.example") == PROXIES[0]
