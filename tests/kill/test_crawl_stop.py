"""A crawl that is stopped while a server does not answer: whatever stops it, no page is held to account for it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from crawlers.frontier.file import Frontier

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60.0
"""Seconds from the end of the crawl's owner to that of the process that fetched for it."""


class Silent(BaseHTTPRequestHandler):
    """Takes every question for a page, and says nothing."""

    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        if self.path.startswith(("/robots.txt", "/.well-known")):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.asked.set()
        self.server.release.wait(120)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Silent)
        self.asked, self.release = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


@pytest.fixture
def silent() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


def start(project: Path, server: Server) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("crawl_run.py")), project, server.url],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background inherits that an interrupt is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def rows(project: Path) -> list[tuple[str, int]]:
    with Frontier(project / "frontier.sqlite") as frontier:
        return [(row["state"], row["deaths"]) for row in frontier.read("SELECT state, deaths FROM requests")]


def fetching_for(owner: "subprocess.Popen[bytes]") -> psutil.Process:
    (child,) = psutil.Process(owner.pid).children()
    return child


def test_a_page_in_hand_of_a_crawl_that_is_stopped_is_queued_again_and_counts_no_death(
    tmp_path: Path, silent: Server
) -> None:
    stopped = {}
    for how in (signal.SIGINT, signal.SIGTERM):
        owner = start(tmp_path / how.name, silent)
        assert silent.asked.wait(30)
        silent.asked.clear()
        owner.send_signal(how)
        stopped[how.name] = owner
    for name, owner in stopped.items():
        owner.communicate(timeout=LONGEST)
        assert rows(tmp_path / name) == [("queued", 0)], name


def test_a_crawl_that_begins_at_once_after_its_forerunner_was_killed_asks_again(tmp_path: Path, silent: Server) -> None:
    owner = start(tmp_path, silent)
    assert silent.asked.wait(30)
    owner.kill()
    owner.communicate(timeout=LONGEST)
    silent.asked.clear()
    after = start(tmp_path, silent)
    assert silent.asked.wait(LONGEST), "the page that the dead crawl had in hand was not asked for again"
    assert rows(tmp_path) == [("leased", 0)]
    fetching_for(after).kill()
    after.communicate(timeout=LONGEST)
