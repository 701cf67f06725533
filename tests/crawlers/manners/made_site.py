"""A site that a test makes up, and a crawl of it by a process of its own."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """A server on a free port of 127.0.0.1; a path without an answer of its own is a small page."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asks: list[tuple[float, str]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    most_at_once: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def times(self, path: str) -> list[float]:
        return [at for at, asked in self.asks if asked == path]

    def count(self) -> Counter[str]:
        return Counter(path for _, path in self.asks)

    def smallest_gap(self) -> float:
        """Seconds between the arrivals of two requests, in order."""
        times = sorted(at for at, _ in self.asks)
        return min(after - before for before, after in itertools.pairwise(times))

    def robots(self, text: str | bytes, *, status: int = 200, kind: str = "text/plain") -> None:
        self.answers["/robots.txt"] = say(text, status=status, kind=kind)


def say(
    body: str | bytes = "<p>a page</p>",
    *,
    status: int = 200,
    kind: str = "text/html",
    headers: dict[str, str] | None = None,
) -> Answer:
    """An answer that is the same each time."""
    packed = body.encode() if isinstance(body, str) else body

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(packed)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(packed)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other, and the last one from then on."""
    left = list(answers)

    def answer(request: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def make_site() -> tuple[Site, ThreadingHTTPServer]:
    """Start a site."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            with site.lock:
                site.asks.append((time.monotonic(), self.path))
                site.agents.add(self.headers.get("User-Agent", ""))
                site.under_way += 1
                site.most_at_once = max(site.most_at_once, site.under_way)
            try:
                missing = say("none", status=404) if self.path in ("/robots.txt",) else say()
                site.answers.get(self.path, missing)(self)
            except OSError:
                self.close_connection = True
            finally:
                with site.lock:
                    site.under_way -= 1
                    site.ends.append(time.monotonic())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return site, server


@contextmanager
def sites(*names: str) -> Iterator[dict[str, Site]]:
    """A site for each name."""
    made = {name: make_site() for name in names}
    try:
        yield {name: site for name, (site, _) in made.items()}
    finally:
        for _, server in made.values():
            server.shutdown()
            server.server_close()


@dataclass(frozen=True)
class Crawled:
    """What came of a crawl."""

    outcomes: dict[str, Any]
    closed: dict[str, str]
    open_turns: int
    said: str
    seconds: float


def crawl(*urls: str, timeout: float = 60, **asked: Any) -> Crawled:
    """Crawl the URLs in a process of their own; `asked` as `crawling` has it."""
    began = time.monotonic()
    with crawling(*urls, **asked) as process:
        out, said = process.communicate(timeout=timeout)
    assert process.returncode == 0, said
    return Crawled(**json.loads(out), said=said, seconds=time.monotonic() - began)


@contextmanager
def crawling(
    *urls: str,
    frontier: Path | None = None,
    cancelled: Sequence[str] = (),
    files: Sequence[str] = (),
    **settings: Any,
) -> Iterator[subprocess.Popen[str]]:
    """A crawl in a process of its own, under way; see `small_crawl`. At the end it is killed."""
    place = str(frontier) if frontier else None
    asked = {"urls": urls, "settings": settings, "frontier": place, "cancelled": list(cancelled), "files": list(files)}
    with tempfile.TemporaryFile("w+") as told:
        json.dump(asked, told)
        told.seek(0)
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "small_crawl.py")],
            stdin=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
