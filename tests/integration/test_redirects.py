"""Where pages lead by themselves: to others, back to themselves, in a circle."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store
from store.pages import pages
from store.records import records
from store.sightings import sightings

REFRESH = "<head><meta http-equiv='refresh' content='%s'></head>"
PAGES = {
    "/ticker": REFRESH % "60; url=/ticker?" + "<article>it shows itself anew</article>",
    "/at-once": REFRESH % "0; url=/at-once#again" + "<article>it shows itself anew at once</article>",
    "/slow": REFRESH % "60; url=/late" + "<article>it stays for a minute</article>",
    "/soon": REFRESH % "5; url=/next" + "<article>it goes on soon</article>",
    "/next": "<article>what comes next</article>",
    "/late": "<article>what comes late</article>",
    "/sorted?b=2&a=1": "<article>its query in the wanted order</article>",
}
"""What each path says; those below are redirects."""


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1  # type: ignore[attr-defined]
        cookie = self.headers.get("Cookie") or ""
        if self.path == "/cookie" and "seen" not in cookie:
            return self.send(302, "", {"Location": "/cookie", "Set-Cookie": "seen=1"})
        if self.path == "/gate" and "passed" not in cookie:
            return self.send(302, "", {"Location": "/gate/in"})
        if self.path == "/gate/in":
            return self.send(302, "", {"Location": "/gate", "Set-Cookie": "passed=1; Path=/"})
        if self.path in ("/circle", "/refused"):
            cookies = {"Set-Cookie": "no=1; Path=/elsewhere"} if self.path == "/refused" else {}
            return self.send(302, "", {"Location": self.path, **cookies})
        if self.path == "/sorted?a=1&b=2":
            return self.send(301, "", {"Location": "/sorted?b=2&a=1"})
        if self.path in ("/cookie", "/gate"):
            return self.send(200, f"<article>behind {self.path}</article>")
        return self.send(200 if self.path in PAGES else 404, PAGES.get(self.path, ""))

    def send(self, status: int, body: str, headers: Any = ()) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture(scope="module")
def site() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.asked = Counter()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetched(site: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str | None, str]]:
    """The error of each page, and the text that it gave."""
    folder, root = tmp_path_factory.mktemp("redirects"), f"http://127.0.0.1:{site.server_address[1]}"
    paths = ["/ticker", "/at-once", "/slow", "/soon", "/cookie", "/gate", "/circle", "/refused", "/sorted?a=1&b=2"]
    declared = {
        "name": "odd",
        "start": [root + path for path in paths],
        "item": "article",
        "fields": {"text": "::text"},
    }
    with Store(Path(folder) / "tilth.duckdb") as store:
        crawl(store, folder, [read_source(declared)], contact="")
        said = {row["record_id"]: row["text"] for row in records(store).to_pylist()}
        texts = {row["page_id"]: said[row["record_id"]] for row in sightings(store).to_pylist()}
        return {
            row["url"].removeprefix(root): (row["error"], texts.get(row["page_id"], ""))
            for row in pages(store).to_pylist()
        }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/ticker", "it shows itself anew"),
        ("/at-once", "it shows itself anew at once"),
        ("/slow", "it stays for a minute"),
        ("/soon", "what comes next"),
        ("/cookie", "behind /cookie"),
        ("/gate", "behind /gate"),
        ("/sorted?a=1&b=2", "its query in the wanted order"),
    ],
)
def test_what_a_page_shows_in_the_end_is_read(fetched: Any, path: str, text: str) -> None:
    assert fetched[path] == (None, text)


@pytest.mark.parametrize("path", ["/circle", "/refused"])
def test_a_page_that_leads_to_itself_for_ever_is_said_to(fetched: Any, site: Any, path: str) -> None:
    assert "redirects in a circle" in str(fetched[path][0])
    assert site.asked[path] <= 2
