"""What passes the gate: names are looked up once, and a source's own hosts may be anywhere."""

import asyncio
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, TypeVar

import pytest
from scrapy.exceptions import CannotResolveHostError

from crawlers.page_error import UnsafeAddress
from crawlers.safety.addresses import Address
from crawlers.safety.gate import Gate, SystemLookup, named_hosts

T = TypeVar("T")
WORLD = "93.184.216.34"


class Names:
    """A resolver whose answers a test writes; the last answer to a name stays."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> tuple[Address, ...]:
        self.asked.append(host)
        await asyncio.sleep(0)
        if host not in self.answers:
            raise OSError("no such name")
        left = self.answers[host]
        return tuple(map(ip_address, (left.pop(0) if len(left) > 1 else left[0]).split()))


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def gate(names: Names, *, start: tuple[str, ...] = (), hosts: tuple[str, ...] = (), clock: Any = None) -> Gate:
    return Gate({"forum": named_hosts(start, hosts)}, names, clock=clock or (lambda: 0.0))


def test_a_name_of_the_open_internet_passes() -> None:
    assert run(gate(Names(a_example=[WORLD])).addresses("a.example", 80, "forum")) == (ip_address(WORLD),)


def test_a_name_that_leads_inside_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        UnsafeAddress, match=r'a.example:80 is at 10.0.0.1, which is private; .*hosts = \["a.example:80"\]'
    ):
        run(gate(Names(a_example=["10.0.0.1"])).addresses("a.example", 80, "forum"))


def test_of_many_addresses_only_global_ones_are_used() -> None:
    names = Names(a_example=[f"127.0.0.1 {WORLD} ::1"])
    assert run(gate(names).addresses("a.example", 80, None)) == (ip_address(WORLD),)


def test_an_answer_that_changes_is_judged_anew_when_it_is_looked_up_anew() -> None:
    now = [0.0]
    names = Names(a_example=[WORLD, "127.0.0.1"])
    door = gate(names, start=("http://a.example/",), clock=lambda: now[0])

    async def twice() -> None:
        await door.addresses("a.example", 80, "forum")
        now[0] = 1e6
        await door.addresses("a.example", 80, "forum")

    with pytest.raises(UnsafeAddress):  # though the source names it: its first answer was global
        run(twice())


def test_a_named_host_keeps_the_inside_address_of_its_first_answer() -> None:
    now = [0.0]
    names = Names(intranet=["10.0.0.5", "10.0.0.5 10.0.0.6"])
    door = gate(names, start=("http://intranet:8080/",), clock=lambda: now[0])

    async def twice() -> tuple[Address, ...]:
        await door.addresses("intranet", 8080, "forum")
        now[0] = 1e6
        return await door.addresses("INTRANET", 8080, "forum")

    assert run(twice()) == (ip_address("10.0.0.5"),)


def test_no_name_leads_to_a_clouds_metadata() -> None:
    with pytest.raises(UnsafeAddress, match="a cloud machine keeps its secrets"):
        run(
            gate(Names(a_example=["169.254.169.254"]), start=("http://a.example/",)).addresses("a.example", 80, "forum")
        )


@pytest.mark.parametrize(
    ("host", "port", "source"),
    [
        ("127.0.0.1", 8081, "forum"),
        ("127.0.0.1", 8080, "other"),
        ("127.0.0.1", 8081, None),
        ("127.0.0.1", 8080, ""),
        ("127.0.0.2", 8080, "forum"),
        ("localhost", 8080, "forum"),
        ("127.1", 8080, "forum"),
        ("2130706433", 8080, "forum"),
        ("0x7f.1", 8080, "forum"),
        ("0177.0.0.1", 8080, "forum"),
        ("::1", 8080, "forum"),
        ("[::ffff:127.0.0.1]", 8080, "forum"),
        ("fe80::1%25lo", 8080, "forum"),
        ("0.0.0.0", 8080, "forum"),
        ("[::]", 8080, "forum"),
    ],
)
def test_only_the_very_host_and_port_that_a_source_names_may_be_inside(
    host: str, port: int, source: str | None
) -> None:
    door = Gate({"forum": named_hosts(["http://127.0.0.1:8080/"])})
    with pytest.raises((UnsafeAddress, CannotResolveHostError)):
        run(door.addresses(host, port, source))
    assert run(door.addresses("127.0.0.1", 8080, "forum")) == (ip_address("127.0.0.1"),)


def test_hosts_without_a_port_mean_the_two_ports_of_the_web() -> None:
    assert named_hosts(["https://A.example/x"], ["b.example", "[::1]:90"]) == {
        ("a.example", 443),
        ("b.example", 80),
        ("b.example", 443),
        ("::1", 90),
    }


def test_a_name_is_looked_up_once_for_all_who_wait_for_it() -> None:
    names = Names(a_example=[WORLD])
    door = gate(names)

    async def many() -> None:
        await asyncio.gather(*(door.addresses("a.example", 80, "forum") for _ in range(20)))

    run(many())
    assert names.asked == ["a.example"]


def test_a_name_that_is_not_known_is_said_so() -> None:
    with pytest.raises(CannotResolveHostError, match=r"the name nowhere.invalid is not known"):
        run(Gate({}, SystemLookup()).addresses("nowhere.invalid", 80, None))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.example/", "http:///x", "http://[::1", "http://a:99999/"]
)
def test_what_is_no_web_address_may_not_be_asked_for(url: str) -> None:
    assert run(gate(Names()).why_not(url, "forum"))
