"""A crawl that is killed again and again brings in every page once, and asks for hardly any of them twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from store.database import Store
from store.pages import pages
from store.records import records
from store.sightings import sightings

LISTS, POSTS_A_LIST = 12, 12
PER_HOST = 4
KILLS = 8
SEED = 20260721
ROOT = Path(__file__).resolve().parents[2]


class Forum(BaseHTTPRequestHandler):
    """`/list/N` leads to its posts and to the next list."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        room, _, number = self.path.strip("/").partition("/")
        body, status = "", 200
        if room == "list":
            first = int(number) * POSTS_A_LIST
            posts = range(first, first + POSTS_A_LIST)
            following = f"<a href='/list/{int(number) + 1}'>next</a>" if int(number) + 1 < LISTS else ""
            body = "".join(f"<a href='/post/{n}'>{n}</a>" for n in posts) + following
        elif room == "post":
            body = f"<article data-post='{number}'><p>the words of post {number}</p></article><a href='/list/0'>up</a>"
        else:
            status = 404
        time.sleep(0.02)
        sent = f"<html><body>{body}</body></html>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Forum)
        self.asked: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # those who ask are killed


@pytest.fixture
def forum() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def start(project: Path, forum: Server) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crawl_run.py")), project, forum.url],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def kill(owner: "subprocess.Popen[bytes]", who: str) -> bool:
    """Kill the crawl's owner, or the process that fetches as soon as there is one; says whether that was done."""
    killed = False
    while owner.poll() is None and not killed:
        for victim in [owner.pid] if who == "owner" else fetching(owner):
            os.kill(victim, signal.SIGKILL)
            killed = True
    owner.communicate(timeout=60)
    return killed


def fetching(owner: "subprocess.Popen[bytes]") -> list[int]:
    """The process that fetches for this owner."""
    try:
        return [child.pid for child in psutil.Process(owner.pid).children() if "crawlers.run" in child.cmdline()]
    except psutil.Error:
        return []


def test_a_crawl_that_is_killed_again_and_again_misses_nothing(tmp_path: Path, forum: Server) -> None:
    rng = random.Random(SEED)
    project, kills, moments = tmp_path / "project", 0, []
    for round_ in range(KILLS):
        owner = start(project, forum)
        asked = sum(forum.asked.values())
        # From its first request to well into its pages.
        wanted, moment = rng.randrange(1, 14), rng.uniform(0.0, 0.1)
        deadline = time.monotonic() + 30
        while sum(forum.asked.values()) - asked < wanted and owner.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moment)
        kills += kill(owner, "owner" if round_ % 2 else "child")
        moments.append((wanted, round(moment, 3)))
    print(f"seed {SEED}: killed {kills} times, after so many requests and seconds: {moments}")
    assert kills == KILLS
    owner = start(project, forum)
    _, errors = owner.communicate(timeout=120)
    assert owner.returncode == 0, errors.decode()
    everything = {f"/list/{n}" for n in range(LISTS)} | {f"/post/{n}" for n in range(LISTS * POSTS_A_LIST)}
    with Store(project / "tilth.duckdb") as store:
        fetched = Counter("/" + row["url"].split("/", 3)[3] for row in pages(store).to_pylist())
        texts = sorted(records(store)["text"].to_pylist())
        seen = sightings(store).num_rows
        rows = pages(store).to_pylist()
    assert set(fetched) == everything, "pages were missed"
    assert set(fetched.values()) == {1}, "a page was kept twice"
    assert texts == sorted(f"the words of post {n}" for n in range(LISTS * POSTS_A_LIST)) and seen == len(texts)
    again = sum(times - 1 for path, times in forum.asked.items() if path in everything)
    print(f"{again} of {len(everything)} pages were asked for again after {kills} kills")
    assert again <= kills * PER_HOST
    warc_holds_every_page(project, rows)


def warc_holds_every_page(project: Path, rows: list[dict[str, Any]]) -> None:
    """Every file can be read to its last whole record, by two readers; every page's bytes lie where its row says."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from warcio.archiveiterator import ArchiveIterator as Warcio

    from crawlers.warc import read_answer

    kept: Counter[str] = Counter()
    for path in sorted((project / "warc").iterdir()):
        with path.open("rb") as file:
            fast = [r.headers["WARC-Target-URI"] for r in ArchiveIterator(file, record_types=WarcRecordType.response)]
        with path.open("rb") as file:
            slow = [r.rec_headers["WARC-Target-URI"] for r in Warcio(file) if r.rec_type == "response"]
        assert fast == slow
        kept.update(fast)
    for row in rows:
        assert kept[row["url"]] >= 1
        _, body = read_answer(project / row["warc_file"], row["warc_offset"])
        assert len(body) == row["body_bytes"]
