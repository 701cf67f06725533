"""Crawls in which a real Chromium draws pages: with HTTP in one crawl, learning which pages need it, and logged in."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from crawlers.browser.choice import evidence
from crawlers.crawl import crawl
from crawlers.crawl_spec import Limits
from crawlers.frontier.file import Frontier
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.database import Store
from store.pages import pages
from store.records import records
from tests.proving_site import POST, proving_site

PLAIN = 6
DRAWN = 6
SECRET = "correct horse battery"


class Site(BaseHTTPRequestHandler):
    """`/plain/N` comes as it is, `/drawn/N` needs its script, `/member/N` needs a login, `/slow/N` takes its time."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        room, _, number = self.path.strip("/").partition("/")
        self.server.asked.append((time.monotonic(), self.path, self.headers.get("User-Agent", "")))
        words = f"{room} {number}".removeprefix("data ").replace("/", " ")
        article = f'<article data-post="{words}"><p class="body">{words}</p></article>'
        if room == "robots.txt":
            return self.send(200, f"User-agent: *\nDisallow: /private/\n{self.server.robots}", "text/plain")
        if room == "list":
            links = [f"/plain/{n}" for n in range(PLAIN)] + [f"/drawn/{n}" for n in range(DRAWN)]
            return self.send(200, "".join(f'<a href="{link}">{link}</a>' for link in links))
        if room in ("plain", "slow"):
            time.sleep(1 if room == "slow" else 0)
            return self.send(200, f"<html><body class=plain>{article}</body></html>")
        if room == "drawn":
            return self.send(200, "<html><body class=app><div id=a></div><script src=/app.js></script></body></html>")
        if room == "tells":
            return self.send(200, f"<html><body>{article}<script>{self.server.script}</script></body></html>")
        if room == "app.js":
            script = "fetch('/data' + location.pathname).then(r => r.text()).then(t => a.innerHTML = t)"
            return self.send(200, script, "text/javascript")
        if room == "data":
            return self.send(200, article)
        if room == "login":
            fields = "<input name=user><input name=password type=password>"
            form = f"<form method=post action=/login>{fields}<button>go</button></form>"
            return self.send(200, form)
        if room == "member":
            if f"session={self.server.session}" not in self.headers.get("Cookie", ""):
                return self.send(302, "", headers={"Location": "/login"})
            return self.send(200, f"<html><body><b class=me>me</b>{article}</body></html>")
        return self.send(404, "<h1>nothing here</h1>")

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.logins += 1
        if "user=ada" not in form or "password=correct+horse+battery" not in form:
            return self.send(200, "<p>wrong</p>")
        self.server.session += 1
        cookie = f"session={self.server.session}; Path=/; HttpOnly"
        return self.send(302, "", headers={"Location": "/member/home", "Set-Cookie": cookie})

    def send(self, status: int, body: str, kind: str = "text/html; charset=utf-8", headers: Any = None) -> None:
        self.send_response(status)
        sent = body.encode()
        for name, value in {"Content-Type": kind, "Content-Length": len(sent), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(sent)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Site)
        self.asked: list[tuple[float, str, str]] = []
        self.robots = ""
        self.script = ""
        self.session = 100
        self.logins = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, path: str) -> int:
        return sum(1 for _, asked, _ in self.asked if asked == path)


@contextmanager
def standing() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Server]:
    with standing() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture(scope="module")
def forum(shared: Path) -> Iterator[str]:
    """The proving site with 130 posts, of which `/app` shows 20 more at each scroll or click."""
    with proving_site(shared, posts=130) as url:
        yield url


def source(site: Server, name: str, *starts: str, **declared: Any) -> Any:
    shape = {"item": "article", "key": "::attr(data-post)", "fields": {"text": "p.body"}}
    return read_source({"name": name, "start": [site.url + start for start in starts], **shape, **declared})


def login_at(site: Server, **declared: Any) -> dict[str, Any]:
    return {
        "url": f"{site.url}/login",
        "username": "input[name=user]",
        "password": "input[name=password]",
        "submit": "button",
        "username_env": "FORUM_USER",
        "password_env": "FORUM_PASSWORD",
        "done_when": ".me",
        **declared,
    }


def run(project: Path, *sources: Any, timeout: float = 10.0) -> CrawlResult:
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, list(sources), contact="me@example.org", limits=Limits(timeout=timeout))


def kept(project: Path) -> dict[str, dict[str, Any]]:
    with Store(project / "tilth.duckdb") as store:
        return {"/" + row["url"].split("/", 3)[3]: row for row in pages(store).to_pylist()}


def texts(project: Path) -> list[str]:
    with Store(project / "tilth.duckdb") as store:
        return sorted(records(store)["text"].to_pylist())


def test_all_posts_of_an_endless_list_are_had_by_scrolling_and_by_clicking(project: Path, forum: str) -> None:
    app = {"start": [f"{forum}/app"], "render": "browser", "wait_for": "article.post", **POST}
    scrolled = read_source({"name": "scrolled", "steps": [{"scroll": "until-nothing-new"}], **app})
    clicked = read_source({"name": "clicked", "steps": [{"click": "#more", "times": 6}], **app})
    result = run(project, scrolled, clicked, timeout=20.0)
    assert result.records_new == 260
    assert [(row["records_found"], row["error"]) for row in kept(project).values()] == [(130, None)]


def test_one_crawl_fetches_some_pages_over_http_and_draws_others_under_one_crawl_delay(
    project: Path, site: Server
) -> None:
    site.robots = "Crawl-delay: 0.3\n"
    plain = source(site, "plain", "/plain/1", "/plain/2", "/plain/3")
    drawn = source(site, "drawn", "/drawn/1", "/drawn/2", render="browser", wait_for="article")
    run(project, plain, drawn)
    assert texts(project) == ["drawn 1", "drawn 2", "plain 1", "plain 2", "plain 3"]
    assert {path: row["rendered"] for path, row in kept(project).items()} == {
        "/plain/1": "http",
        "/plain/2": "http",
        "/plain/3": "http",
        "/drawn/1": "browser",
        "/drawn/2": "browser",
    }
    times = sorted(at for at, path, _ in site.asked if path != "/robots.txt")
    assert len(times) >= 8  # the pages, and what the drawn ones asked for
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.95 * 0.3
    assert all(agent.startswith("tilth/") for _, _, agent in site.asked)


def test_what_a_page_asks_for_obeys_robots_txt_of_its_host_and_what_was_disallowed_is_noted(
    project: Path, site: Server
) -> None:
    with standing() as other:
        site.script = f"fetch('/private/1'); fetch('{other.url}/private/2'); fetch('{other.url}/plain/3')"
        tells = source(site, "tells", "/tells/1", "/tells/2", render="browser", hosts=[other.url.split("//")[1]])
        run(project, tells)
        asked = [path for _, path, _ in site.asked + other.asked]
        assert not [path for path in asked if path.startswith("/private/")]
        assert (other.count("/robots.txt"), other.count("/plain/3")) == (1, 2)
    for row in kept(project).values():
        assert (row["error"], row["robots"], row["records_found"]) == (None, "allowed", 1)
        said = [one for one in json.loads(row["rights"])["items"] if one["kind"] == "parts-disallowed"]
        assert said == [{"kind": "parts-disallowed", "value": "2", "where": "browser"}]


def test_auto_learns_which_pages_need_the_browser_and_says_why(project: Path, site: Server) -> None:
    declared = source(site, "auto", "/list", follow="a", render="auto")
    run(project, declared)
    assert texts(project) == sorted([f"plain {n}" for n in range(PLAIN)] + [f"drawn {n}" for n in range(DRAWN)])
    rendered = {path: row["rendered"] for path, row in kept(project).items()}
    assert all(how == ("browser" if path.startswith("/drawn") else "http") for path, how in rendered.items())
    with Frontier(project / "frontier.sqlite") as frontier:
        learnt = {each.template.partition("/")[2].partition("#")[0]: each for each in evidence(frontier, "auto")}
    assert (learnt["plain/{n}"].decision, learnt["drawn/{n}"].decision) == ("http", "browser")
    assert learnt["drawn/{n}"].compared[0].http.records == 0 and learnt["drawn/{n}"].compared[0].browser.records == 1
    before = len(site.asked)
    run(project, declared)  # a new process knows it from the start
    again = [path for _, path, _ in site.asked[before:]]
    assert all(again.count(f"/plain/{n}") == 1 for n in range(PLAIN))


def test_a_login_is_done_once_kept_for_its_owner_alone_and_done_again_when_the_session_is_over(
    project: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_USER", "ada")
    monkeypatch.setenv("FORUM_PASSWORD", SECRET)
    login = login_at(site)
    run(project, source(site, "club", "/member/1", "/member/2", render="browser", login=login))
    assert texts(project) == ["member 1", "member 2"] and site.logins == 1
    session = project / "sessions" / "club.json"
    assert session.stat().st_mode & 0o777 == 0o600
    assert json.loads(session.read_text())["cookies"][0]["value"] == "101"
    for path in project.rglob("*"):
        if path.is_file() and path != session:
            found = path.read_bytes()
            assert SECRET.encode() not in found and b"session=101" not in found, path

    run(project, source(site, "club", "/member/3", render="browser", login=login))
    assert site.logins == 1, "the kept session works still"
    site.session += 50
    run(project, source(site, "club", "/member/4", "/member/5", render="browser", login=login))
    assert site.logins == 2 and "member 4" in texts(project) and "member 5" in texts(project)

    before = len(site.asked)  # over HTTP, with the same session
    run(project, source(site, "club", "/member/6", "/member/7", "/member/8", "/member/9", render="auto", login=login))
    assert site.logins == 2 and "member 9" in texts(project)
    assert [path for _, path, _ in site.asked[before:]].count("/login") == 0


def test_a_login_that_does_not_work_is_tried_once_and_is_every_pages_trouble(
    project: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_USER", "ada")
    monkeypatch.setenv("FORUM_PASSWORD", "wrong")
    login = login_at(site, seconds=2.0)
    run(project, source(site, "club", "/member/1", "/member/2", render="browser", login=login))
    assert site.logins == 1
    assert all(row["error"].startswith("login: ") and ".me" in row["error"] for row in kept(project).values())


def test_a_login_that_robots_txt_disallows_is_not_done(
    project: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_USER", "ada")
    monkeypatch.setenv("FORUM_PASSWORD", SECRET)
    site.robots = "Disallow: /login\n"
    login = login_at(site)
    run(project, source(site, "club", "/member/1", render="browser", login=login))
    assert (site.count("/login"), site.logins) == (0, 0)
    said = f"login: {site.url}/login: {site.url}/login may not be loaded (robots.txt disallows it)"
    assert kept(project)["/member/1"]["error"] == said


def test_a_killed_chromium_costs_its_page_another_try_and_leaves_no_process(project: Path, site: Server) -> None:
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            time.sleep(0.05)
            if site.count("/slow/1"):
                for process in psutil.Process().children(recursive=True):
                    try:
                        if any(each.startswith("--tilth-browser=") for each in process.cmdline()):
                            os.kill(process.pid, signal.SIGKILL)
                            killed.append(process.pid)
                    except (psutil.NoSuchProcess, ProcessLookupError):
                        continue

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    run(project, source(site, "slow", "/slow/1", "/slow/2", render="browser"))
    assert killed
    assert texts(project) == ["slow 1", "slow 2"]
    assert {row["error"] for row in kept(project).values()} == {None}
    assert site.count("/slow/1") == 2
    deadline = time.monotonic() + 10
    while (left := _browsers()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def _browsers() -> list[psutil.Process]:
    """What the crawls of this test run left behind."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("chrom") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
