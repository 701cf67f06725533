"""One running Chromium with its driver: started, measured, and ended even when it hangs.

Each has a Playwright driver of its own, so that whatever happens to the one ends with the other, and draws one page
at a time, so that its death costs one page.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crawlers.browser.executable import find_browser
from crawlers.browser.watch import end_marked, end_tree, runs
from crawlers.page_error import BrowserLost

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Playwright

    from crawlers.browser.sessions import State

log = logging.getLogger(__name__)

START_SECONDS = 60.0
CLOSE_SECONDS = 5.0
NO_POPUPS = "--block-new-web-contents"


@dataclass(frozen=True)
class ContextKey:
    """What must not be mixed: pages with one key share cookies and cache.

    Attributes:
        source: Whose pages they are.
        proxy: The address of the proxy that they leave through, if any but the browser's own.
        label: Of the session, such as that of a login.
    """

    source: str
    proxy: str | None = None
    label: str | None = None


class Chromium:
    """A browser that draws one page after the other.

    Attributes:
        cdp: A DevTools session with the browser as a whole.
        pages: How many pages it has drawn.
    """

    def __init__(self, playwright: Playwright, browser: Browser, cdp: CDPSession, pid: int) -> None:
        self.browser = browser
        self.cdp = cdp
        self.pages = 0
        self._playwright = playwright
        self._pid = pid
        self._contexts: dict[ContextKey, BrowserContext] = {}
        self._ended = False

    @classmethod
    async def start(cls, mark: str, args: Sequence[str] = ()) -> Chromium:
        """Start one with `mark` among its arguments.

        Raises:
            BrowserMissing: There is none on this machine.
            BrowserLost: It did not start.
        """
        from playwright.async_api import Error as PlaywrightError
        from playwright.async_api import async_playwright

        chosen = find_browser()
        own_mark = f"--tilth-browser={uuid.uuid4().hex}"
        playwright = None
        try:
            async with asyncio.timeout(START_SECONDS):
                playwright = await async_playwright().start()
                browser = await playwright.chromium.launch(
                    executable_path=str(chosen.path),
                    args=[*chosen.args, *args, NO_POPUPS, mark, own_mark],
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
                cdp = await browser.new_browser_cdp_session()
                pid = await _pid(cdp)
        except (PlaywrightError, TimeoutError, OSError) as error:
            end_marked(own_mark)
            if playwright is not None:
                await _stop(playwright)
            raise BrowserLost(f"the browser did not start ({first_line(error)})") from error
        return cls(playwright, browser, cdp, pid)

    @property
    def alive(self) -> bool:
        """Whether it can be used, as far as is known without asking it."""
        return not self._ended and self.browser.is_connected() and runs(self._pid)

    def memory(self) -> int:
        """Bytes of memory that its processes hold and share with no other, together; 0 when it is dead."""
        import psutil

        total = 0
        try:
            top = psutil.Process(self._pid)
            family = [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        for process in family:
            try:
                held = process.memory_info()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            total += held.rss - getattr(held, "shared", 0)
        return total

    async def context(self, key: ContextKey, state: State | None = None, **options: Any) -> BrowserContext:
        """The context of that key; when it is new it is made with these options and the state of a session."""
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = await self.browser.new_context(
                # A service worker would answer for the server, and so would a download.
                service_workers="block",
                accept_downloads=False,
                permissions=[],
                **options,
            )
            if state is not None:
                await known.add_cookies(state["cookies"])
                for origin in state.get("origins", ()):
                    await known.add_init_script(_restoring(origin))
        return known

    async def forget(self, source: str, *, but: ContextKey | None = None) -> None:
        """Close the contexts of a source, with their cookies."""
        for key in [key for key in self._contexts if key.source == source and key != but]:
            await self._contexts.pop(key).close()

    async def end(self, *, kindly: bool = True) -> None:
        """End it, by force when it does not go within a few seconds."""
        if self._ended:
            return
        self._ended = True
        if kindly and self.browser.is_connected():
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.browser.close()
            except Exception:
                log.debug("Chromium %s did not close", self._pid, exc_info=True)
        end_tree(self._pid)
        await _stop(self._playwright)


def _restoring(origin: Mapping[str, Any]) -> str:
    """A script that puts what an origin had in its local storage back, where that is empty."""
    kept = {each["name"]: each["value"] for each in origin["localStorage"]}
    return (
        f"if (location.origin === {json.dumps(origin['origin'])})"
        f" for (const [name, value] of Object.entries({json.dumps(kept)}))"
        " if (localStorage.getItem(name) === null) localStorage.setItem(name, value);"
    )


async def _stop(playwright: Playwright) -> None:
    """End a driver; one that does not answer ends with this process, when its standard input closes."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await playwright.stop()
    except Exception:
        log.debug("Playwright's driver did not stop", exc_info=True)


async def _pid(cdp: CDPSession) -> int:
    running = await cdp.send("SystemInfo.getProcessInfo")
    return next(int(each["id"]) for each in running["processInfo"] if each["type"] == "browser")


def first_line(error: BaseException) -> str:
    """The first words of an error of Playwright, which says much."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
