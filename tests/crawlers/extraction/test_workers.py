"""Reading in worker processes: a page costs no more than its limit, and nobody else anything."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crawlers.extraction.workers import PageReader
from crawlers.kinds import read_source
from crawlers.page import Extraction
from tests.crawlers.extraction.answers import answer

SOURCE = read_source({"name": "x", "start": ["http://a.example/"]})
ITEMS = read_source({"name": "y", "start": ["http://a.example/"], "item": "p", "fields": {"text": "b"}})
PLAIN = "<title>T</title><main><h1>T</h1>" + "<p>Some words that a reader came for, and some more.</p>" * 5 + "</main>"
# Elements that are closed in another order than they were opened; each further one costs more than the last.
SLOW = "<html><body>" + "<b><i><p>hello " * 60_000
SECONDS = 2.5


@pytest.fixture(scope="module")
def reader() -> Iterator[PageReader]:
    with PageReader(2, SECONDS) as reader:
        yield reader


def readers_of(pid: int) -> list[psutil.Process]:
    """The processes below this one that read pages: those that the process that forks them has forked."""
    below = psutil.Process(pid).children(recursive=True)
    return [process for process in below if process.ppid() != pid]


def at_work(pid: int, readers: int) -> list[psutil.Process]:
    """The reading processes below one, when there are so many and each has begun with its page."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = readers_of(pid)
        before = [process.cpu_times().user for process in found]
        time.sleep(0.3)
        if len(found) == readers and all(
            process.cpu_times().user - user > 0.01 for process, user in zip(found, before, strict=True)
        ):
            return found
    raise AssertionError("no reader was ever at work")


def test_a_page_gives_what_its_kind_reads(reader: PageReader) -> None:
    whole, items = asyncio.run(_both(reader))
    assert [record.natural_key for record in whole.records] == ["http://a.example/list/1"]
    assert [record.text for record in items.records] == ["one"]


async def _both(reader: PageReader) -> tuple[Extraction, Extraction]:
    first, second = await asyncio.gather(
        reader.read(SOURCE, answer(PLAIN)), reader.read(ITEMS, answer("<p><b>one</b></p>"))
    )
    return first, second


def test_a_page_that_takes_too_long_is_given_up_and_the_pages_beside_it_are_read(reader: PageReader) -> None:
    begun = time.monotonic()
    slow = reader.submit(SOURCE, answer(SLOW))
    others = [reader.submit(SOURCE, answer(PLAIN)) for _ in range(20)]
    assert slow.result().error == f"extract: took longer than {SECONDS:g} s"
    assert time.monotonic() - begun < SECONDS + 2
    assert [other.result().error for other in others] == [None] * 20


def test_a_reader_that_is_killed_costs_the_page_it_was_at_and_is_replaced() -> None:
    others = {process.pid for process in readers_of(os.getpid())}
    with PageReader(1, 60) as alone:
        assert alone.submit(SOURCE, answer(PLAIN)).result().error is None
        slow = alone.submit(SOURCE, answer(SLOW))
        (its_own,) = [process for process in readers_of(os.getpid()) if process.pid not in others]
        time.sleep(0.2)
        its_own.kill()
        assert slow.result().error == "extract: the reader died of this page"
        assert alone.submit(SOURCE, answer(PLAIN)).result().error is None


def test_a_reader_that_is_killed_while_it_waits_costs_nothing(reader: PageReader) -> None:
    for process in readers_of(os.getpid()):
        process.kill()
    time.sleep(0.2)
    assert [reader.submit(SOURCE, answer(PLAIN)).result().error for _ in range(4)] == [None] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not limit the memory of a process")
def test_a_page_that_takes_too_much_memory_costs_itself_an_error() -> None:
    with PageReader(1, 20, memory_bytes=48 << 20) as small:
        large = small.submit(SOURCE, answer("<p>" + "<b>x</b>" * 1_000_000)).result()
        assert large.error is not None and large.error.startswith("extract: ")
        assert "longer" not in large.error
        assert small.submit(SOURCE, answer(PLAIN)).result().error is None


def test_pages_come_back_with_their_tags_in_their_order(reader: PageReader) -> None:
    pages = ((number, answer(f"<p><b>{number}</b></p>")) for number in range(40))
    found = list(reader.read_all(ITEMS, pages))
    assert [(tag, extraction.records[0].text) for tag, extraction in found] == [(n, str(n)) for n in range(40)]


def test_what_a_kind_raises_is_the_pages_error(reader: PageReader) -> None:
    unreadable = answer("<p>x")
    object.__setattr__(unreadable, "final_url", 7)
    assert str(reader.submit(SOURCE, unreadable).result().error).startswith("extract: ")


def test_closing_does_not_wait_for_a_slow_page() -> None:
    reader = PageReader(1, 60)
    slow = reader.submit(SOURCE, answer(SLOW))
    begun = time.monotonic()
    while not readers_of(os.getpid()) and time.monotonic() - begun < 10:
        time.sleep(0.02)
    begun = time.monotonic()
    reader.close()
    assert time.monotonic() - begun < 3
    assert slow.done()


ORPHANS = """
import sys, time
from crawlers.extraction.workers import PageReader
from tests.crawlers.extraction.test_workers import SLOW, SOURCE, answer, at_work
if __name__ == "__main__":
    import json, os
    reader = PageReader(2, 60)
    for _ in range(3):
        reader.submit(SOURCE, answer(SLOW))
    at_work(os.getpid(), 2)
    import psutil
    print(json.dumps([p.pid for p in psutil.Process().children(recursive=True)]), flush=True)
    time.sleep(60)
"""


def test_no_reader_outlives_a_crawl_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "crawl.py"
    script.write_text(ORPHANS, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as crawl:
        assert crawl.stdout is not None
        pids = json.loads(crawl.stdout.readline())
        crawl.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(map(_lives, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) >= 3
    assert not [pid for pid in pids if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
