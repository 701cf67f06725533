"""The attempts of `ssrf.py` made for real: by a Chromium behind the egress, and by whole crawls."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from crawlers.safety.addresses import Address
from crawlers.safety.gate import SystemLookup
from tests.integration.ssrf import NAMES, Attacker

PATCH = """
import json, os, socket
_real, _left = socket.getaddrinfo, json.loads(os.environ["SSRF_NAMES"])
def _answer(host, port, family=0, type=0, proto=0, flags=0):
    name = host.decode() if isinstance(host, bytes) else host
    left = _left.get(name)
    if left is None:
        return _real(host, port, family, type, proto, flags)
    rows = left.pop(0) if len(left) > 1 else left[0]
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, type or 1, 6, "", (a, port or 0)) for a in rows]
socket.getaddrinfo = _answer
"""


class Names(SystemLookup):
    """The system's resolver, but for `NAMES`, each of whose look-ups gives the next answer."""

    def __init__(self) -> None:
        super().__init__()
        self._left = {name: [list(answer) for answer in answers] for name, answers in NAMES.items()}

    async def __call__(self, host: str) -> tuple[Address, ...]:
        left = self._left.get(host)
        if left is None:
            return await super().__call__(host)
        return tuple(map(ip_address, left.pop(0) if len(left) > 1 else left[0]))


@dataclass
class Seen:
    """What a browser showed after each page.

    Attributes:
        urls: Of all its tabs and frames.
        refused: How many requests the egress did not let out, by target.
    """

    urls: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def browse(site: Attacker, named: list[str], *, wait: float = 0.8) -> Seen:
    """Open the site's pages in a Chromium behind the egress alone, with service workers, and see where that leads.

    Args:
        site: What is opened.
        named: The URLs whose hosts may be reached.
        wait: Seconds that are waited after each page, for what it does later; five times as long where that is much.
    """
    from playwright.async_api import Error as PlaywrightError
    from playwright.async_api import async_playwright

    from crawlers.browser.executable import find_browser
    from crawlers.safety.egress import Egress
    from crawlers.safety.gate import Gate, named_hosts

    jumps = iter(range(0, 10**9, 10**4))  # nothing that was looked up is kept
    gate = Gate({"attacked": named_hosts(named)}, Names(), clock=lambda: float(next(jumps)))
    egress, seen = Egress(gate), Seen()
    await egress.start()
    chosen = find_browser()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=str(chosen.path), args=[*chosen.args, *egress.launch_args()]
            )
            context = await browser.new_context(proxy=egress.proxy_option("attacked"))  # type: ignore[arg-type]
            tabs = asyncio.Semaphore(4)

            async def open_one(path: str) -> None:
                async with tabs:
                    page = await context.new_page()
                    try:
                        await page.goto(site.url + path, wait_until="commit", timeout=10_000)
                        await asyncio.sleep(wait if path.startswith("/move/") else 5 * wait)
                    except PlaywrightError:
                        pass  # it moved on, to where it may not go
                    seen.urls += [frame.url for tab in context.pages for frame in tab.frames]

            # A page's tab stays open until all have had their time: Playwright may wait for ever to close one.
            async with asyncio.timeout(60):
                await asyncio.gather(*map(open_one, sorted(site.pages(), reverse=True)))
                await browser.close()
    finally:
        await egress.close()
        gate.close()
    seen.refused = {target: type(error).__name__ for (_, target), error in egress.troubles.items()}
    return seen


@contextmanager
def names_of_the_tests(folder: Path) -> Iterator[None]:
    """Have the processes that start meanwhile look up `NAMES` as they are written."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(PATCH)
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "SSRF_NAMES")}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before["PYTHONPATH"]]))
    os.environ["SSRF_NAMES"] = json.dumps(NAMES)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def crawl_the(site: Attacker, project: Path, render: str, paths: Iterable[str] = ("/",)) -> dict[str, dict[str, Any]]:
    """Crawl the site from `paths` with bounds that let it lead anywhere; gives the kept pages by URL."""
    from crawlers.crawl import crawl
    from crawlers.kinds import read_source
    from store.database import Store
    from store.pages import pages

    start = [site.url + path for path in paths]
    declared = {"name": "attacked", "start": start, "allow": ["^https?://"], "render": render, "images": True}
    declared |= {"follow": "a"} if render == "http" else {}
    source = read_source(declared)
    with names_of_the_tests(project.parent / f"names-{render}"), Store(project / "tilth.duckdb") as store:
        crawl(store, project, [source], contact="me@example.org")
        return {row["url"]: row for row in pages(store).to_pylist()}
