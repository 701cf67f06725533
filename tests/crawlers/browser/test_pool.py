"""Browsers come and go: put away in time, lost and replaced, and none outlives its crawl."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psutil
import pytest

from crawlers.browser import drawing
from crawlers.browser.chromium import Chromium, ContextKey
from crawlers.browser.drawing import Drawn, Order
from crawlers.browser.pool import BrowserPool
from crawlers.page_error import BrowserLost
from tests.crawlers.browser.scripted_site import Site, scripted_site


@pytest.fixture
def site() -> Iterator[Site]:
    with scripted_site() as running:
        running.pages |= {f"/{n}": f"<p>page {n}</p>" for n in range(10)}
        yield running


async def anywhere(_url: str) -> str | None:
    return None


def in_pool(work: Callable[[BrowserPool], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        pool = BrowserPool(**options)
        try:
            await work(pool)
        finally:
            await pool.close()

    asyncio.run(run())


def page(site: Site, path: str, pool: BrowserPool, **order: Any) -> Coroutine[Any, Any, Drawn]:
    return pool.draw(Order(site.url + path, ContextKey("s"), anywhere, **order))


def test_a_browser_is_put_away_after_so_many_pages_and_no_page_is_lost(site: Site) -> None:
    async def work(pool: BrowserPool) -> None:
        drawn = await asyncio.gather(*(page(site, f"/{n}", pool) for n in range(5)))
        assert [f"page {n}" in each.html for n, each in enumerate(drawn)] == [True] * 5
        assert pool.started == 3

    in_pool(work, at_once=1, most_pages=2)


def test_a_browser_that_holds_too_much_memory_is_put_away(site: Site) -> None:
    async def work(pool: BrowserPool) -> None:
        for n in range(2):
            await page(site, f"/{n}", pool)
        assert pool.started == 2

    in_pool(work, at_once=1, most_memory=2**20)


def test_a_browser_that_was_stopped_is_given_up_and_killed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "ANSWER_SECONDS", 1.0)

    async def work(pool: BrowserPool) -> None:
        async with pool.browser() as (chromium, _):
            process = psutil.Process(chromium._pid)
            process.suspend()
        with pytest.raises(BrowserLost):
            await page(site, "/1", pool)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        monkeypatch.undo()
        assert "page 1" in (await page(site, "/1", pool)).html

    in_pool(work, at_once=1)


def test_a_browser_that_dies_between_its_pages_or_in_other_work_is_lost_and_none_stays_behind(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(pool: BrowserPool) -> None:
        with pytest.raises(BrowserLost):
            async with pool.browser() as (chromium, _):
                psutil.Process(chromium._pid).kill()
                await chromium.context(ContextKey("s"))

        begun: list[Chromium] = []
        start = Chromium.start

        async def dies_at_once(*args: Any) -> Chromium:
            begun.append(await start(*args))
            psutil.Process(begun[0]._pid).kill()
            return begun[0]

        with monkeypatch.context() as patched:
            patched.setattr(Chromium, "start", dies_at_once)
            with pytest.raises(BrowserLost):
                await page(site, "/1", pool)
        assert begun[0]._ended
        assert "page 1" in (await page(site, "/1", pool)).html

    in_pool(work, at_once=1)


def test_pages_of_one_source_share_cookies_and_those_of_two_do_not(site: Site) -> None:
    site.pages["/sets"] = (200, "<p>set</p>", {"Set-Cookie": "a=1; Path=/"})

    async def work(pool: BrowserPool) -> None:
        for name in ("one", "two"):
            await pool.draw(Order(f"{site.url}/{'sets' if name == 'one' else '1'}", ContextKey(name), anywhere))
            await pool.draw(Order(f"{site.url}/2", ContextKey(name), anywhere))
        assert site.cookies == ["", "a=1", "", ""]

    in_pool(work, at_once=1)


OWNER = """
import asyncio, sys, psutil
from crawlers.browser.pool import BrowserPool
async def main():
    pool = BrowserPool(at_once=1)
    async with pool.browser() as (chromium, _):
        if sys.argv[1] == "stopped":
            psutil.Process(chromium._pid).suspend()
        print(pool._mark, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("chromium", ["running", "stopped"])
def test_no_browser_outlives_an_owner_that_was_killed(chromium: str) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, chromium], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    mark = owner.stdout.readline().strip()
    family = psutil.Process(owner.pid).children(recursive=True)
    assert any(mark in process.cmdline() for process in family if process.name().startswith("chrom"))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 15
    while (left := [each for each in family if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
