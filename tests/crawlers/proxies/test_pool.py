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


def hosts_of(proxy: Proxy) -> str:
    """A host that keeps to the proxy, where all are well."""
    pool = ProxyPool(PROXIES)
    return next(host for n in range(1_000) if pool.choose(host := f"of{n}.example") == proxy)


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


def test_a_failing_proxy_rests_longer_each_time_and_at_last_is_given_up_while_others_work() -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:2], cool_down=10, clock=clock)
    ill, host = PROXIES[0].name, hosts_of(PROXIES[0])
    rests = []
    for _ in range(MOST_RESTS):
        fail(pool, ill, 3 if not rests else 1)
        assert pool.choose(host) == PROXIES[1]
        rests.append(pool.health[ill].rests_until - clock.now)
        clock.now += rests[-1]
        assert pool.choose(host) == PROXIES[0]
    assert rests == [10, 20, 40, 80, 160]
    fail(pool, ill, 1)
    clock.now += 2 * LONGEST_REST
    assert pool.choose(host) == PROXIES[1]


def test_when_all_proxies_fail_one_waits_some_two_minutes_for_any_of_them_to_answer() -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:2], clock=clock)
    began, tries = clock.now, 0
    while True:
        try:
            name = pool.choose("a.example").name
        except NoProxy as none:
            if none.ready_at is None:
                assert str(none) == "no proxy works; the last trouble was: it did not answer"
                break
            assert str(none).startswith("all proxies that fit rest after failures; the last trouble was: it did not")
            clock.now = none.ready_at
        else:
            tries += 1
            fail(pool, name, 1)
    assert 80 <= clock.now - began <= 130 and tries == 10
    clock.now += LONGEST_REST
    assert pool.choose("a.example") in PROXIES[:2]


def test_a_proxy_that_answered_between_its_troubles_is_waited_for_again() -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:1], clock=clock)
    for _ in range(10):
        fail(pool, PROXIES[0].name)
        with pytest.raises(NoProxy) as none:
            pool.choose("a.example")
        assert none.value.ready_at == clock.now + 30
        clock.now += 30
        pool.answered(PROXIES[0].name, "a.example")


def test_what_was_under_way_when_a_proxy_failed_is_the_same_failure() -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:1], clock=clock)
    for number in range(16):
        clock.now += 0.1 * (number > 2)
        fail(pool, PROXIES[0].name, 1)
    health = pool.health[PROXIES[0].name]
    assert (health.rests, health.troubles) == (1, 16) and health.rests_until < clock.now + 30


def test_a_doubt_sends_a_host_through_another_proxy_and_gives_none_a_rest() -> None:
    pool = ProxyPool(PROXIES, clock=Clock())
    first = pool.choose("a.example")
    for _ in range(10):
        pool.doubt(first.name, "a.example")
    assert pool.choose("a.example") != first and pool.choose(hosts_of(first)) == first


def test_health_survives_a_restart(table: Table) -> None:
    clock = Clock()
    fail(ProxyPool(PROXIES[:1], table, clock=clock), PROXIES[0].name)
    with pytest.raises(NoProxy, match="rest after failures"):
        ProxyPool(PROXIES[:1], table, clock=clock).choose("a.example")


def test_a_new_crawl_tries_a_proxy_once_more_that_was_given_up(table: Table) -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:1], table, clock=clock)
    for _ in range(10):
        fail(pool, PROXIES[0].name)
        clock.now += LONGEST_REST
    pool = ProxyPool(PROXIES[:1], table, clock=clock)
    assert pool.choose("a.example") == PROXIES[0]
    fail(pool, PROXIES[0].name, 1)
    with pytest.raises(NoProxy, match="no proxy works"):
        pool.choose("a.example")


def test_a_new_crawl_waits_for_no_long_rest_before_it_tries(table: Table) -> None:
    clock = Clock()
    pool = ProxyPool(PROXIES[:1], table, clock=clock)
    for _ in range(5):
        fail(pool, PROXIES[0].name)
        clock.now = pool.health[PROXIES[0].name].rests_until
    fail(pool, PROXIES[0].name)
    pool = ProxyPool(PROXIES[:1], table, clock=clock)
    with pytest.raises(NoProxy) as none:
        pool.choose("a.example")
    assert none.value.ready_at == clock.now + 30


def test_a_clock_that_was_set_back_gives_no_endless_rest(table: Table) -> None:
    clock = Clock()
    fail(ProxyPool(PROXIES[:1], table, clock=clock), PROXIES[0].name)
    clock.now -= 1e6
    assert ProxyPool(PROXIES[:1], table, clock=clock).choose("a.example") == PROXIES[0]
