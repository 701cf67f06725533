"""What the pages of a request may ask for."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request

from crawlers.browser.judging import DISALLOWED, Judges
from crawlers.manners.hosts import Hosts, TurnFarOff
from crawlers.safety.gate import Gate

OWN, OTHER = "93.184.216.34", "93.184.216.35"  # nothing is asked of them here


class Robots:
    """Disallows `/private/`; of a host that is down its file cannot be had."""

    def __init__(self, *down: str) -> None:
        self.down = down

    async def allows(self, url: str) -> bool:
        for host in self.down:
            if host in url:
                raise TurnFarOff(host, 0.0)
        return "/private/" not in url


def judges(robots: Robots, hosts: Hosts) -> Judges:
    crawler: Any = SimpleNamespace(
        spider=SimpleNamespace(scope_of=lambda _: None),
        gate=Gate({}),
        hosts=hosts,
        get_downloader_middleware=lambda _: robots,
    )
    return Judges(crawler, Request(f"http://{OWN}/page", meta={"source": "forum"}))


def test_a_part_may_come_from_anywhere_but_from_inside_or_where_robots_txt_disallows_it() -> None:
    judge = judges(Robots(), Hosts()).part
    assert asyncio.run(judge(f"http://{OTHER}/app.js")) is None
    assert asyncio.run(judge(f"http://{OTHER}/private/app.js")) == DISALLOWED
    assert asyncio.run(judge("http://127.0.0.1:8080/private/app.js")) == "the source may not go to where it is"


def test_a_part_of_a_host_that_is_down_for_all_is_refused_and_one_of_the_pages_own_host_waits() -> None:
    hosts = Hosts()
    judge = judges(Robots(OWN, OTHER), hosts).part
    with pytest.raises(TurnFarOff):
        asyncio.run(judge(f"http://{OTHER}/app.js"))  # it may come back yet
    for host in (OWN, OTHER):
        hosts.close(host, "its robots.txt could not be had")
    assert asyncio.run(judge(f"http://{OTHER}/app.js")) == "its robots.txt could not be had"
    with pytest.raises(TurnFarOff):
        asyncio.run(judge(f"http://{OWN}/app.js"))
