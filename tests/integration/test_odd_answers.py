"""A site that answers as servers in the wild do: each oddity costs its own page, and no other page waits for it."""

import gzip
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store

PAGE = b"<html><body><article id='%s'><p>Words about cards and parcels.</p></article>%s</body></html>"


def answer(
    body: bytes,
    *headers: bytes,
    status: bytes = b"200 OK",
    length: int | None = None,
    kind: bytes | None = b"text/html",
) -> bytes:
    """An answer as it goes over the wire."""
    said = [b"HTTP/1.1 " + status, b"Content-Length: %d" % (len(body) if length is None else length), *headers]
    if kind:
        said.append(b"Content-Type: " + kind)
    return b"\r\n".join(said) + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def page(name: str) -> bytes:
    return PAGE % (name.encode(), b"")


READ = {
    "plain": answer(page("plain")),
    "chunked": chunked(b"%x\r\n%s\r\n" % (len(page("chunked")), page("chunked")), b"0\r\n\r\n"),
    "packed": answer(gzip.compress(page("packed")), b"Content-Encoding: gzip"),
    "packed-and-more": answer(gzip.compress(page("packed-and-more")) + b"junk", b"Content-Encoding: gzip"),
    "called-utf-8": answer(page("called-utf-8"), b"Content-Encoding: utf-8"),
    "line-feeds": answer(page("line-feeds")).replace(b"\r\n", b"\n"),
    "after-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n" + answer(page("after-hints")),
    "odd-cookies": answer(page("odd-cookies"), b"Set-Cookie: =;;;\xff=1; expires=never"),
    "odd-validators": answer(page("odd-validators"), b'ETag: W/"\xff"', b"Last-Modified: yesterday"),
    "odd-charset": answer(page("odd-charset"), kind=b"text/html; charset=x-none"),
    "without-type": answer(page("without-type"), kind=None),
    "utf-16": answer(page("utf-16").decode().encode("utf-16")),
    "nested": answer(b"<div>" * 1000 + page("nested") + b"</div>" * 1000),
}
TROUBLED = {
    "half": (answer(page("half"), length=9999), "connection: the answer broke off"),
    "bad-chunk": (chunked(b"zz\r\n", b"<p>x"), "connection: the answer broke off"),
    "silent": (b"", "connection: the server ended the connection without a whole answer"),
    "no-http": (b"HTTP/1.1 abc\r\n\r\nx", "connection: what the server answered is no HTTP"),
    "not-packed": (answer(page("x"), b"Content-Encoding: gzip"), "extract: its body is not packed as its"),
    "not-brotli": (answer(page("x"), b"Content-Encoding: br"), "extract: its body is not packed as its"),
    "nowhere": (answer(b"", b"Location: http://[bad", status=b"301 Moved"), "redirect: its Location is no URL"),
    "endless-circle": (answer(b"", b"Location: /endless-circle", status=b"302 Found"), "redirect: "),
    "empty": (answer(b""), "not-html: its body is empty"),
    "binary": (answer(bytes(range(256)) * 20), "not-html: it holds binary data"),
    "teapot": (answer(page("x"), status=b"418 Teapot"), "status: the server answered 418"),
    "unheard-of": (answer(page("x"), status=b"999 What"), "status: the server answered 999"),
}


class Oddities(socketserver.StreamRequestHandler):
    """Answers one request as the table says, and ends the connection."""

    def handle(self) -> None:
        path = self.rfile.readline().split(b" ")[1].decode()
        while self.rfile.readline().strip():
            pass
        name = path.strip("/")
        if name in ("robots.txt", ".well-known/tdmrep.json"):
            said = answer(b"", status=b"404 Not Found")
        elif not name:
            said = answer(PAGE % (b"start", b"".join(b"<a href='/%s'>x</a>" % n.encode() for n in (*TROUBLED, *READ))))
        else:
            said = READ[name] if name in READ else TROUBLED[name][0]
        self.wfile.write(said)


@pytest.fixture
def site() -> Iterator[str]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Oddities) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_each_odd_answer_is_a_page_of_its_own_and_holds_up_no_other(tmp_path: Path, site: str) -> None:
    declared = {"name": "odd", "start": [site], "follow": "a", "item": "article", "key": "::attr(id)"}
    source = read_source({**declared, "fields": {"text": "p"}})
    began = time.monotonic()
    with Store(tmp_path / "tilth.duckdb") as store:
        crawl(store, tmp_path, [source], contact="")
        rows = store.read("SELECT url, error FROM pages").to_pylist()
        keys = {row["natural_key"] for row in store.read("SELECT natural_key FROM records").to_pylist()}
    errors = {row["url"].removeprefix(f"{site}/"): row["error"] for row in rows}
    assert errors.keys() == {"", *READ, *TROUBLED}
    assert {name: errors[name] for name in READ} == dict.fromkeys(READ)
    assert keys == {"start", *READ}
    assert {name: said for name, (_, said) in TROUBLED.items() if not (errors[name] or "").startswith(said)} == {}
    assert time.monotonic() - began < 60, "pages that break off must not hold back their host"
