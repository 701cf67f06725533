"""Each example of the guide to the kinds of source, run for real: as `tilth.toml`, by `tilth crawl`."""

import csv
import gzip
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from store.database import Store
from store.records import records
from tests.command_line import Ran, tilth
from tests.hub_server import Hub

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "sources.md"
EXAMPLES = {
    tomllib.loads(block)["source"][0]["name"]: block
    for block in re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
}
KINDS = {name: tomllib.loads(block)["source"][0]["kind"] for name, block in EXAMPLES.items()}
PROJECT = '[project]\nname = "kinds"\ncontact = "mailto:us@example.org"\n\n[schema]\nclasses = ["a", "b"]\n\n'
TOKEN = "s3cret-of-the-forum"
ARTICLE = """<html><head><title>Article {n}</title></head><body><nav><a href="/">Home</a></nav><main><h1>Article {n}</h1>
<p>The harbour of town {n} was dug in the year 18{n}0, when the river had become too shallow for the ships of that time.</p>
<p>For forty years it was the largest on the coast, and its cranes could be seen from the hills beyond the moor.</p>
</main></body></html>"""


def post(n: int) -> str:
    return (
        f'<article class="post" data-post="{n}"><a class="author">member {n}</a><p class="body">post {n}</p></article>'
    )


def forum() -> dict[str, tuple[str, bytes]]:
    """A site with the pages that the examples name: path to content type and body."""
    html, xml = "text/html; charset=utf-8", "application/xml"
    pages = {
        "/questions": (html, "".join(f'<a class="thread" href="/t/{n}">x</a>' for n in range(3))),
        "/sitemap.xml": (xml, "<sitemapindex><sitemap><loc>{host}/parts/1.xml.gz</loc></sitemap></sitemapindex>"),
        "/feed.xml": (
            "application/rss+xml",
            "<rss version='2.0'><channel><title>Forum</title>"
            + "".join(
                f"<item><guid isPermaLink='false'>entry-{n}</guid><link>{{host}}/t/{n}</link>"
                f"<description>&lt;p&gt;entry {n}&lt;/p&gt;</description></item>"
                for n in range(3)
            )
            + "</channel></rss>",
        ),
    }
    listed = "".join(
        f"<url><loc>{{host}}/{place}</loc><lastmod>{day}</lastmod></url>"
        for place, day in (
            ("articles/1", "2026-02-01"),
            ("articles/2", "2026-03-01"),
            ("articles/3", "2025-02-01"),
            ("about", "2026-03-01"),
        )
    )
    pages["/parts/1.xml.gz"] = ("application/gzip", f"<urlset>{listed}</urlset>")
    pages |= {f"/t/{n}": (html, post(n)) for n in range(3)}
    pages |= {f"/articles/{n}": (html, ARTICLE.format(n=n)) for n in range(1, 4)}
    for page in range(3):
        found = [
            {"id": n, "body": f"post {n}", "permalink": f"/t/{n}", "user": {"name": f"member {n}"}}
            for n in range(page * 2, page * 2 + 2)
        ]
        following = f"/api/posts?after={page + 1}" if page < 2 else None
        path = f"/api/posts?after={page}" if page else "/api/posts"
        pages[path] = ("application/json", json.dumps({"posts": found, "links": {"next": following}}))
    return {path: (kind, body.encode()) for path, (kind, body) in pages.items()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        kind, body = self.server.pages.get(self.path, ("text/plain", b""))
        status = 200 if self.path in self.server.pages else 404
        if self.path.startswith("/api/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, body = 401, b"{}"
        body = body.replace(b"{host}", self.server.url.encode())
        if self.path.endswith(".gz"):
            body = gzip.compress(body)
        tag = f'"{hash(body)}"'
        if status == 200 and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
            self.server.unchanged[self.path] += 1
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.asked, self.unchanged = forum(), Counter[str](), Counter[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def project(folder: Path, site: Server | None, *names: str) -> Path:
    """A project whose file has these examples, with the local site in place of the example's host."""
    text = "\n".join(EXAMPLES[name] for name in names)
    if site is not None:
        text = text.replace("https://forum.example", site.url)
    assert "://forum.example" not in text
    folder.mkdir(exist_ok=True)
    (folder / "tilth.toml").write_text(PROJECT + text, encoding="utf-8")
    return folder


def found(folder: Path) -> list[tuple[str | None, str | None]]:
    """Key and text of every record, in the order of their texts."""
    with Store(folder / "tilth.duckdb") as store:
        rows = records(store).to_pylist()
    return sorted(((row["natural_key"], row["text"]) for row in rows), key=str)


def metadata(folder: Path) -> dict[str, dict[str, Any]]:
    with Store(folder / "tilth.duckdb") as store:
        return {row["text"] or row["media_path"]: json.loads(row["metadata"]) for row in records(store).to_pylist()}


def crawl(folder: Path, *more: str) -> Ran:
    ran = tilth("crawl", *more, project=folder)
    assert ran.code == 0, f"{ran.out}\n{ran.err}"
    return ran


POSTS = [("0", "post 0"), ("1", "post 1"), ("2", "post 2")]


def test_every_kind_has_an_example_that_is_run_here() -> None:
    from crawlers.kinds import kinds

    assert set(KINDS.values()) == set(kinds())
    here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in EXAMPLES if f'"{name}"' not in here] == []


def test_a_site(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "forum")
    crawl(folder)
    assert found(folder) == POSTS
    assert metadata(folder)["post 1"] == {"author": "member 1"}


def test_a_sitemap(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "articles")
    crawl(folder)
    texts = [text or "" for _, text in found(folder)]
    assert [text.count("The harbour of town") for text in texts] == [1, 1]
    assert site.asked.keys() - {"/robots.txt", "/.well-known/tdmrep.json"} == {
        "/sitemap.xml",
        "/parts/1.xml.gz",
        "/articles/1",
        "/articles/2",
    }


def test_a_feed(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "news")
    crawl(folder)
    assert found(folder) == [(f"entry-{n}", f"entry {n}") for n in range(3)]
    assert not any(path.startswith("/t/") for path in site.asked)


def test_a_feed_asked_again_brings_what_is_new_alone(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "news")
    crawl(folder)
    crawl(folder)
    assert site.unchanged["/feed.xml"] == 1
    kind, body = site.pages["/feed.xml"]
    site.pages["/feed.xml"] = (
        kind,
        body.replace(b"<item>", b"<item><guid>/new</guid><title>new</title></item><item>", 1),
    )
    assert "1 new records" in crawl(folder).out
    assert len(found(folder)) == 4


def test_the_pages_of_a_feed(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "news-in-full")
    crawl(folder)
    crawl(folder)
    assert [text for _, text in found(folder)] == ["post 0", "post 1", "post 2"]
    assert [site.asked[f"/t/{n}"] for n in range(3)] == [1, 1, 1]


def test_an_api(tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_TOKEN", TOKEN)
    folder = project(tmp_path, site, "posts")
    crawl(folder)
    assert found(folder) == [(str(n), f"post {n}") for n in range(6)]
    assert metadata(folder)["post 3"] == {"author": "member 3"}
    with Store(folder / "tilth.duckdb") as store:
        assert {row["url"] for row in records(store).to_pylist()} == {f"{site.url}/t/{n}" for n in range(6)}


def test_a_token_stands_nowhere_in_the_project(tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_TOKEN", TOKEN)
    folder = project(tmp_path, site, "posts")
    crawl(folder)
    holding = []
    for path in filter(Path.is_file, folder.rglob("*")):
        content = path.read_bytes()
        if path.name.endswith(".gz"):
            content = gzip.decompress(content)
        holding += [path.name] * (TOKEN.encode() in content)
    assert holding == []


def test_a_token_does_not_follow_a_redirect_to_another_host(
    tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_TOKEN", TOKEN)
    heard: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            heard.append(self.headers.get("X-Token"))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"posts": [{"id": 1, "body": "x"}]}')

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        away = f"http://127.0.0.1:{other.server_address[1]}"
        folder = project(tmp_path, site, "posts")
        table = EXAMPLES["posts"].replace("https://forum.example", site.url).replace("Authorization", "X-Token")
        table = table.replace('item = "posts"', f'item = "posts"\nallow = ["{re.escape(away)}"]'.replace("\\", "\\\\"))
        (folder / "tilth.toml").write_text(PROJECT + table, encoding="utf-8")

        def redirect(handler: Handler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{away}/api/posts")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        monkeypatch.setattr(Handler, "do_GET", redirect)
        crawl(folder)
        other.shutdown()
    assert len(found(folder)) == 1
    assert heard and set(heard) == {None}


def test_a_token_that_is_not_there_is_said_before_anything_is_asked(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, site, "posts")
    said = tilth("crawl", project=folder).refused(2)
    assert 'source "posts": header Authorization needs the environment variable FORUM_TOKEN' in said
    assert not site.asked


def test_warc_files(tmp_path: Path, site: Server) -> None:
    first = project(tmp_path / "first", site, "forum")
    crawl(first)
    folder = project(tmp_path / "second", None, "old-forum")
    (folder / "archive").mkdir()
    for path in (first / "warc").glob("*.warc.gz"):
        (folder / "archive" / path.name).write_bytes(path.read_bytes())
    site.asked.clear()
    crawl(folder)
    assert found(folder) == POSTS
    assert not site.asked


def test_files(tmp_path: Path) -> None:
    folder = project(tmp_path, None, "letters")
    for name in ("letters", "scans", "notes/deep"):
        (folder / name).mkdir(parents=True)
    with (folder / "letters" / "may.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["number", "body", "topic", "secret"], [1, "one", "a", "x"], [2, "two", "b", "y"]])
    (folder / "notes" / "deep" / "n.txt").write_text("a note")
    Image.new("RGB", (8, 8)).save(folder / "scans" / "s.png")
    crawl(folder)
    crawl(folder)
    assert found(folder) == [("1", "one"), ("2", "two"), ("notes/deep/n.txt", "a note"), ("scans/s.png", None)]
    assert metadata(folder)["two"] == {"topic": "b", "file": "letters/may.csv"}


def test_sql(tmp_path: Path) -> None:
    folder = project(tmp_path, None, "tickets")
    with sqlite3.connect(folder / "tickets.db") as db:
        db.execute("CREATE TABLE tickets (number INTEGER, body TEXT, opened TEXT, closed INTEGER)")
        rows = [(1, "one", "2026-01-01", 1), (2, "two", "2026-01-02", 0), (3, "three", "2026-01-03", 1)]
        db.executemany("INSERT INTO tickets VALUES (?, ?, ?, ?)", rows)
    db.close()
    crawl(folder)
    crawl(folder)
    assert found(folder) == [("1", "one"), ("3", "three")]
    assert metadata(folder)["three"] == {"opened": "2026-01-03"}


def test_hub(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", None, "banking")
    written = io.BytesIO()
    rows = [{"question": "Where is my card?", "lang": "en", "label": 1}, {"question": "Wo?", "lang": "de", "label": 2}]
    pq.write_table(pa.Table.from_pylist(rows), written)
    with Hub(tmp_path / "hub") as hub:
        hub.server.repositories.create("owner/banking")
        hub.push("owner/banking", "data/train-0.parquet", written.getvalue())
        hub.push("owner/banking", "data/test-0.parquet", written.getvalue())
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }
        # `datasets` reads the Hub's address when it is imported.
        ran = subprocess.run(
            [sys.executable, "-m", "tilth", "--project", str(folder), "crawl"],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=120,
        )
        newest = hub.commits("owner/banking")[0]["oid"]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert found(folder) == [(None, "Where is my card?"), (None, "Wo?")]
    facts = {"lang": "de", "dataset": "owner/banking", "revision": newest, "split": "train"}
    assert metadata(folder)["Wo?"] == facts


@pytest.mark.parametrize(
    ("name", "path", "body", "said"),
    [
        ("news", "/feed.xml", b"<!doctype html><html>", "it is an HTML page, no feed"),
        ("news", "/feed.xml", b"<!DOCTYPE r [<!ENTITY a 'b'>]><rss version='2.0'/>", "it declares entities"),
        ("articles", "/sitemap.xml", b"<html>", "it is an HTML page, no sitemap"),
        ("posts", "/api/posts", b"<html>", "expecting value at line 1, column 1; it looks like HTML"),
        ("posts", "/api/posts", b"[1, 2]", 'item "posts" finds nothing, not a list'),
    ],
)
def test_what_a_start_is_not_is_said(
    tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch, name: str, path: str, body: bytes, said: str
) -> None:
    monkeypatch.setenv("FORUM_TOKEN", TOKEN)
    site.pages[path] = (site.pages[path][0], body)
    folder = project(tmp_path, site, name)
    refused = tilth("crawl", project=folder)
    assert refused.code == 2
    assert f'source "{name}": start URL {site.url}{path}' in refused.err and said in refused.err


ENDLESS: dict[str, Callable[[Server], None]] = {
    "itself": lambda site: site.pages.update(
        {"/sitemap.xml": ("text/xml", b"<sitemapindex><sitemap><loc>{host}/sitemap.xml</loc></sitemap></sitemapindex>")}
    ),
    "ten levels": lambda site: site.pages.update(
        {
            f"/{'sitemap' if n == 0 else n}.xml": (
                "text/xml",
                b"<sitemapindex><sitemap><loc>{host}/%d.xml</loc></sitemap></sitemapindex>" % (n + 1),
            )
            for n in range(10)
        }
    ),
}


@pytest.mark.parametrize(("name", "asked"), [("itself", 1), ("ten levels", 4)])
def test_a_sitemap_without_end_ends(tmp_path: Path, site: Server, name: str, asked: int) -> None:
    ENDLESS[name](site)
    folder = project(tmp_path, site, "articles")
    tilth("crawl", project=folder)
    assert sum(count for path, count in site.asked.items() if path.endswith(".xml")) == asked
