"""A site at an address of IPv6, which a URL writes in brackets."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store


class Site(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/", "/2") else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<a href='/2'>on</a><article>the page {self.path}</article>".encode())


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


@pytest.fixture
def port() -> Iterator[int]:
    try:
        server = Server(("::1", 0), Site)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_a_site_of_the_own_machine_at_an_address_of_ipv6_is_crawled_without_a_contact(
    tmp_path: Path, port: int
) -> None:
    declared = {"name": "six", "start": [f"http://[::1]:{port}/"], "hosts": [f"[::1]:{port}"], "follow": "a"}
    declared |= {"item": "article", "fields": {"text": "::text"}}
    with Store(tmp_path / "tilth.duckdb") as store:
        result = crawl(store, tmp_path, [read_source(declared)], contact="")
    assert (result.pages, result.records_new) == (2, 2)
