"""What becomes of a page in a real Chromium: steps, limits, and pages that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from scrapy.exceptions import DownloadTimeoutError

from crawlers.browser import drawing
from crawlers.browser.chromium import ContextKey
from crawlers.browser.drawing import Blocked, Drawn, Order, TooLarge
from crawlers.browser.guard import PATIENCE
from crawlers.browser.pool import BrowserPool
from crawlers.browser.steps import Fill, Step
from crawlers.manners.hosts import TurnFarOff
from crawlers.page_error import BrowserLost
from tests.crawlers.browser.scripted_site import Site, scripted_site

Draw = Callable[..., Awaitable[Drawn]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with scripted_site() as running:
        yield running


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for the tests of this file, so that they share a browser."""
    running = asyncio.new_event_loop()
    yield running
    running.close()


@pytest.fixture(scope="module")
def pool(loop: asyncio.AbstractEventLoop) -> Iterator[BrowserPool]:
    shared = BrowserPool(at_once=1)
    yield shared
    loop.run_until_complete(shared.close())


async def anywhere(_url: str) -> str | None:
    return None


@pytest.fixture
def draw(site: Site, pool: BrowserPool, loop: asyncio.AbstractEventLoop) -> Callable[..., Drawn]:
    def drawn(path: str, html: str | None = None, **order: Any) -> Drawn:
        if html is not None:
            site.pages[path] = html
        options = {"judge": anywhere, "timeout": 20.0} | order
        return loop.run_until_complete(pool.draw(Order(site.url + path, ContextKey("s"), **options)))

    return drawn


GROWS = """<ul id=l></ul><button id=more>More</button><script>
let n = 0; const grow = () => {
  for (let i = 0; i < 5 && n < 23; i++) { n++; l.innerHTML += `<li style="height:300px">${n}</li>`; }
  if (n >= 23) more.remove(); };
"""


def test_what_a_script_draws_a_little_later_is_there_without_being_asked_for(draw: Callable[..., Drawn]) -> None:
    assert (
        "drawn late"
        in draw("/late", "<b id=a></b><script>setTimeout(() => a.textContent = 'drawn ' + 'late', 150)</script>").html
    )


def test_a_click_until_gone_shows_all(draw: Callable[..., Drawn]) -> None:
    page = draw(
        "/click",
        GROWS + "more.onclick = () => setTimeout(grow, 300); grow()</script>",
        steps=[Step(click="#more", until_gone=True)],
    )
    assert page.notes == () and ">23<" in page.html


def test_clicks_stop_at_their_number_and_say_when_there_was_more(draw: Callable[..., Drawn]) -> None:
    html = GROWS + "more.onclick = grow; grow()</script>"
    page = draw("/twice", html, steps=[Step(click="#more", times=2)])
    assert page.notes == () and ">15<" in page.html and ">16<" not in page.html
    page = draw("/twice", html, steps=[Step(click="#more", until_gone=True, times=2)])
    assert page.notes == ('steps: "#more" was still there after 2 clicks',) and ">15<" in page.html


def test_a_scroll_until_nothing_new_shows_all(draw: Callable[..., Drawn]) -> None:
    more = "if (innerHeight + scrollY > document.body.offsetHeight - 300) setTimeout(grow, 200)"
    html = GROWS + f"grow(); onscroll = () => {{ {more} }}</script>"
    page = draw("/scroll", html, steps=[Step(scroll="until-nothing-new")])
    assert page.notes == () and ">23<" in page.html
    page = draw("/scroll", html, steps=[Step(scroll="until-nothing-new", max=1)])
    assert page.notes == ("steps: the page still showed new things after 1 scrolls",) and ">5<" in page.html


def test_a_form_is_filled_from_the_environment_and_sent(
    draw: Callable[..., Drawn], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHAT_TO_LOOK_FOR", "beans")
    site.pages["/found"] = "<p id=found>found</p>"
    steps = [
        Step(fill=Fill(selector="input", env="WHAT_TO_LOOK_FOR")),
        Step(click="button"),
        Step(wait_for="#found"),
    ]
    page = draw("/form", "<form action=/found><input name=q><button>go</button></form>", steps=steps)
    assert page.url == site.url + "/found?q=beans" and page.notes == ()


def test_a_step_that_cannot_be_done_is_a_note_and_the_page_is_kept_as_it_stands(draw: Callable[..., Drawn]) -> None:
    page = draw("/still", "<p>still here</p>", steps=[Step(wait_for=".never", seconds=0.5), Step(click="p")])
    assert page.notes == ('wait-for: nothing matched ".never" within 0.5 s',) and "still here" in page.html
    page = draw("/still", steps=[Step(fill=Fill(selector="p", env="NOT_SET_ANYWHERE"))])
    assert page.notes == ("steps: the environment variable NOT_SET_ANYWHERE is not set",)


def test_dialogs_popups_and_questions_before_leaving_stop_nothing(draw: Callable[..., Drawn], site: Site) -> None:
    site.pages["/popup"] = "<p>popped up</p>"
    page = draw(
        "/noisy",
        "<body onbeforeunload='return false'><script>alert(1); confirm(2); prompt(3); window.open('/popup');"
        "document.write('<p>after all of it')</script>",
    )
    assert "after all of it" in page.html
    assert "next" in draw("/next", "<p>next</p>").html


def test_decoration_is_not_loaded_unless_the_source_wants_images(draw: Callable[..., Drawn], site: Site) -> None:
    html = "<p>text</p><img src=/picture.png>"
    draw("/pictures", html)
    assert site.asked["/picture.png"] == site.asked["/favicon.ico"] == 0
    draw("/pictures", html, images=True)
    assert site.asked["/picture.png"] == 1


def test_a_document_that_may_not_be_loaded_is_not_asked_for_whoever_leads_there(
    draw: Callable[..., Drawn], site: Site
) -> None:
    async def judge(url: str) -> str | None:
        return "it is secret" if url.endswith("/secret") else None

    site.pages["/secret"] = "<p>secret</p>"
    site.pages["/to-secret"] = (302, "", {"Location": "/secret"})
    for path in ("/secret", "/to-secret"):
        with pytest.raises(Blocked) as blocked:
            draw(path, judge=judge)
        assert (blocked.value.url, blocked.value.why) == (site.url + "/secret", "it is secret")
    inside = (
        "<p>kept</p><iframe src=/secret></iframe><script>fetch('/open'); window.open('/secret');"
        "setTimeout(() => location = '/secret', 50)</script>"
    )
    page = draw("/leads", inside, judge=judge)
    assert "kept" in page.html and page.url == site.url + "/leads"
    assert site.asked["/secret"] == 0 and site.asked["/open"] == 1


def test_whatever_a_page_asks_for_is_judged_first_and_each_refused_thing_is_counted_once_and_the_page_kept(
    draw: Callable[..., Drawn], site: Site
) -> None:
    async def judge(url: str) -> str | None:
        return "robots.txt disallows it" if "/private/" in url else None

    kinds = ("script.js", "fetched", "xhr", "style.css", "frame", "image.png", "worker.js")
    site.pages |= {f"/private/{name}": "" for name in kinds} | {"/moves": (302, "", {"Location": "/private/moved"})}
    html = """<link rel=stylesheet href=/private/style.css><p>kept</p><img src=/private/image.png>
    <iframe src=/private/frame></iframe><script src=/private/script.js></script><script src=/open.js></script>
    <script>fetch('/private/fetched'); fetch('/private/fetched', {method: 'HEAD'});
    fetch('/moves'); new Worker('/private/worker.js');
    const x = new XMLHttpRequest(); x.open('GET', '/private/xhr'); x.send()</script>"""
    site.pages["/open.js"] = "document.body.append('and ' + 'drawn')"
    page = draw("/parts", html, judge=judge, judge_part=judge, images=True)
    assert "kept" in page.html and "and drawn" in page.html and page.notes == ()
    assert not [path for path in site.asked if path.startswith("/private/")] and site.asked["/open.js"] == 1
    assert page.refused == {"robots.txt disallows it": 8}


def test_a_part_that_gets_no_turn_in_time_is_a_note(loop: asyncio.AbstractEventLoop, site: Site) -> None:
    @asynccontextmanager
    async def turns(_host: str, at_most: float) -> AsyncIterator[None]:
        if at_most != PATIENCE:  # only the document's own
            assert 590 < at_most <= 600
            raise TurnFarOff("127.0.0.1", 0.0)
        yield

    site.pages |= {"/hurried": "<p>kept</p><script src=/late.js></script><script src=/late.js></script>"}
    pool = BrowserPool(at_once=1, turns=turns)
    order = Order(site.url + "/hurried", ContextKey("s"), anywhere)
    try:
        page = loop.run_until_complete(pool.draw(order))
    finally:
        loop.run_until_complete(pool.close())
    assert "kept" in page.html and site.asked["/late.js"] == 0
    assert page.notes == ("load: 1 of the things that the page asks for could not have their turn in time",)


def test_a_part_that_has_its_turn_at_the_second_asking_is_no_note(loop: asyncio.AbstractEventLoop, site: Site) -> None:
    refused: list[float] = []

    @asynccontextmanager
    async def turns(_host: str, at_most: float) -> AsyncIterator[None]:
        if at_most != PATIENCE and not refused:
            refused.append(at_most)
            raise TurnFarOff("127.0.0.1", 0.0)
        yield

    script = "<script>fetch('/part').catch(() => fetch('/part')).then(() => document.body.append('whole'))</script>"
    site.pages |= {"/twice": f"<body><p>kept</p>{script}", "/part": ""}
    pool = BrowserPool(at_once=1, turns=turns)
    try:
        page = loop.run_until_complete(pool.draw(Order(site.url + "/twice", ContextKey("s"), anywhere)))
    finally:
        loop.run_until_complete(pool.close())
    assert refused and "whole" in page.html.replace(script, "") and page.notes == ()


def test_a_redirect_to_a_host_whose_turn_is_far_off_puts_the_page_back(
    loop: asyncio.AbstractEventLoop, site: Site
) -> None:
    asked: list[str] = []

    @asynccontextmanager
    async def turns(host: str, _at_most: float) -> AsyncIterator[None]:
        asked.append(host)
        if len(asked) > 1:
            raise TurnFarOff(host, 7.0)
        yield

    site.pages["/away"] = (302, "", {"Location": "/elsewhere"})
    pool = BrowserPool(at_once=1, turns=turns)
    try:
        with pytest.raises(TurnFarOff) as far:
            loop.run_until_complete(pool.draw(Order(site.url + "/away", ContextKey("s"), anywhere)))
    finally:
        loop.run_until_complete(pool.close())
    assert far.value.ready_at == 7.0


def test_half_a_character_in_a_drawn_page_costs_that_character_alone(draw: Callable[..., Drawn]) -> None:
    page = draw("/half-a-smile", "<p id=p></p><script>p.textContent = 'so ' + '\\u{1F600}'.slice(0, 1)</script>")
    assert "so \ufffd" in page.html and page.html.encode()


def test_a_page_that_moves_on_without_end_comes_to_one(draw: Callable[..., Drawn], site: Site) -> None:
    site.pages["/circle"] = "<p>round</p><script>location = '/circle?' + Math.random()</script>"
    try:
        page = draw("/circle")
        assert "round" in page.html
    except Blocked as blocked:
        assert "move number" in blocked.why
    assert site.asked["/circle"] <= 21


def test_a_server_that_never_answers_is_a_timeout_and_the_browser_goes_on(
    draw: Callable[..., Drawn], site: Site, pool: BrowserPool
) -> None:
    started = pool.started
    site.hang.add("/silent")
    with pytest.raises(DownloadTimeoutError):
        draw("/silent", timeout=0.5)
    site.hang.add("/silent.js")
    page = draw("/half", "<p>half</p><script async src=/silent.js></script>", timeout=1.0)
    assert "half" in page.html and page.notes == ("load: not all that the page asks for had come within 1 s",)
    assert "next" in draw("/next", "<p>next</p>").html and pool.started == started


def test_a_page_over_its_limit_is_refused(draw: Callable[..., Drawn]) -> None:
    with pytest.raises(TooLarge):
        draw("/large", "<script>document.write('x'.repeat(100000))</script>", max_bytes=50_000)


def test_a_page_whose_script_never_ends_costs_its_browser_and_no_other_page(
    draw: Callable[..., Drawn], pool: BrowserPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "ANSWER_SECONDS", 1.0)
    started = pool.started
    with pytest.raises(BrowserLost):
        draw("/loop", "<p>in</p><script>while (true);</script>", timeout=1.0)
    with pytest.raises(BrowserLost):
        draw("/later", "<p>in</p><script>setTimeout(() => { while (true); }, 100)</script>", timeout=5.0)
    monkeypatch.undo()
    assert "next" in draw("/next", "<p>next</p>").html
    assert pool.started == started + 2
