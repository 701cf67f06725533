"""The scheduler in a Scrapy project that knows nothing of tilth."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = 40
PROJECT = '''
import json, sys, time
import scrapy
from scrapy.crawler import AsyncCrawlerProcess

class Again:
    """Puts each page back once, for half a second."""
    def process_request(self, request):
        if request.url.endswith("/1") and not request.meta.get("tries"):
            again = request.replace(dont_filter=True)
            again.meta["tries"], again.meta["not_before"] = 1, time.time() + 0.5
            return again

class Plain(scrapy.Spider):
    name = "plain"
    custom_settings = {"DOWNLOADER_MIDDLEWARES": {Again: 50}} if "again" in sys.argv else {}
    begun = time.monotonic()

    async def start(self):
        yield scrapy.Request(sys.argv[2] + "/0")

    def parse(self, response, level=0):
        print(json.dumps([response.url.rsplit("/", 1)[1], level, response.meta.get("kept"), time.time()]), flush=True)
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link, cb_kwargs={"level": level + 1}, meta={"kept": "yes"})

process = AsyncCrawlerProcess({
    "SCHEDULER": "crawlers.scheduling.scheduler.FrontierScheduler",
    "FRONTIER_FILE": sys.argv[1],
    "CONCURRENT_REQUESTS": 4,
    "LOG_LEVEL": "WARNING",
    "TELNETCONSOLE_ENABLED": False,
})
process.crawl(Plain)
process.start()
'''


class Chain(BaseHTTPRequestHandler):
    """`/N` leads to `/2N+1` and `/2N+2`."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        time.sleep(self.server.slowness)
        number = int(self.path.strip("/"))
        nexts = [n for n in (2 * number + 1, 2 * number + 2) if n < PAGES]
        body = "".join(f"<a href='/{n}'>{n}</a>" for n in nexts).encode() or b"end"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Chain)
        self.asked: Counter[str] = Counter()
        self.slowness = 0.0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


@pytest.fixture
def site() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def spider(tmp_path: Path, site: Server) -> Any:
    program = tmp_path / "project.py"
    program.write_text(PROJECT)

    def start(*words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, program, tmp_path / "frontier.sqlite", site.url, *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def pages_of(run: "subprocess.Popen[str]") -> list[Any]:
    out, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert not errors, errors
    return [json.loads(line) for line in out.splitlines()]


def test_every_request_is_made_once_with_its_callback_and_meta(spider: Any, site: Server) -> None:
    pages = pages_of(spider())
    assert sorted(int(number) for number, *_ in pages) == list(range(PAGES))
    assert all(level == (int(number) + 1).bit_length() - 1 for number, level, *_ in pages)
    assert {kept for number, _, kept, _ in pages if number != "0"} == {"yes"}
    assert set(site.asked.values()) == {1}


def test_a_spider_that_is_killed_goes_on_with_what_was_in_hand(spider: Any, site: Server) -> None:
    site.slowness = 0.05
    first = spider()
    deadline = time.monotonic() + 30
    while sum(site.asked.values()) < 15 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    site.slowness = 0.0
    pages_of(spider())
    assert len(site.asked) == PAGES
    assert sum(site.asked.values()) - PAGES <= 4


def test_a_second_run_of_a_spider_that_ended_makes_no_request(spider: Any, site: Server) -> None:
    pages_of(spider())
    assert pages_of(spider()) == [] and set(site.asked.values()) == {1}


def test_a_request_that_waits_keeps_the_spider_open_and_is_made_at_its_time(spider: Any, site: Server) -> None:
    pages = pages_of(spider("again"))
    at = {int(number): moment for number, _, _, moment in pages}
    assert len(at) == PAGES and site.asked["/1"] == 1
    assert 0.45 < at[1] - at[0] < 2.5  # Scrapy's own heartbeat would have come after 5 s


def test_a_frontier_that_cannot_be_used_ends_the_spider(spider: Any, site: Server, tmp_path: Path) -> None:
    site.slowness = 0.05
    run = spider()
    deadline = time.monotonic() + 30
    while sum(site.asked.values()) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    with sqlite3.connect(tmp_path / "frontier.sqlite", timeout=30) as frontier:
        frontier.execute("ALTER TABLE requests RENAME TO elsewhere")
    _, errors = run.communicate(timeout=60)
    assert "The frontier cannot be used any more: no such table: requests" in errors
