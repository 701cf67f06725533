"""Each example of the guide to the kinds of source, run for real: as `tilth.toml`, by `tilth crawl`."""

import csv
import gzip
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
ARTICLE = """<html><head><title>Article {n}</title></head><body><nav><a href="/">Home</a></nav><main>
<h1>Article {n}</h1>
<p>The harbour of town {n} was dug in the year 18{n}0, when the river had become too shallow for the ships.</p>
<p>For forty years it was the largest on the coast, and its cranes could be seen from the hills beyond.</p>
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
        if self.path.startswith("/api/endless"):
            n = sum(self.server.asked.values())
            told = {"posts": [{"id": n, "body": f"post {n}"}], "links": {"next": f"/api/endless?after={n}"}}
            status, kind, body = 200, "application/json", json.dumps(told).encode()
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


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def site() -> Iterator[Server]:
    with serving() as server:
        yield server


def project(folder: Path, tables: str, site: Server | None = None) -> Path:
    """A project whose file has these tables, with the local site in place of the example's host."""
    text = tables.replace("https://forum.example", site.url) if site is not None else tables
    assert "://forum.example" not in text
    folder.mkdir(exist_ok=True)
    (folder / "tilth.toml").write_text(PROJECT + text, encoding="utf-8")
    return folder


def rows(folder: Path, source: str) -> list[dict[str, Any]]:
    """The records of a source, in the order of their texts."""
    with Store(folder / "tilth.duckdb") as store:
        found = [row for row in records(store).to_pylist() if row["source_name"] == source]
    return sorted(found, key=lambda row: str(row["text"]))


def found(folder: Path, source: str) -> list[tuple[str | None, str | None]]:
    """Key and text of each record of a source."""
    return [(row["natural_key"], row["text"]) for row in rows(folder, source)]


def metadata(folder: Path, source: str, text: str) -> dict[str, Any]:
    return next(json.loads(row["metadata"]) for row in rows(folder, source) if row["text"] == text)


def crawl(folder: Path, *more: str) -> Ran:
    ran = tilth("crawl", *more, project=folder)
    assert ran.code == 0, f"{ran.out}\n{ran.err}"
    return ran


FETCHED = ("forum", "articles", "news", "news-in-full", "posts")
POSTS = [("0", "post 0"), ("1", "post 1"), ("2", "post 2")]


@dataclass(frozen=True)
class Twice:
    """A project with all examples that are fetched, which was crawled twice; between, the feed got an entry."""

    folder: Path
    url: str
    asked: Counter[str]
    asked_again: Counter[str]
    unchanged: Counter[str]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twice]:
    """Crawled once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("fetched")
    with serving() as site, pytest.MonkeyPatch.context() as patched:
        patched.setenv("FORUM_TOKEN", TOKEN)
        project(folder, "\n".join(EXAMPLES[name] for name in FETCHED), site)
        crawl(folder)
        first = site.asked.copy()
        site.asked.clear()
        kind, body = site.pages["/feed.xml"]
        entry = b"<item><guid isPermaLink='false'>new</guid><title>new</title><link>{host}/t/9</link></item>"
        site.pages["/feed.xml"] = (kind, body.replace(b"<item>", entry + b"<item>", 1))
        site.pages["/t/9"] = (site.pages["/t/1"][0], post(9).encode())
        crawl(folder)
        yield Twice(folder, site.url, first, site.asked, site.unchanged)


def test_every_kind_has_an_example_that_is_run_here() -> None:
    from crawlers.kinds import kinds

    assert set(KINDS.values()) == set(kinds())
    here = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in EXAMPLES if f'"{name}"' not in here] == []


def test_a_site(twice: Twice) -> None:
    assert found(twice.folder, "forum") == POSTS
    assert metadata(twice.folder, "forum", "post 1") == {"author": "member 1"}


def test_a_sitemap(twice: Twice) -> None:
    texts = [text or "" for _, text in found(twice.folder, "articles")]
    assert [text.count("The harbour of town") for text in texts] == [1, 1]
    assert [path for path in twice.asked if path.startswith(("/articles/", "/about"))] == ["/articles/2", "/articles/1"]


def test_a_feed(twice: Twice) -> None:
    assert found(twice.folder, "news") == [*((f"entry-{n}", f"entry {n}") for n in range(3)), ("new", "new")]


def test_the_pages_of_a_feed_are_asked_for_once(twice: Twice) -> None:
    assert [text for _, text in found(twice.folder, "news-in-full")] == ["post 0", "post 1", "post 2", "post 9"]
    # The site asks for the first three each time, the feed once.
    assert [twice.asked[f"/t/{n}"] + twice.asked_again[f"/t/{n}"] for n in (0, 1, 2, 9)] == [3, 3, 3, 1]


def test_what_has_not_changed_is_not_sent_again(twice: Twice) -> None:
    assert twice.unchanged["/sitemap.xml"] == twice.unchanged["/api/posts"] == 1
    assert twice.unchanged["/feed.xml"] == 0


def test_a_watched_feed_is_brought_in_at_once_and_left_by_an_interrupt(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, EXAMPLES["news"], site)
    # What runs in the background inherits that an interrupt is ignored.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import tilth.main as t; t.main()"
    watching = [sys.executable, "-c", heard, "--project", str(folder), "crawl", "news", "--watch"]
    with subprocess.Popen(watching, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            first = watch.stdout.readline()
            time.sleep(0.5)  # an interrupt in the midst of printing a line has it printed twice
            watch.send_signal(signal.SIGINT)
            rest, complaints = watch.communicate(timeout=60)
        finally:
            watch.kill()
    assert first.strip() == "news: 3 new records; the next look is in 30 min."
    assert rest.strip() == "No longer watching; what was found is in the store."
    assert (watch.returncode, complaints) == (0, "")
    assert len(found(folder, "news")) == 3


def test_only_feeds_are_watched(tmp_path: Path, site: Server) -> None:
    folder = project(tmp_path, EXAMPLES["forum"], site)
    assert 'source "forum" is no feed' in tilth("crawl", "forum", "--watch", project=folder).refused(2)
    assert "There is no feed to watch" in tilth("crawl", "--watch", project=folder).refused(2)


def test_an_api(twice: Twice) -> None:
    assert found(twice.folder, "posts") == [(str(n), f"post {n}") for n in range(6)]
    assert metadata(twice.folder, "posts", "post 3") == {"author": "member 3"}
    assert {row["url"] for row in rows(twice.folder, "posts")} == {f"{twice.url}/t/{n}" for n in range(6)}


def test_a_token_stands_nowhere_in_the_project(twice: Twice) -> None:
    holding = []
    for path in filter(Path.is_file, twice.folder.rglob("*")):
        content = path.read_bytes()
        if path.name.endswith(".gz"):
            content = gzip.decompress(content)
        holding += [path.name] * (TOKEN.encode() in content)
    assert holding == []


def test_a_token_does_not_follow_a_redirect_to_another_host(
    tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORUM_TOKEN", TOKEN)
    here: list[str | None] = []
    there: list[str | None] = []
    serve = Handler.do_GET

    def heard(handler: Handler) -> None:
        if not handler.path.startswith("/api/"):
            serve(handler)
            return
        away = handler.server is not site
        (there if away else here).append(handler.headers.get("X-Token"))
        body = b'{"posts": [{"id": 1, "body": "x"}]}' if away else b""
        handler.send_response(200 if away else 302)
        handler.send_header("Location", f"{other.url}/api/posts")
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with serving() as other:
        table = EXAMPLES["posts"].replace("Authorization", "X-Token")
        table = table.replace("[source.fields]", f'hosts = ["{other.url.removeprefix("http://")}"]\n[source.fields]')
        folder = project(tmp_path, table, site)
        monkeypatch.setattr(Handler, "do_GET", heard)
        crawl(folder)
    assert len(found(folder, "posts")) == 1
    assert here == [f"Bearer {TOKEN}"]
    assert there == [None]


def test_a_token_that_is_not_there_is_said_before_anything_is_asked(
    tmp_path: Path, site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORUM_TOKEN", raising=False)
    folder = project(tmp_path, EXAMPLES["posts"], site)
    said = tilth("crawl", project=folder).refused(2)
    assert 'source "posts": header Authorization needs the environment variable FORUM_TOKEN' in said
    assert not site.asked


def test_warc_files(tmp_path: Path, twice: Twice) -> None:
    folder = project(tmp_path, EXAMPLES["old-forum"])
    (folder / "archive").mkdir()
    for path in (twice.folder / "warc").rglob("*forum*.warc.gz"):
        (folder / "archive" / path.name).write_bytes(path.read_bytes())
    crawl(folder)
    assert found(folder, "old-forum") == POSTS


def test_files(tmp_path: Path) -> None:
    folder = project(tmp_path, EXAMPLES["letters"])
    for name in ("letters", "scans", "notes/deep"):
        (folder / name).mkdir(parents=True)
    with (folder / "letters" / "may.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["number", "body", "topic", "secret"], [1, "one", "a", "x"], [2, "two", "b", "y"]])
    (folder / "notes" / "deep" / "n.txt").write_text("a note")
    Image.new("RGB", (8, 8)).save(folder / "scans" / "s.png")
    crawl(folder)
    crawl(folder)
    assert found(folder, "letters") == [
        ("scans/s.png", None),
        ("notes/deep/n.txt", "a note"),
        ("1", "one"),
        ("2", "two"),
    ]
    assert metadata(folder, "letters", "two") == {"topic": "b", "file": "letters/may.csv"}


def test_sql(tmp_path: Path) -> None:
    folder = project(tmp_path, EXAMPLES["tickets"])
    with sqlite3.connect(folder / "tickets.db") as db:
        db.execute("CREATE TABLE tickets (number INTEGER, body TEXT, opened TEXT, closed INTEGER)")
        tickets = [(1, "one", "2026-01-01", 1), (2, "two", "2026-01-02", 0), (3, "three", "2026-01-03", 1)]
        db.executemany("INSERT INTO tickets VALUES (?, ?, ?, ?)", tickets)
    db.close()
    crawl(folder)
    crawl(folder)
    assert found(folder, "tickets") == [("1", "one"), ("3", "three")]
    assert metadata(folder, "tickets", "three") == {"opened": "2026-01-03"}


def test_hub(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", EXAMPLES["banking"])
    written = io.BytesIO()
    asked = [{"question": "Where is my card?", "lang": "en", "label": 1}, {"question": "Wo?", "lang": "de", "label": 2}]
    pq.write_table(pa.Table.from_pylist(asked), written)
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
    assert found(folder, "banking") == [(None, "Where is my card?"), (None, "Wo?")]
    facts = {"lang": "de", "dataset": "owner/banking", "revision": newest, "split": "train"}
    assert metadata(folder, "banking", "Wo?") == facts


XML, JSON = "application/xml", "application/json"
WRONG = {
    "a-page": ("news", "text/html", b"<!doctype html><html>", "it is an HTML page, no feed"),
    "entities": ("news", XML, b"<!DOCTYPE r [<!ENTITY a 'b'>]><rss version='2.0'/>", "it declares entities"),
    "no-map": ("articles", "text/html", b"<html>", "it is an HTML page, no sitemap"),
    "laughs": ("articles", XML, b"<!DOCTYPE r [<!ENTITY a 'b'>]><urlset/>", "it declares entities"),
    "no-json": ("posts", "text/html", b"<html>", "expecting value at line 1, column 1; it looks like HTML"),
    "a-list": ("posts", JSON, b"[1, 2]", 'item "posts" finds nothing, not a list'),
}
INDEX = "<sitemapindex><sitemap><loc>{{host}}/{}.xml</loc></sitemap></sitemapindex>"


@dataclass(frozen=True)
class Troubled:
    """What was said and asked when sources are not what they are declared as, or have no end."""

    folder: Path
    ran: Ran
    url: str
    asked: Counter[str]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    """Crawled once for all tests that look at it."""
    tables = []
    with serving() as site, pytest.MonkeyPatch.context() as patched:
        patched.setenv("FORUM_TOKEN", TOKEN)
        for name, (example, kind, body, _) in WRONG.items():
            path = f"/api/{name}" if example == "posts" else f"/{name}"
            site.pages[path] = (kind, body)
            tables.append(example_at(example, name, path))
        site.pages["/itself.xml"] = (XML, INDEX.format("itself").encode())
        site.pages |= {f"/level{n}.xml": (XML, INDEX.format(f"level{n + 1}").encode()) for n in range(10)}
        tables += [example_at("articles", "circle", "/itself.xml"), example_at("articles", "deep", "/level0.xml")]
        endless = [{"id": n, "body": "x"} for n in range(2)]
        site.pages["/api/round"] = (JSON, json.dumps({"posts": endless, "links": {"next": "/api/round"}}).encode())
        tables.append(example_at("posts", "round", "/api/round"))
        tables.append(example_at("posts", "endless", "/api/endless").replace("key =", "max_pages = 5\nkey ="))
        cut = site.pages["/feed.xml"][1].split(b"</channel>")[0]
        site.pages["/cut.xml"] = (XML, cut)
        tables.append(example_at("news", "cut", "/cut.xml"))
        folder = project(tmp_path_factory.mktemp("troubled"), "\n".join(tables), site)
        ran = tilth("crawl", project=folder)
        yield Troubled(folder, ran, site.url, site.asked)


def example_at(example: str, name: str, path: str) -> str:
    table = EXAMPLES[example].replace(f'name = "{example}"', f'name = "{name}"')
    return re.sub(r'start = \["https://forum.example[^"]*"\]', f'start = ["https://forum.example{path}"]', table)


@pytest.mark.parametrize("name", WRONG)
def test_what_a_start_is_not_is_said(troubled: Troubled, name: str) -> None:
    assert troubled.ran.code == 2
    (said,) = (line for line in troubled.ran.err.splitlines() if f'source "{name}"' in line)
    assert f"start URL {troubled.url}" in said
    assert "in a browser" not in said
    assert WRONG[name][3] in said


def test_a_sitemap_that_names_itself_is_asked_once(troubled: Troubled) -> None:
    assert troubled.asked["/itself.xml"] == 1


def test_indexes_in_indexes_are_followed_three_deep(troubled: Troubled) -> None:
    assert [path for path in sorted(troubled.asked) if path.startswith("/level")] == [
        f"/level{n}.xml" for n in range(4)
    ]


def test_an_api_whose_next_page_is_itself_is_asked_once(troubled: Troubled) -> None:
    assert troubled.asked["/api/round"] == 1


def test_an_api_whose_pages_never_end_ends_at_max_pages(troubled: Troubled) -> None:
    assert sum(count for path, count in troubled.asked.items() if path.startswith("/api/endless")) == 5
    assert len(found(troubled.folder, "endless")) == 5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("endless", "fetched as many pages as it may"),
        ("round", "/api/round: the next page is this page again; the pages were not followed further."),
        ("deep", "/level3.xml: sitemaps in it (1) lie under more than 3 indexes; raise max_index_depth"),
        ("cut", "what could be read of it was."),
    ],
)
def test_what_could_be_read_in_part_is_said(troubled: Troubled, name: str, said: str) -> None:
    lines = [line for line in troubled.ran.err.splitlines() if f'source "{name}"' in line]
    assert [line for line in lines if said in line]
    assert not [line for line in lines if "start URL" in line]


def test_what_could_be_read_of_a_feed_that_breaks_off_is_there(troubled: Troubled) -> None:
    assert len(found(troubled.folder, "cut")) == 3
