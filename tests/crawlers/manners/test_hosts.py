"""Turns, delays and pauses of hosts, and what a restart knows of them."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from crawlers.frontier.file import Frontier
from crawlers.manners.hosts import (
    BROKEN_IN_A_ROW,
    LONGEST_KEPT,
    LONGEST_WAIT,
    TROUBLES_TO_CLOSE,
    Hosts,
    Turn,
    TurnFarOff,
)

A = "a.example"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_800_000_000.0, 1_000.0

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


def hosts_at(clock: Clock, rows: Frontier | None = None, **kwargs: int) -> Hosts:
    return Hosts(rows, wall=lambda: clock.wall, monotonic=lambda: clock.monotonic, **kwargs)


def left(hosts: Hosts, host: str) -> float:
    """Seconds until the host may be asked, as exactly as epoch seconds tell."""
    return round(hosts.ready_at(host) - hosts.wall(), 3)


async def ask(hosts: Hosts, host: str = A, status: int = 200, headers: dict[str, str] | None = None) -> None:
    async with hosts.turn(host) as turn:
        turn.answered(status, headers or {})


class TestPlaces:
    def test_a_host_without_a_delay_gets_per_host_requests_at_once_and_no_more(self) -> None:
        async def at_once() -> int:
            hosts, under_way, most = Hosts(per_host=3), 0, 0

            async def one() -> None:
                nonlocal under_way, most
                async with hosts.turn(A):
                    under_way += 1
                    most = max(most, under_way)
                    await asyncio.sleep(0.01)
                    under_way -= 1

            await asyncio.gather(*(one() for _ in range(10)))
            return most

        assert asyncio.run(at_once()) == 3

    def test_a_host_with_a_delay_gets_one_and_the_gap_runs_from_the_end_of_the_answer(self) -> None:
        async def gaps() -> list[float]:
            hosts, spans = Hosts(per_host=4), []
            hosts.set_delay(A, 0.1)

            async def one() -> None:
                async with hosts.turn(A):
                    began = time.monotonic()
                    await asyncio.sleep(0.05)
                    spans.append((began, time.monotonic()))

            await asyncio.gather(*(one() for _ in range(4)))
            return [after[0] - before[1] for before, after in itertools.pairwise(spans)]

        assert min(asyncio.run(gaps())) >= 0.1

    def test_turns_are_given_in_the_order_of_asking(self) -> None:
        async def order() -> list[int]:
            hosts, came = Hosts(per_host=1), []

            async def one(number: int) -> None:
                async with hosts.turn(A):
                    came.append(number)
                    await asyncio.sleep(0)

            await asyncio.gather(*(one(number) for number in range(20)))
            return came

        assert asyncio.run(order()) == list(range(20))

    def test_hosts_do_not_wait_for_one_another(self) -> None:
        async def took() -> float:
            hosts = Hosts(per_host=1)
            hosts.set_delay(A, 5)
            await ask(hosts)
            began = time.monotonic()
            await ask(hosts, "b.example")
            return time.monotonic() - began

        assert asyncio.run(took()) < 1

    @pytest.mark.parametrize("cancel_after", [0.0, 0.005, 0.012, 0.03])
    def test_a_turn_that_nobody_waits_for_any_more_is_not_lost(self, cancel_after: float) -> None:
        async def all_get_one() -> None:
            hosts = Hosts(per_host=1)

            async def hold() -> None:
                async with hosts.turn(A):
                    await asyncio.sleep(0.01)

            tasks = [asyncio.ensure_future(hold()) for _ in range(5)]
            await asyncio.sleep(cancel_after)
            for task in tasks[:4]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.wait_for(ask(hosts), 1)
            assert hosts.may_start(A)

        asyncio.run(all_get_one())

    def test_a_turn_granted_in_the_moment_of_its_cancelling_is_given_back(self) -> None:
        async def free() -> bool:
            hosts = Hosts(per_host=1)
            first = await hosts.take(A)
            task = asyncio.ensure_future(hosts.take(A))
            await asyncio.sleep(0)
            first.end()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return hosts.may_start(A)

        assert asyncio.run(free())

    def test_ending_a_turn_twice_frees_one_place(self) -> None:
        async def places() -> tuple[bool, bool]:
            hosts = Hosts(per_host=2)
            first, _ = await hosts.take(A), await hosts.take(A)
            first.end()
            first.end()
            return hosts.may_start(A), hosts.may_start(A, in_hand=2)

        assert asyncio.run(places()) == (True, False)

    def test_what_was_handed_out_and_has_no_turn_yet_counts(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        assert hosts.may_start(A, in_hand=3) and not hosts.may_start(A, in_hand=4)
        hosts.set_delay(A, 1)
        clock.go(2)
        assert hosts.may_start(A, in_hand=0) and not hosts.may_start(A, in_hand=1)

    def test_asking_for_ten_thousand_hosts_takes_under_a_tenth_of_a_second(self) -> None:
        hosts = Hosts()
        names = [f"{n}.example" for n in range(10_000)]
        for name in names:
            hosts.set_delay(name, 60)
        took = []
        for _ in range(3):
            began = time.perf_counter()
            ready = sum(hosts.may_start(name) for name in names)
            took.append(time.perf_counter() - began)
        assert ready == 0 and min(took) < 0.1


class TestBusy:
    def test_retry_after_in_seconds_holds_back_the_whole_host(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=429, headers={"retry-after": "20"}))
        assert left(hosts, A) == 20 and hosts.ready_at(A) == clock.wall + 20
        clock.go(19.9)
        assert not hosts.may_start(A)
        clock.go(0.2)
        assert hosts.may_start(A)

    def test_retry_after_as_a_date_holds_back_the_whole_host(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=503, headers={"Retry-After": formatdate(clock.wall + 90, usegmt=True)}))
        assert left(hosts, A) == pytest.approx(90, abs=1)

    @pytest.mark.parametrize("said", ["", "soon", "-5", "0", "1e3", "Wed, 21 Oct 2015 07:28:00 GMT", "\x00", "99:99"])
    def test_retry_after_that_says_nothing_gives_a_pause_of_our_own(self, clock: Clock, said: str) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=429, headers={"Retry-After": said}))
        assert 1.0 <= left(hosts, A) <= 1.5 and hosts.closed(A) is None

    def test_pauses_grow_with_each_trouble_in_a_row_up_to_a_longest_one(self, clock: Clock) -> None:
        hosts, waits = hosts_at(clock), []
        for _ in range(12):
            asyncio.run(ask(hosts, status=503))
            waits.append(hosts._hosts[A].held_until - clock.monotonic)  # it is closed after some of them
            clock.go(waits[-1])
        assert [round(w) >= 2**n for n, w in enumerate(waits[:7])] == [True] * 7
        assert max(waits) <= 300 * 1.5

    def test_pauses_are_the_same_for_the_same_seed_and_others_for_another(self, clock: Clock) -> None:
        def pause(seed: int) -> float:
            hosts = hosts_at(clock, seed=seed)
            asyncio.run(ask(hosts, status=503))
            return left(hosts, A)

        assert pause(1) == pause(1) != pause(2)

    def test_answers_that_were_under_way_together_are_one_trouble(self, clock: Clock) -> None:
        async def four_at_once(hosts: Hosts) -> None:
            turns = [await hosts.take(A) for _ in range(4)]
            for turn in turns:
                clock.go(0.01)
                turn.answered(429, {})
                turn.end()

        hosts = hosts_at(clock)
        asyncio.run(four_at_once(hosts))
        assert left(hosts, A) <= 1.5

    def test_a_host_in_trouble_is_asked_by_one_until_successes_make_up_for_it(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        for _ in range(2):
            asyncio.run(ask(hosts, status=503))
            clock.go(10)
        places = [hosts.places(A)]
        for _ in range(2):
            asyncio.run(ask(hosts))
            places.append(hosts.places(A))
        assert places == [1, 1, 4]

    def test_a_host_that_wants_over_an_hour_is_closed_for_this_crawl_with_a_reason(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=503, headers={"Retry-After": "7200"}))
        closed = hosts.closed(A)
        assert closed is not None and "503" in closed and "2 hours" in closed
        assert not hosts.may_start(A) and hosts.closed_hosts() == {A: closed}

    def test_a_host_that_wants_an_hour_or_less_is_waited_for(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=503, headers={"Retry-After": str(int(LONGEST_WAIT))}))
        assert hosts.closed(A) is None

    @pytest.mark.parametrize("said", ["31536000", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_a_host_that_wants_a_year_is_asked_again_after_a_day(self, clock: Clock, said: str) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=503, headers={"Retry-After": said}))
        assert hosts.closed(A) and left(hosts, A) == LONGEST_KEPT

    def test_a_host_that_is_never_well_is_closed_in_the_end(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        for _ in range(TROUBLES_TO_CLOSE):
            assert hosts.closed(A) is None
            clock.go(left(hosts, A) + 0.001)
            asyncio.run(ask(hosts, status=503))
        assert hosts.closed(A) == f"it answered 503, {TROUBLES_TO_CLOSE} times in a row"

    def test_pages_that_break_off_are_their_own_trouble_until_so_many_do_in_a_row(self, clock: Clock) -> None:
        async def broken() -> None:
            async with hosts.turn(A) as turn:
                turn.broke("the answer broke off")

        hosts = hosts_at(clock)
        for _ in range(3):
            for _ in range(BROKEN_IN_A_ROW - 1):
                asyncio.run(broken())
            assert not left(hosts, A) and hosts.places(A) == 4
            asyncio.run(ask(hosts))
        for _ in range(BROKEN_IN_A_ROW):
            asyncio.run(broken())
        assert 1.0 <= left(hosts, A) <= 1.5 and hosts.places(A) == 1

    def test_a_closed_host_opens_again_in_a_crawl_that_still_runs(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        hosts.close(A, "it is gone")
        clock.go(LONGEST_WAIT + 1)
        assert hosts.closed(A) is None and hosts.may_start(A)


class TestTooFarOff:
    def test_who_would_wait_too_long_is_told_when_to_come_again(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        hosts.hold(A, 100, "busy")
        with pytest.raises(TurnFarOff) as told:
            asyncio.run(hosts.take(A, at_most=10))
        assert told.value.ready_at == clock.wall + 100

    def test_who_waits_already_is_told_when_the_host_asks_for_a_long_pause(self) -> None:
        async def told() -> float:
            hosts = Hosts(per_host=1)
            first = await hosts.take(A)
            second = asyncio.ensure_future(hosts.take(A, at_most=10))
            await asyncio.sleep(0)
            first.answered(429, {"Retry-After": "50"})
            first.end()
            with pytest.raises(TurnFarOff) as far:
                await asyncio.wait_for(second, 1)
            return far.value.ready_at - time.time()

        assert asyncio.run(told()) == pytest.approx(50, abs=1)

    def test_the_queue_before_one_counts(self, clock: Clock) -> None:
        async def third() -> None:
            hosts = hosts_at(clock)
            hosts.set_delay(A, 8)
            clock.go(10)
            await hosts.take(A)
            second = asyncio.ensure_future(hosts.take(A, at_most=10))
            await asyncio.sleep(0)
            with pytest.raises(TurnFarOff):
                await hosts.take(A, at_most=10)
            second.cancel()

        asyncio.run(third())


class TestRestart:
    def test_a_restart_does_not_hurry_a_host_with_a_delay(self, clock: Clock, frontier: Frontier) -> None:
        hosts = hosts_at(clock, frontier)
        hosts.set_delay(A, 10)
        clock.go(20)
        asyncio.run(ask(hosts))
        clock.go(0.1)
        assert left(hosts_at(clock, frontier), A) == pytest.approx(9.9)

    def test_a_request_that_was_under_way_at_the_kill_counts_as_ended_now(
        self, clock: Clock, frontier: Frontier
    ) -> None:
        hosts = hosts_at(clock, frontier)
        hosts.set_delay(A, 10)
        clock.go(20)
        asyncio.run(hosts.take(A))
        clock.go(7)
        assert left(hosts_at(clock, frontier), A) == pytest.approx(10)

    def test_retry_after_is_kept_over_a_restart(self, clock: Clock, frontier: Frontier) -> None:
        asyncio.run(ask(hosts_at(clock, frontier), status=429, headers={"Retry-After": "600"}))
        clock.go(100)
        again = hosts_at(clock, frontier)
        assert left(again, A) == pytest.approx(500) and "429" in str(again.why_waiting(A))

    def test_a_closed_host_is_closed_in_the_next_crawl_while_it_asks_for_it(
        self, clock: Clock, frontier: Frontier
    ) -> None:
        asyncio.run(ask(hosts_at(clock, frontier), status=503, headers={"Retry-After": "10800"}))
        clock.go(60)
        assert hosts_at(clock, frontier).closed(A)
        clock.go(10_800)
        assert hosts_at(clock, frontier).may_start(A)

    def test_troubles_in_a_row_are_kept_over_a_restart(self, clock: Clock, frontier: Frontier) -> None:
        hosts = hosts_at(clock, frontier)
        for _ in range(4):
            asyncio.run(ask(hosts, status=503))
            clock.go(60)
        again = hosts_at(clock, frontier)
        asyncio.run(ask(again, status=503))
        assert left(again, A) >= 16

    def test_a_clock_that_went_back_makes_nobody_wait_longer_than_was_asked(
        self, clock: Clock, frontier: Frontier
    ) -> None:
        hosts = hosts_at(clock, frontier)
        hosts.set_delay(A, 10)
        asyncio.run(ask(hosts, "b.example", status=429, headers={"Retry-After": "30"}))
        clock.wall -= 365 * 86_400
        again = hosts_at(clock, frontier)
        assert left(again, A) == pytest.approx(10) and left(again, "b.example") == pytest.approx(30)

    def test_a_clock_that_goes_back_during_a_crawl_changes_no_wait(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=429, headers={"Retry-After": "30"}))
        clock.wall -= 86_400
        assert left(hosts, A) == 30 and hosts.ready_at(A) == clock.wall + 30

    def test_a_row_that_cannot_be_read_was_never_kept(self, clock: Clock, frontier: Frontier) -> None:
        frontier.write("INSERT INTO hosts VALUES (?, ?), (?, ?)", [A, "no json", "b.example", json.dumps({"new": 1})])
        assert hosts_at(clock, frontier).may_start(A)

    def test_nothing_is_written_for_a_host_that_asks_for_nothing(self, clock: Clock, frontier: Frontier) -> None:
        asyncio.run(ask(hosts_at(clock, frontier)))
        assert frontier.read("SELECT * FROM hosts") == []


class TestDelay:
    def test_a_delay_of_hours_is_kept_and_the_crawl_does_not_sit_it_out(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        hosts = hosts_at(clock)
        hosts.set_delay(A, 7200)
        clock.go(60)
        assert hosts.may_start(A), "the first page comes soon after robots.txt"
        asyncio.run(ask(hosts))
        assert hosts.closed(A) == "it asks for 2 hours between two pages"
        assert "2 hours between two pages" in caplog.text

    def test_a_host_that_nothing_is_known_of_is_forgotten(self) -> None:
        hosts = Hosts()
        asyncio.run(ask(hosts))
        assert not hosts._hosts

    def test_a_turn_of_another_kind_than_an_answer_changes_nothing(self, clock: Clock) -> None:
        hosts = hosts_at(clock)
        asyncio.run(ask(hosts, status=500))
        assert hosts.may_start(A) and isinstance(asyncio.run(hosts.take(A)), Turn)
