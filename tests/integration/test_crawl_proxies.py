"""Crawling through proxies, over HTTP and in the browser: they carry all requests, failing ones rest, nothing leaks."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.frontier.file import Frontier
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from crawlers.proxies.declaration import ProxiesSection
from store.database import Store
from store.pages import pages
from store.records import records
from tests.crawlers.safety.servers import Behave, Visited, answer, listening, sends

WORDS = "A text that is long enough to be the main text of a page, with several sentences. It says what it says. "


def site(connection: socket.socket, head: bytes) -> None:
    """Three pages that link to each other, and no robots.txt."""
    path = head.split(b" ")[1].decode()
    if path in ("/robots.txt", "/.well-known/tdmrep.json", "/favicon.ico"):
        connection.sendall(answer(b"", status="404 Not Found"))
        return
    links = "".join(f"<a href='/{number}'>page {number}</a>" for number in range(3))
    text = f"<html><title>{path}</title><main><article><p>{path} {WORDS * 3}</p></article>{links}</main>"
    connection.sendall(answer(text.encode(), "Content-Type: text/html"))


def tunnels(connection: socket.socket, head: bytes) -> None:
    """A proxy that opens tunnels."""
    host, port = head.split(b" ")[1].decode().rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as away:
        connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
        while True:
            ready, _, _ = select.select([connection, away], [], [], 5)
            for one in ready:
                data = one.recv(65_536)
                if not data:
                    return
                (away if one is connection else connection).sendall(data)
            if not ready:
                return


@contextmanager
def standing(*proxies: Behave) -> Iterator[tuple[Visited, list[Visited]]]:
    with ExitStack() as stack:
        yield stack.enter_context(listening(site)), [stack.enter_context(listening(each)) for each in proxies]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_USERNAME", "somebody")
    monkeypatch.setenv("PROXY_PASSWORD", "open-sesame")


def run(project: Path, port: int, proxies: list[Visited], **declared: Any) -> CrawlResult:
    pool = [
        {"url": f"http://127.0.0.1:{each.port}", "username_env": "PROXY_USERNAME", "password_env": "PROXY_PASSWORD"}
        for each in proxies
    ]
    source = read_source({"name": "site", "start": [f"http://127.0.0.1:{port}/0"], "follow": "a", **declared})
    section = ProxiesSection.model_validate({"pool": pool, "cool_down": 1.0})
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, [source], contact="me@example.org", proxies=section)


def kept(project: Path) -> tuple[int, dict[str, str | None]]:
    with Store(project / "tilth.duckdb") as store:
        errors = {row["url"].rsplit("/", 1)[1]: row["error"] for row in pages(store).to_pylist()}
        return records(store).num_rows, errors


@pytest.mark.parametrize("render", ["http", "browser"])
def test_every_request_leaves_through_the_proxy_and_its_password_stays_nowhere(tmp_path: Path, render: str) -> None:
    with standing(tunnels) as (server, (proxy,)):
        run(tmp_path, server.port, [proxy], render=render)
        count, errors = kept(tmp_path)
        assert (count, errors) == (3, {"0": None, "1": None, "2": None})
        assert proxy.visits == server.visits > 0
        assert all(head.startswith(f"CONNECT 127.0.0.1:{server.port} ".encode()) for head in proxy.heads)
        assert not any(b"proxy-authorization" in head.lower() for head in server.heads)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"open-sesame" not in content and b"c29tZWJvZHk6" not in content, file


def test_a_source_may_go_straight(tmp_path: Path) -> None:
    with standing(tunnels) as (server, (proxy,)):
        run(tmp_path, server.port, [proxy], proxy=False)
        assert kept(tmp_path)[0] == 3
        assert proxy.visits == 0


def test_pages_go_through_another_proxy_when_one_refuses(tmp_path: Path) -> None:
    with standing(sends(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), tunnels) as (server, proxies):
        run(tmp_path, server.port, proxies)
        assert kept(tmp_path)[0] == 3


def test_when_no_proxy_works_the_crawl_ends_and_says_which_and_why(tmp_path: Path) -> None:
    with standing(sends(b"HTTP/1.1 407 Sign in\r\n\r\n")) as (server, (proxy,)):
        name = f"http://127.0.0.1:{proxy.port}"
        with Frontier(tmp_path / "frontier.sqlite") as frontier:  # it has failed often, and has one try left
            kept_state = json.dumps({"failures": 2, "rests": 5})
            frontier.write("INSERT INTO proxies (proxy, state) VALUES (?, ?)", [name, kept_state])
        result = run(tmp_path, server.port, [proxy])
        assert (server.visits, result.records_new) == (0, 0)
        assert f"the proxy {name} refused the credentials (407)" in result.troubles[0].message
    with Frontier(tmp_path / "frontier.sqlite") as frontier:
        (row,) = frontier.read("SELECT state FROM proxies WHERE proxy = ?", [name])
    assert json.loads(row["state"])["troubles"] >= 1


def test_a_crawl_whose_only_proxy_has_died_ends_soon_and_the_next_one_goes_on(tmp_path: Path) -> None:
    broken = threading.Event()

    def mortal(connection: socket.socket, head: bytes) -> None:
        if not broken.is_set():
            tunnels(connection, head)

    with standing(mortal) as (server, (proxy,)):
        run(tmp_path, server.port, [proxy], max_depth=0)
        broken.set()
        began = time.monotonic()
        starts = [f"http://127.0.0.1:{server.port}/{number}" for number in range(9)]
        result = run(tmp_path, server.port, [proxy], name="more", start=starts, max_depth=0)
        assert time.monotonic() - began < 40
        assert result.pages < 9 and result.exit_code == 2
        assert f"the proxy http://127.0.0.1:{proxy.port} closed the connection" in result.troubles[0].message
        broken.clear()
        run(tmp_path, server.port, [proxy], name="more", start=starts, max_depth=0)
        assert set(kept(tmp_path)[1].values()) == {None} and len(kept(tmp_path)[1]) == 9
