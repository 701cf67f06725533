"""A small site whose pages are what a test says."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = str | tuple[int, str, dict[str, str]]


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Site"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked[path] += 1
        self.server.cookies.append(self.headers.get("Cookie", ""))
        answer = self.server.pages.get(path, (404, "<h1>nothing here</h1>", {}))
        if path in self.server.hang:
            self.server.release.wait(30)
        status, body, headers = (200, answer, {}) if isinstance(answer, str) else answer
        sent = body.encode()
        kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(sent))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)


class Site(ThreadingHTTPServer):
    """Attributes: `pages` by path, `asked` how often, `hang` the paths that answer only at the end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.pages: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.cookies: list[str] = []
        self.hang: set[str] = set()
        self.release = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def scripted_site() -> Iterator[Site]:
    """A site that runs while the block does."""
    site = Site()
    threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield site
    finally:
        site.release.set()
        site.shutdown()
        site.server_close()
