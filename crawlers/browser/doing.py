"""Does a source's steps on a page; what could not be done is a note, and the page is kept as it stands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crawlers.browser.clock import Clock, TimeUp, in_time
from crawlers.browser.steps import Fill, Step
from crawlers.browser.watched import Watched

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

QUIET_SECONDS = 0.25
"""A page has settled when for so long nothing that it asks for is under way."""
SETTLE_SECONDS = 5.0
"""Longer than this nobody waits for a page to settle: some never do."""
FIND_SECONDS = 5.0
"""What is clicked or filled for the first time may take so long to appear."""
NEW = "() => [document.documentElement.scrollHeight, document.getElementsByTagName('*').length].join()"
TO_THE_END = """() => {
  window.scrollTo(0, document.documentElement.scrollHeight);
  for (const each of document.querySelectorAll('body *'))
    if (each.scrollHeight > each.clientHeight + 50 && /auto|scroll/.test(getComputedStyle(each).overflowY))
      each.scrollTop = each.scrollHeight;
}"""


class Settled:
    """Waits until a page asks for nothing more."""

    def __init__(self, page: Page, watched: Watched, clock: Clock) -> None:
        self.page = page
        self.clock = clock
        self._watched = watched

    async def wait(self, quiet: float = QUIET_SECONDS) -> None:
        """Wait until nothing was under way for `quiet` seconds; a few seconds at most, none where no scripts are."""
        if not await in_time(self.clock, SETTLE_SECONDS, self.page.evaluate("document.scripts.length")):
            return
        try:
            await in_time(self.clock, SETTLE_SECONDS, self._quiet(quiet))
        except TimeUp:
            pass

    async def _quiet(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            since = max(began, self._watched.quiet_since)
            if not self._watched.open and (left := since + seconds - loop.time()) <= 0:
                return
            await asyncio.sleep(0.02 if self._watched.open else max(0.01, left))


async def do_steps(page: Page, settled: Settled, steps: Sequence[Step]) -> list[str]:
    """Do them in order; after one that could not be done, the others are not tried. Gives what could not be done.

    Raises:
        PlaywrightError: The page was lost.
    """
    from playwright.async_api import Error as PlaywrightError

    for step in steps:
        try:
            said = await in_time(settled.clock, step.seconds, _do(page, settled, step))
        except TimeUp:
            said = _not_in_time(step)
        except PlaywrightError as error:
            if page.is_closed() or "crash" in str(error).lower():
                raise
            said = str(error).splitlines()[0][:200]
        if said is not None:
            return [f"wait-for: {said}" if step.wait_for is not None else f"steps: {said}"]
    return []


def _not_in_time(step: Step) -> str:
    if step.wait_for is not None:
        return f'nothing matched "{step.wait_for}" within {step.seconds:g} s'
    if step.click is not None:
        return f'clicking "{step.click}" was not done within {step.seconds:g} s'
    if step.fill is not None:
        return f'"{step.fill.selector}" could not be filled within {step.seconds:g} s'
    return f"the page showed new things for more than {step.seconds:g} s of scrolling"


async def _do(page: Page, settled: Settled, step: Step) -> str | None:
    if step.wait_for is not None:
        await page.wait_for_selector(step.wait_for, state="attached", timeout=0)
        return None
    if step.click is not None:
        return await _click(page, settled, step, step.click)
    if step.fill is not None:
        return await _fill(page, step.fill)
    return await _scroll(page, settled, step.most_scrolls)


async def _click(page: Page, settled: Settled, step: Step, selector: str) -> str | None:
    for clicks in range(step.most_clicks):
        found = await _first_usable(page, selector, FIND_SECONDS if clicks == 0 else 0.0)
        if found is None:
            return f'nothing that could be clicked matched "{selector}"' if clicks == 0 else None
        before = await page.evaluate(NEW)
        await found.click(timeout=FIND_SECONDS * 1000)
        await settled.wait()
        if step.most_clicks > 1 and await page.evaluate(NEW) == before:
            await settled.wait(4 * QUIET_SECONDS)  # it may be drawn a moment later
    if step.until_gone and await _first_usable(page, selector, 0.0) is not None:
        return f'"{selector}" was still there after {step.most_clicks} clicks'
    return None


async def _first_usable(page: Page, selector: str, wait: float) -> Locator | None:
    """The first match that a reader could click, waiting so many seconds for one."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + wait
    while True:
        for each in await page.locator(selector).all():
            if await each.is_visible() and await each.is_enabled():
                return each
        if loop.time() >= ends:
            return None
        await asyncio.sleep(0.1)


async def _scroll(page: Page, settled: Settled, most: int) -> str | None:
    for _ in range(most):
        before = await page.evaluate(NEW)
        await page.evaluate(TO_THE_END)
        await settled.wait()
        if await page.evaluate(NEW) == before:
            await settled.wait(4 * QUIET_SECONDS)  # what comes late still comes
            if await page.evaluate(NEW) == before:
                return None
    return f"the page still showed new things after {most} scrolls"


async def _fill(page: Page, fill: Fill) -> str | None:
    value = fill.value if fill.env is None else os.environ.get(fill.env)
    if value is None:
        return f"the environment variable {fill.env} is not set"
    found = await _first_usable(page, fill.selector, FIND_SECONDS)
    if found is None:
        return f'no field that could be filled matched "{fill.selector}"'
    await found.fill(value, timeout=FIND_SECONDS * 1000)
    return None
