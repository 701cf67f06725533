"""What no crawl should ever meet, each once through the whole of `tilth crawl`.

One project declares a source for each thing that is wrong, and one that is right. Each wrong one is said in a sentence
with its line, and costs the others nothing.
"""

import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from crawlers.warc import WarcFile
from store.database import Store
from store.pages import pages
from store.records import records
from tests.command_line import Ran, done, tilth
from tests.crawlers.safety.servers import Authority, Behave, answer, listening, sends

HEAD = """
[project]
name = "bad input"
contact = "me@example.org"

[schema]
classes = ["a", "b"]

[crawl]
timeout = 2.0
"""
POST = 'item = "article"\n[source.fields]\ntext = "p"\n'
YEAR = 31_536_000.0
SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"


def post(text: str) -> bytes:
    return f"<html><body><article><p>{text}</p></article></body></html>".encode()


@dataclass
class Site:
    """Answers each path with what is given for it: a type and a body, or a function of the request's path."""

    pages: dict[str, tuple[str, bytes]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, connection: socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        self.asked.append(path)
        kind, body = self.pages.get(path) or self.pages.get(path.split("?")[0], ("", b""))
        number = path.rpartition("=")[2].encode()
        host = re.search(rb"(?i)\r\nhost: *(\S+)", head)
        body = body.replace(b"{n}", number).replace(b"{host}", b"http://" + (host[1] if host else b""))
        if path == "/endless" or path.startswith("/endless?"):
            body = endless(int(number) if number.isdigit() else 0)
        connection.sendall(answer(body, f"Content-Type: {kind}", status="200 OK" if kind else "404 Not Found"))


def endless(number: int) -> bytes:
    return json.dumps({"posts": [{"body": f"endless {number}"}], "next": f"/endless?n={number + 1}"}).encode()


def index(*places: str) -> tuple[str, bytes]:
    rows = "".join(f"<sitemap><loc>{{host}}{place}</loc></sitemap>" for place in places)
    return "application/xml", f'<sitemapindex xmlns="{SITEMAPS}">{rows}</sitemapindex>'.encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
SITE: dict[str, tuple[str, bytes]] = {
    "/": ("text/html", post("all is well")),
    "/self.xml": index("/self.xml"),
    **{f"/level/{n}.xml": index(f"/level/{n + 1}.xml") for n in range(10)},
    "/level/10.xml": (
        "application/xml",
        f'<urlset xmlns="{SITEMAPS}"><url><loc>{{host}}/</loc></url></urlset>'.encode(),
    ),
    "/laughs.xml": (
        "application/xml",
        f'<!DOCTYPE u [<!ENTITY l0 "ha">{LAUGHS}]><urlset><url><loc>&l9;</loc></url></urlset>'.encode(),
    ),
    "/feed": ("application/rss+xml", b"There is no feed here; <b>come again"),
    "/list": ("application/json", b'[{"body": "one"}]'),
    "/endless": ("application/json", b""),
    "/same": ("application/json", b'{"posts": [{"body": "always the same"}]}'),
}


@dataclass
class Endless:
    """A host whose robots.txt has its rules first and never ends."""

    sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path != b"/robots.txt":
            connection.sendall(answer(post("behind a long robots.txt"), "Content-Type: text/html"))
            return
        rules = b"User-agent: *\nDisallow: /private/\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 104857600\r\n\r\n" + rules)
        try:
            while not self.ended.is_set():
                connection.sendall(b"# and another line of no use\n" * 1000)
                self.sent += 29_000
        finally:
            self.ended.set()


def tunnels_and_forges(authority: Authority) -> Behave:
    """A proxy that opens a tunnel, and is at its other end itself."""
    forged = authority.context("localhost")

    def behave(connection: socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
        with forged.wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(65_536)

    return behave


@dataclass
class Crawled:
    """A project, what its crawl said, and its servers."""

    folder: Path
    ran: Ran
    site: Site
    robots: Endless

    def said_of(self, source: str) -> list[str]:
        """The sentences about a source, each without the place that it names, which is checked."""
        lines = (self.folder / "tilth.toml").read_text(encoding="utf-8").splitlines()
        begins = lines.index(f'name = "{source}"')
        ends = next((n for n in range(begins, len(lines)) if n > begins and lines[n] == "[[source]]"), len(lines))
        found = []
        for line in self.ran.err.splitlines():
            named = re.match(r'tilth: tilth\.toml:(\d+): source "(.*?)": (.*)', line)
            if named is not None and named[2] == source:
                assert begins <= int(named[1]) <= ends, line
                found.append(named[3])
        return found

    def rows(self, source: str) -> list[dict[str, Any]]:
        """Its pages."""
        with Store(self.folder / "tilth.duckdb") as store:
            found = store.read("SELECT source_id FROM sources WHERE name = $1", [source])["source_id"].to_pylist()
            return [row for row in pages(store).to_pylist() if row["source_id"] in found]

    def texts(self, source: str) -> list[str]:
        """Its records' texts."""
        with Store(self.folder / "tilth.duckdb") as store:
            return sorted(row["text"] for row in records(store).to_pylist() if row["source_name"] == source)


def never(connection: socket, _head: bytes) -> None:
    connection.recv(1)


def cut_warc(folder: Path) -> None:
    """A WARC file of three pages, cut in the third."""
    warc = WarcFile(folder, "old", {})
    for number in range(3):
        headers = [("Content-Type", "text/html")]
        at = datetime(2026, 1, 1, tzinfo=UTC)
        warc.write_response(
            f"http://a.example/{number}", 200, headers, post(f"kept {number}"), protocol="HTTP/1.1", at=at
        )
    warc.close()
    path = folder / warc.relative
    (folder / "old.warc.gz").write_bytes(path.read_bytes()[:-60])
    path.unlink()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    folder, others = tmp_path_factory.mktemp("bad"), tmp_path_factory.mktemp("others")
    ours, theirs = Authority(tmp_path_factory.mktemp("ours")), Authority(others)
    site, robots = Site(SITE), Endless()
    cut_warc(folder)
    with ExitStack() as stack:

        def port(behave: Behave, **more: Any) -> int:
            return stack.enter_context(listening(behave, **more)).port

        plain = f"http://127.0.0.1:{port(site)}"
        html = f"http://127.0.0.1:{port(Site({'/robots.txt': ('text/html', post('hello')), '/': SITE['/']}))}"
        long, silent = f"http://127.0.0.1:{port(robots)}", f"http://127.0.0.1:{port(never)}"
        well = sends(answer(post("secret"), "Content-Type: text/html"))
        secure = {
            "expired": ours.context("localhost", days=(-30, -2)),
            "other-name": ours.context("elsewhere.example"),
            "self-signed": ours.context("localhost", self_signed=True),
        }
        declared = {
            "good": f'start = ["{plain}/"]\n{POST}',
            "html-robots": f'start = ["{html}/"]\n{POST}',
            "long-robots": f'start = ["{long}/", "{long}/private/"]\n{POST}',
            "silent": f'start = ["{silent}/"]\n{POST}',
            "own-sitemap": f'kind = "sitemap"\nstart = ["{plain}/self.xml"]\n{POST}',
            "deep-sitemap": f'kind = "sitemap"\nstart = ["{plain}/level/0.xml"]\n{POST}',
            "laughs": f'kind = "sitemap"\nstart = ["{plain}/laughs.xml"]\n{POST}',
            "no-feed": f'kind = "feed"\nstart = ["{plain}/feed"]\n',
            "list": f'kind = "api"\nstart = ["{plain}/list"]\nitem = "posts"\n[source.fields]\ntext = "body"\n',
            "endless": f'kind = "api"\nstart = ["{plain}/endless"]\nitem = "posts"\nnext = "next"\nmax_pages = 12\n'
            '[source.fields]\ntext = "body"\n',
            "same": f'kind = "api"\nstart = ["{plain}/same"]\nitem = "posts"\npage = {{ param = "n" }}\n'
            '[source.fields]\ntext = "body"\n',
            "cut": f'kind = "warc"\nfiles = ["old.warc.gz"]\n{POST}',
        }
        for name, context in secure.items():
            declared[name] = f'start = ["https://localhost:{port(well, tls=context)}/"]\n{POST}'
        behind = port(well, tls=ours.context("localhost"))
        proxied = {"lied-to": f'start = ["https://localhost:{behind}/"]\n{POST}'}
        proxy = port(tunnels_and_forges(theirs))
        text = HEAD + f'\n[proxies]\ncool_down = 0.1\n[[proxies.pool]]\nurl = "http://127.0.0.1:{proxy}"\n'
        for name, rest in declared.items():
            straight = "" if 'kind = "warc"' in rest else "proxy = false\n"
            text += f'\n[[source]]\nname = "{name}"\n{straight}{rest}'
        for name, rest in proxied.items():
            text += f'\n[[source]]\nname = "{name}"\n{rest}'
        (folder / "tilth.toml").write_text(text, encoding="utf-8")
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setenv("SSL_CERT_FILE", str(ours.file))
        ran = tilth("crawl", project=folder)
        print(ran.out, ran.err)
        yield Crawled(folder, ran, site, robots)
        robots.ended.set()


def test_sources_that_cannot_be_had_make_the_exit_code_2_and_the_good_one_is_there(crawled: Crawled) -> None:
    assert crawled.ran.code == 2
    assert crawled.texts("good") == ["all is well"] and crawled.said_of("good") == []
    assert "Traceback" not in crawled.ran.err


def test_a_robots_txt_that_is_a_page_has_no_rules(crawled: Crawled) -> None:
    (row,) = crawled.rows("html-robots")
    assert (row["robots"], row["error"]) == ("none", None)
    assert crawled.texts("html-robots") == ["all is well"] and crawled.said_of("html-robots") == []


def test_a_robots_txt_of_100_mb_is_read_to_500_kib_and_what_it_said_holds(crawled: Crawled) -> None:
    assert crawled.robots.ended.is_set() and crawled.robots.sent < 10_000_000  # what is on its way is in buffers
    rows = {row["url"].rpartition(":")[2].partition("/")[2]: row for row in crawled.rows("long-robots")}
    assert (rows[""]["robots"], rows["private/"]["robots"]) == ("allowed", "disallowed")
    assert crawled.texts("long-robots") == ["behind a long robots.txt"]


def test_a_host_that_accepts_and_never_answers_is_left_for_the_next_crawl(crawled: Crawled) -> None:
    (said,) = crawled.said_of("silent")
    assert "could not be had, for its robots.txt could not be had (no whole answer within 2 s)" in said
    assert said.endswith("the next crawl tries it again.")
    assert crawled.rows("silent") == []


SAID = {
    "own-sitemap": "its sitemaps name no page that it goes to; look at them",
    "deep-sitemap": "sitemaps in it (1) lie under more than 3 indexes; raise max_index_depth where that is meant",
    "laughs": "was answered, but it declares entities, which a sitemap has no use for; name the address of a sitemap.",
    "no-feed": "was answered, but it is neither RSS, Atom nor JSON Feed",
    "list": 'item "posts" finds nothing, not a list',
    "endless": "the source has fetched as many pages as it may (max_pages).",
    "same": "the records are those of the page before; the pages were not followed further",
    "cut": "breaks off; its 2 pages",
    "expired": " expired on 20",
    "other-name": "names other hosts; the people of the site must put that right",
    "self-signed": "is signed by itself; the people of the site must put that right",
    "lied-to": "; check [proxies], for the proxy may have answered in its place; the next crawl tries it again.",
}


@pytest.mark.parametrize(("source", "words"), SAID.items())
def test_what_is_wrong_is_said_once_with_its_line(crawled: Crawled, source: str, words: str) -> None:
    (said,) = crawled.said_of(source)
    assert words in said


@pytest.mark.parametrize(
    ("source", "pages_asked", "texts"),
    [
        ("own-sitemap", 1, []),
        ("deep-sitemap", 4, []),
        ("laughs", 1, []),
        ("no-feed", 1, []),
        ("list", 1, []),
        ("endless", 12, sorted(f"endless {n}" for n in range(12))),
        ("same", 2, ["always the same"]),
        ("cut", 0, ["kept 0", "kept 1"]),
        ("expired", 1, []),
        ("other-name", 1, []),
        ("self-signed", 1, []),
        ("lied-to", 0, []),
    ],
)
def test_it_costs_few_requests_and_what_could_be_read_is_kept(
    crawled: Crawled, source: str, pages_asked: int, texts: list[str]
) -> None:
    assert len(crawled.rows(source)) == pages_asked
    assert crawled.texts(source) == texts


@pytest.mark.parametrize("source", ["expired", "other-name", "self-signed"])
def test_a_server_that_cannot_prove_who_it_is_gives_nothing(crawled: Crawled, source: str) -> None:
    (row,) = crawled.rows(source)
    assert row["error"].startswith("tls: the certificate of localhost") and row["status"] is None


@pytest.mark.parametrize(
    ("wrong", "line", "words"),
    [
        ('item = "article >"', 15, 'item selector "article >" is not valid'),
        ('key = "a["', 15, 'key selector "a["'),
        ('follow = "a:frist"', 15, 'follow selector "a:frist"'),
        ('allow = ["/t/[0-9"]', 15, '"/t/[0-9" is not a valid regex'),
        ('[source.fields]\ntext = "p::"', 16, '"p::"'),
        ('[source.fields]\ntext = "xpath://p["', 16, '"xpath://p["'),
        ('kind = "api"\nitem = "posts[?"\n[source.fields]\ntext = "body"', 16, 'item "posts[?" is not valid JMESPath'),
        ('kind = "api"\n[source.fields]\ntext = "body["', 17, '"body[" is not valid JMESPath'),
    ],
)
def test_a_selector_that_is_not_valid_is_said_with_its_line_before_anything_is_asked(
    tmp_path: Path, wrong: str, line: int, words: str
) -> None:
    with listening(never) as server:
        text = HEAD + f'\n[[source]]\nname = "x"\nstart = ["http://127.0.0.1:{server.port}/"]\n{wrong}\n'
        (tmp_path / "tilth.toml").write_text(text, encoding="utf-8")
        said = tilth("crawl", project=tmp_path).refused()
    assert words in said
    assert server.visits == 0
    assert said.startswith(f'tilth.toml:{line}: source "x": ')


def project(folder: Path, url: str, *more: str) -> Path:
    (folder / "tilth.toml").write_text(
        HEAD
        + "".join(f'\n[[source]]\nname = "{name}"\nstart = ["{url}/"]\nfollow = "a"\n{POST}' for name in ("x", *more)),
        encoding="utf-8",
    )
    return folder


def linked(count: int, size: int = 10) -> Site:
    """A page with links to others, each with a post."""
    links = "".join(f'<a href="/p/{n}">{n}</a>' for n in range(count))
    noise = [os.urandom(size // 2).hex() for _ in range(count)]
    return Site(
        {
            "/": ("text/html", links.encode()),
            **{f"/p/{n}": ("text/html", post(f"post {n} {noise[n]}")) for n in range(count)},
        }
    )


def test_a_clock_that_was_set_back_a_year_makes_nothing_wait(tmp_path: Path) -> None:
    site = linked(3)
    with listening(site) as server:
        folder = project(tmp_path, f"http://127.0.0.1:{server.port}")
        done("crawl", project=folder)
        with sqlite3.connect(folder / "frontier.sqlite") as db:
            # As if all of it had been written by a clock that was a year ahead, and a page had been put back by it.
            db.execute("UPDATE host_files SET fetched_at = fetched_at + ?", [YEAR])
            db.execute("UPDATE requests SET fetched_at = fetched_at + ?", [YEAR])
            db.execute("UPDATE passes SET began = began + ?, state = 'open'", [YEAR])
            db.execute(
                "UPDATE requests SET state = 'queued', not_before = fetched_at + 60 WHERE url LIKE '%/p/1'",
            )
            state = {
                "delay": 0.2,
                "saved_at": datetime.now(UTC).timestamp() + YEAR,
                "held_for": 2.0,
                "held_why": "it was busy",
            }
            db.execute("INSERT OR REPLACE INTO hosts VALUES (?, ?)", [f"127.0.0.1:{server.port}", json.dumps(state)])
        db.close()
        site.asked.clear()
        out = done("crawl", project=folder)
    assert "/p/1" in site.asked and "/robots.txt" in site.asked
    took = re.search(r"in (\d+) s", out)
    assert took is not None and int(took[1]) < 60


FULL = """
import sqlite3
connect = sqlite3.connect
def full(path, *args, **more):
    db = connect(path, *args, **more)
    if str(path).endswith("frontier.sqlite"):
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {max(pages, 60)}")  # SQLite's own way to run out of room
    return db
sqlite3.connect = full
"""


def test_a_disk_that_is_full_ends_the_crawl_with_a_sentence_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 60
    site = linked(count, size=4000)
    with listening(site) as server:
        folder = project(tmp_path, f"http://127.0.0.1:{server.port}", "y")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "sitecustomize.py").write_text(FULL)
        with monkeypatch.context() as patched:
            patched.setenv("PYTHONPATH", str(tmp_path / "full"))  # of the process that fetches
            said = tilth("crawl", project=folder).refused(1)
        assert said.startswith("No space left on the disk") and "free some room and crawl again" in said
        asked = len([path for path in site.asked if path.startswith("/p/")])
        with Store(folder / "tilth.duckdb") as store:
            kept = records(store).num_rows
        assert 0 < kept < 2 * count
        done("crawl", project=folder)
        again = len([path for path in site.asked if path.startswith("/p/")])
        with Store(folder / "tilth.duckdb") as store:
            assert records(store).num_rows == 2 * count
    assert kept + 16 >= asked and again <= 2 * count + 16  # only what was in hand is fetched twice
