"""What a crawl leaves for the next one: URLs of closed hosts, and what waits of sources that are not crawled."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Queue, Wanted
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.database import Store


class Page(BaseHTTPRequestHandler):
    """One page; what is on it is set by the test."""

    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        busy = self.path.endswith(".png") or (self.path == "/busy" and self.server.asked[self.path] == 1)
        self.send_response(503 if busy else 200 if self.path in ("/", "/busy") else 404)
        if self.path.endswith(".png"):
            self.send_header("Retry-After", "7200")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.body.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.asked: Counter[str] = Counter()
        self.body = "<article id='1'><p>Words of a post.</p></article>"
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.host}"


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def site() -> Iterator[Server]:
    with serving() as server:
        yield server


def run(project: Path, name: str, start: str, **declared: Any) -> CrawlResult:
    source = read_source({"name": name, "start": [start], **declared})
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, [source], contact="")


def test_a_closed_host_of_images_keeps_no_page_from_being_asked_again_and_is_told(tmp_path: Path, site: Server) -> None:
    with serving() as other:
        images = "".join(f"<img src='{other.url}/{n}.png' width='500' height='400' alt='A photo'>" for n in (1, 2))
        site.body = f"<main><article id='1'><p>Words of a post, with photos.</p>{images}</article></main>"
        declared = {"item": "article", "key": "::attr(id)", "fields": {"text": "p"}, "images": True}
        for crawls in (1, 2):
            result = run(tmp_path, "forum", site.url + "/", hosts=[other.host], **declared)
            assert site.asked["/"] == crawls
            assert result.exit_code == 0
            (left,) = [trouble.message for trouble in result.troubles if other.host in trouble.message]
            assert f"2 URLs on {other.host} are left for the next crawl, for it answered 503" in left


def test_what_waits_of_another_source_holds_up_no_crawl(tmp_path: Path, site: Server) -> None:
    run(tmp_path, "first", site.url + "/")
    with Frontier(tmp_path / "frontier.sqlite") as frontier:  # as a stopped crawl leaves what it was to try again
        queue = Queue(frontier)
        queue.add([Wanted("first", f"{site.url}/later", site.host)])
        row = queue.lease("first", site.host)
        assert row is not None
        queue.put_back(row["id"], not_before=time.time() + 0.5, tries=1)
    result = run(tmp_path, "second", site.url + "/busy")
    assert result.statuses == {200: 1} and site.asked["/busy"] == 2
    assert site.asked["/later"] == 0
