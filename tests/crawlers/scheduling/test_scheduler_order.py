"""Whose request is next: fair between hosts and sources, within what may be in hand, and no host before its time."""

import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.utils.test import get_crawler

from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Fetched, Queue, Wanted
from crawlers.scheduling import engine_slot
from crawlers.scheduling import scheduler as scheduling
from crawlers.scheduling.every_host import EveryHost
from crawlers.scheduling.scheduler import FrontierScheduler


class Two(Spider):
    """Stands in for tilth's own: two sources, whose requests it makes of their rows."""

    name = "two"
    source_names = ("first", "second")

    def request_of(self, row: Any) -> Request:
        return Request(row["url"], meta={"source": row["source"]})


class Timed(EveryHost):
    """Hosts that may be asked from a moment on, or not at all."""

    def __init__(self) -> None:
        self.from_: dict[str, float] = {}
        self.shut: dict[str, str] = {}

    def may_start(self, host: str, in_hand: int = 0) -> bool:
        return self.ready_at(host) <= time.time() and host not in self.shut

    def ready_at(self, host: str) -> float:
        return self.from_.get(host, 0.0)

    def closed(self, host: str) -> str | None:
        return self.shut.get(host)

    def closed_hosts(self) -> dict[str, str]:
        return self.shut


@pytest.fixture
def frontier(tmp_path: Path) -> Any:
    with Frontier(tmp_path / "frontier.sqlite") as opened:
        yield opened


class Clocks:
    """The wall clock and the monotonic one, which stand still unless they are moved."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 2e9, 50.0

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks()
    monkeypatch.setattr(time, "time", lambda: found.wall)
    monkeypatch.setattr(time, "monotonic", lambda: found.monotonic)
    return found


@pytest.fixture(autouse=True)
def no_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_slot, "call_later", lambda *_: None)  # there is no event loop here


def opened(frontier: Frontier, hosts: Timed | None = None, *, in_all: int = 100, per_host: int = 100) -> Any:
    crawler = get_crawler(Two, {"CONCURRENT_REQUESTS": in_all, "CONCURRENT_REQUESTS_PER_DOMAIN": per_host})
    crawler.hosts = hosts or Timed()  # type: ignore[attr-defined]
    spider = Two()
    spider.frontier = frontier  # type: ignore[attr-defined]
    found = FrontierScheduler(crawler)
    found.open(spider)
    return found


def fill(frontier: Frontier, count: int, *hosts: str, source: str = "first") -> None:
    Queue(frontier).add(Wanted(source, f"http://{host}/{n}", host) for host in hosts for n in range(count))


def taken(scheduler: FrontierScheduler, at_most: int = 1_000) -> list[Request]:
    found: list[Request] = []
    while len(found) < at_most and (request := scheduler.next_request()) is not None:
        found.append(request)
    return found


def hosts_of(requests: list[Request]) -> list[str]:
    return [request.url.split("/")[2] for request in requests]


def test_hosts_take_turns_however_much_each_has(frontier: Frontier) -> None:
    fill(frontier, 50, "big.example")
    fill(frontier, 2, "a.example", "b.example")
    scheduler = opened(frontier)
    first = Counter(hosts_of(taken(scheduler, 6)))
    assert first == {"big.example": 2, "a.example": 2, "b.example": 2}
    assert hosts_of(taken(scheduler)) == ["big.example"] * 48


def test_sources_on_one_host_take_turns(frontier: Frontier) -> None:
    fill(frontier, 4, "a.example")
    fill(frontier, 4, "a.example", source="second")
    sources = [request.meta["source"] for request in taken(opened(frontier), 4)]
    assert Counter(sources) == {"first": 2, "second": 2}


def test_no_more_is_in_hand_than_is_allowed_in_all_and_of_a_host(frontier: Frontier) -> None:
    fill(frontier, 9, "a.example", "b.example", "c.example")
    scheduler = opened(frontier, in_all=5, per_host=2)
    first = taken(scheduler)
    assert len(first) == 5 and max(Counter(hosts_of(first)).values()) == 2
    row = first[0].meta["frontier_id"]
    scheduler.queue.done(row, Fetched(200, 1.0))
    scheduler.let_go(row)
    assert len(taken(scheduler)) == 1


def test_a_host_is_not_asked_before_its_time_and_holds_up_no_other(frontier: Frontier, clocks: Clocks) -> None:
    hosts = Timed()
    hosts.from_["slow.example"] = time.time() + 0.3
    fill(frontier, 3, "a.example", "slow.example")
    scheduler = opened(frontier, hosts)
    assert set(hosts_of(taken(scheduler))) == {"a.example"}
    assert scheduler.has_pending_requests()
    clocks.go_on(0.31)
    assert hosts_of(taken(scheduler)) == ["slow.example"] * 3
    assert not scheduler.has_pending_requests()


def test_a_closed_host_is_left_to_the_next_crawl(frontier: Frontier) -> None:
    hosts = Timed()
    hosts.shut["gone.example"] = "it is closed"
    fill(frontier, 3, "a.example", "gone.example")
    scheduler = opened(frontier, hosts)
    assert set(hosts_of(taken(scheduler))) == {"a.example"} and not scheduler.has_pending_requests()
    assert Queue(frontier).hosts("first") == ["gone.example"]


def test_a_request_that_is_put_back_waits_and_its_place_is_free(frontier: Frontier, clocks: Clocks) -> None:
    fill(frontier, 2, "a.example")
    scheduler = opened(frontier, per_host=1)
    (first,) = taken(scheduler)
    again = first.replace(dont_filter=True)
    again.meta["not_before"], again.meta["tries"] = time.time() + 0.2, 1
    assert scheduler.enqueue_request(again)
    (second,) = taken(scheduler)
    assert second.url != first.url and scheduler.has_pending_requests()
    scheduler.queue.done(second.meta["frontier_id"], Fetched(200, 1.0))
    scheduler.let_go(second.meta["frontier_id"])
    assert taken(scheduler) == []
    clocks.go_on(0.21)
    (back,) = taken(scheduler)
    assert back.url == first.url


def test_a_hop_of_a_redirect_comes_first_and_takes_no_second_place(frontier: Frontier) -> None:
    fill(frontier, 5, "a.example")
    scheduler = opened(frontier, per_host=2)
    first, _ = taken(scheduler)
    hop = first.replace(url="http://a.example/elsewhere")
    hop.meta["redirect_times"] = 1
    assert scheduler.enqueue_request(hop)
    assert [request.url for request in taken(scheduler)] == ["http://a.example/elsewhere"]
    assert len(scheduler.in_hand) == 2


def test_what_waits_is_counted_by_host(frontier: Frontier) -> None:
    fill(frontier, 3, "a.example")
    scheduler = opened(frontier)
    assert scheduler.waiting == {"a.example": 3}
    (first,) = taken(scheduler, 1)
    assert scheduler.waiting["a.example"] == 2
    scheduler.later(first.meta["frontier_id"], time.time() + 60, 1)
    assert scheduler.waiting["a.example"] == 3


def test_a_crawl_of_one_source_leaves_what_waits_of_another(frontier: Frontier, clocks: Clocks) -> None:
    fill(frontier, 1, "b.example", source="elsewhere")
    queue = Queue(frontier)
    row = queue.lease("elsewhere", "b.example")
    assert row is not None
    queue.put_back(row["id"], not_before=1.0, tries=1)
    fill(frontier, 1, "a.example")
    scheduler = opened(frontier)
    (first,) = taken(scheduler)
    scheduler.later(first.meta["frontier_id"], time.time() + 0.05, 1)  # so that it looks for what is due
    clocks.go_on(0.06)
    assert [request.meta["source"] for request in taken(scheduler)] == ["first"]
    assert not scheduler.has_pending_requests()


def test_whatever_goes_wrong_in_choosing_ends_the_crawl(frontier: Frontier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Two, "request_of", lambda *_: [][1])
    fill(frontier, 1, "a.example")
    scheduler = opened(frontier)
    given_up: list[Exception] = []
    monkeypatch.setattr(scheduler.spider, "give_up", given_up.append, raising=False)
    assert scheduler.next_request() is None
    assert isinstance(given_up[0], IndexError)


def test_what_is_in_hand_when_the_crawl_is_ended_is_queued_again(frontier: Frontier) -> None:
    fill(frontier, 3, "a.example")
    scheduler = opened(frontier)
    taken(scheduler, 2)
    scheduler.close("shutdown")
    assert frontier.read("SELECT state, deaths FROM requests GROUP BY 1, 2")[0][:] == ("queued", 0)
    assert len(taken(opened(frontier))) == 3


def test_a_clock_that_is_set_back_holds_up_neither_a_host_nor_what_waits(frontier: Frontier, clocks: Clocks) -> None:
    hosts = Timed()
    hosts.from_["slow.example"] = time.time() + 10
    fill(frontier, 1, "slow.example", "a.example")
    scheduler = opened(frontier, hosts)
    (first,) = taken(scheduler)
    scheduler.later(first.meta["frontier_id"], time.time() + 10, 1)
    clocks.wall -= 3_600
    hosts.from_["slow.example"] -= 3_600  # as `Hosts` has it, whose clock is monotonic
    assert taken(scheduler) == []
    clocks.go_on(9.0)
    assert taken(scheduler) == []
    clocks.go_on(1.1)
    assert sorted(hosts_of(taken(scheduler))) == ["a.example", "slow.example"]


def test_nothing_waits_for_a_host_that_is_closed_by_what_else_it_was_asked(frontier: Frontier) -> None:
    hosts = Timed()
    fill(frontier, 2, "gone.example")
    scheduler = opened(frontier, hosts)
    first, second = taken(scheduler)
    scheduler.later(first.meta["frontier_id"], time.time() + 600, 1)
    hosts.shut["gone.example"] = "it is closed"
    scheduler.later(second.meta["frontier_id"], time.time(), 0)
    assert taken(scheduler) == [] and not scheduler.has_pending_requests()


def test_a_closed_host_that_is_open_again_is_asked_by_a_crawl_that_still_runs(
    frontier: Frontier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "SECONDS_BETWEEN_LOOKS_AT_CLOSED", 0.0)
    hosts = Timed()
    hosts.shut["gone.example"] = "it is closed"
    fill(frontier, 1, "gone.example")
    scheduler = opened(frontier, hosts)
    assert taken(scheduler) == []
    hosts.shut.clear()
    assert hosts_of(taken(scheduler)) == ["gone.example"]


def test_what_cannot_be_put_back_ends_the_crawl(frontier: Frontier, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(frontier, 1, "a.example")
    scheduler = opened(frontier)
    (first,) = taken(scheduler)
    given_up: list[Exception] = []
    monkeypatch.setattr(scheduler.spider, "give_up", given_up.append, raising=False)
    first.meta["not_before"] = time.time()
    frontier.write("ALTER TABLE requests RENAME TO elsewhere")
    scheduler.enqueue_request(first)
    assert isinstance(given_up[0], sqlite3.OperationalError)
