"""How a crawl says how it is doing: in little memory, however many hosts it meets."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawlers import live
from crawlers.frontier.file import Frontier
from crawlers.live import HOSTS_SHOWN, Tally, read_live, write_live
from crawlers.scheduling.every_host import EveryHost


class Closing(EveryHost):
    """Hosts of which some are left for the next crawl."""

    def closed_hosts(self) -> dict[str, str]:
        return {"dead.example": "it refused the connection", "done.example": "it refused the connection"}


def scheduler(**waiting: int) -> Any:
    queued = Counter({host.replace("_", "."): count for host, count in waiting.items()})
    return SimpleNamespace(in_hand={}, waiting=queued, hosts=Closing())


def test_hosts_are_shown_by_how_much_they_have_to_do_and_then_by_who_was_asked_last() -> None:
    tally = Tally("run")
    for number in range(200):
        tally.count(f"h{number}.example", 1, None, 0.1)
    shown = tally.state(scheduler(big_example=9, small_example=2), 0).hosts
    assert [host.host for host in shown[:2]] == ["big.example", "small.example"]
    assert len(shown) == HOSTS_SHOWN and all(int(host.host[1:].partition(".")[0]) >= 150 for host in shown[2:])


def test_of_hosts_that_had_no_page_for_long_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HOSTS_COUNTED", 10)
    tally = Tally("run")
    for number in range(50):
        tally.count("busy.example", 1, None, 0.1)
        tally.count(f"h{number}.example", 1, "timeout: too long", None)
    assert len(tally.hosts) == 10 and tally.hosts["busy.example"].pages == 50
    assert (tally.pages, tally.errors["timeout"]) == (100, 50)


def test_what_is_left_on_which_hosts_is_said_at_the_end(tmp_path: Path) -> None:
    tally, waiting = Tally("run"), scheduler(dead_example=3)
    assert tally.state(waiting, 0).closed == {}
    ended = tally.state(waiting, 0, ended=True)
    assert ended.closed == {"dead.example": "it refused the connection"}
    with Frontier(tmp_path / "frontier.sqlite") as frontier:
        write_live(frontier, ended)
        assert read_live(frontier) == ended
