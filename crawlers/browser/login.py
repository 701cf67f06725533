"""Logs in to a site as its source declares it, with a name and a password out of the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from crawlers.browser.clock import Clock, TimeUp, in_time
from crawlers.browser.guard import Guard
from crawlers.browser.watched import Judge, Watched, nothing_against
from crawlers.page_error import LoginFailed
from crawlers.scope import host_of

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

    from crawlers.browser.sessions import State
    from crawlers.browser.steps import Login

FIELD_SECONDS = 15.0


async def log_in(
    context: BrowserContext,
    guard: Guard,
    login: Login,
    judge: Judge,
    judge_part: Judge = nothing_against,
    *,
    signs_in: tuple[str, str] | None = None,
) -> State:
    """Fill in the form and send it; gives the state of the session.

    Args:
        context: Where the session begins.
        guard: Of the browser; no page may be drawn in it meanwhile.
        login: What is done.
        judge: For documents outside the login page's host.
        judge_part: For those on it, for the source names it, and for whatever else its pages ask for.
        signs_in: User name and password for the proxy that its requests leave through.

    Raises:
        LoginFailed: It did not come to `done_when`.
        TurnFarOff: The login page's host may not be asked for a long time.
    """
    from playwright.async_api import Error as PlaywrightError

    user, password = _secret(login.username_env), _secret(login.password_env)
    clock = Clock()
    page_watched = Watched(_with_login_host(judge, judge_part, login), clock, judge_part, signs_in=signs_in)
    guard.watch(page_watched)
    page = None
    try:
        page = await in_time(clock, FIELD_SECONDS, context.new_page())
        await guard.listen(await context.new_cdp_session(page), page_watched)
        await in_time(clock, login.seconds, _send_form(page, login, user, password))
        return await in_time(clock, FIELD_SECONDS, _state(context, page))
    except TimeUp:
        raise LoginFailed(
            f'{login.url} was filled in, but nothing matched done_when = "{login.done_when}" in {login.seconds:g} s'
        ) from None
    except PlaywrightError as error:
        if page_watched.far_off is not None:
            raise page_watched.far_off from None
        # Playwright's own message may show what was typed.
        blocked = page_watched.blocked
        why = f"{blocked[0]} may not be loaded ({blocked[1]})" if blocked else _plain(error)
        raise LoginFailed(f"{login.url}: {why}") from None
    finally:
        if page is not None:
            try:
                await in_time(Clock(), 3.0, page.close())
            except (TimeUp, PlaywrightError):
                pass  # whoever draws next finds out
        guard.leave()


async def _send_form(page: Page, login: Login, user: str, password: str) -> None:
    await page.goto(login.url, wait_until="domcontentloaded", timeout=0)
    field = FIELD_SECONDS * 1000
    await page.locator(login.username).first.fill(user, timeout=field)
    await page.locator(login.password).first.fill(password, timeout=field)
    await page.locator(login.submit).first.click(timeout=field, no_wait_after=True)
    await page.wait_for_selector(login.done_when, state="attached", timeout=0)


async def _state(context: BrowserContext, page: Page) -> State:
    """Cookies, and the local storage of the page's origin; Playwright's own way would load pages of other origins."""
    kept = await page.evaluate("[location.origin, Object.entries(localStorage)]")
    stored = [{"name": name, "value": value} for name, value in kept[1]]
    origins = [{"origin": kept[0], "localStorage": stored}] if stored else []
    return {"cookies": await context.cookies(), "origins": origins}


def logged_out(login: Login, url: str, html: str) -> bool:
    """Whether a page says that its session is over: it is the login page, or shows `logged_out_when`."""
    if url.partition("?")[0].partition("#")[0] == login.url.partition("?")[0].partition("#")[0]:
        return True
    if login.logged_out_when is None:
        return False
    from parsel import Selector

    return bool(Selector(text=html, type="html").css(login.logged_out_when))


def _with_login_host(elsewhere: Judge, there: Judge, login: Login) -> Judge:
    host = host_of(login.url)

    async def judged(url: str) -> str | None:
        return await (there if host_of(url) == host else elsewhere)(url)

    return judged


def _secret(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise LoginFailed(f"the environment variable {name} is not set")
    return value


def _plain(error: Exception) -> str:
    said = str(error)
    if "Timeout" in said and "exceeded" in said:
        return f"a field of the form was not there within {FIELD_SECONDS:g} s"
    return said.splitlines()[0][:200] if said and "net::" in said else "the form could not be filled in"
