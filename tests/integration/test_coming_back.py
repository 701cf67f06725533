"""Crawling a source again: what is unchanged is known, what changed supersedes, what is gone is marked."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.curation.traits import traits
from store.database import Store
from store.pages import pages
from store.records import records
from store.sightings import sightings

SHAPE = {"item": "article", "key": "::attr(id)", "fields": {"text": "p"}, "follow": "a"}


class Site(BaseHTTPRequestHandler):
    """`/` leads to the others; what they say is set by the test."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        said = self.server
        said.asked[self.path] += 1
        if self.path == "/":
            return self.send(200, "".join(f"<a href='{path}'>{path}</a>" for path in said.posts).encode())
        if self.path in said.moved:
            return self.send(301, b"", {"Location": said.moved[self.path]})
        if self.path in said.gone or self.path not in said.posts:
            return self.send(404, b"")
        text = said.posts[self.path]
        body = f"<article id='x{self.path[1:]}'><p>{text}</p></article><footer>{said.footer}</footer>".encode()
        headers = {"ETag": f'"{hash(body)}"'} if self.path == "/etag" else {}
        if self.path == "/dated":
            headers["Last-Modified"] = formatdate(1_700_000_000 + len(text), usegmt=True)
        asked_if = {self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")} - {None}
        if asked_if and asked_if <= set(headers.values()):
            said.not_modified += 1
            return self.send(304, b"", headers)
        return self.send(200, body, headers)

    def send(self, status: int, body: bytes, headers: Any = ()) -> None:
        self.send_response(status)
        sent = {"Content-Type": "text/html; charset=utf-8", **dict(headers)}
        if status != 304:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Site)
        self.posts = {"/plain": "plain words", "/etag": "tagged words", "/dated": "dated words"}
        self.gone: set[str] = set()
        self.moved: dict[str, str] = {}
        self.footer = "the first footer"
        self.not_modified = 0
        self.asked: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(project: Path, site: Server, *, restart: bool = False, **declared: Any) -> CrawlResult:
    declared = {"name": "small", "start": [site.url + "/"], **SHAPE, **declared}
    source = read_source({key: value for key, value in declared.items() if value is not None})
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, [source], contact="", restart=restart)


def last_rows(project: Path) -> dict[str, dict[str, Any]]:
    """The newest page of each path."""
    with Store(project / "tilth.duckdb") as store:
        return {"/" + row["url"].split("/", 3)[3]: row for row in pages(store).to_pylist()}


def texts(project: Path) -> dict[str, dict[str, Any]]:
    with Store(project / "tilth.duckdb") as store:
        return {row["text"]: row for row in records(store).to_pylist()}


def test_what_is_unchanged_is_known_by_its_validators_or_its_bytes(tmp_path: Path, site: Server) -> None:
    assert run(tmp_path, site).records_new == 3
    again = run(tmp_path, site)
    assert (again.pages, again.records_new, again.records_known) == (4, 0, 0)
    rows = last_rows(tmp_path)
    assert {path: rows[path]["unchanged"] for path in ("/", "/plain", "/etag", "/dated")} == {
        "/": "body",
        "/plain": "body",
        "/etag": "validator",
        "/dated": "validator",
    }
    assert site.not_modified == 2 and rows["/etag"]["status"] == 304 and rows["/etag"]["error"] is None
    with Store(tmp_path / "tilth.duckdb") as store:
        assert sightings(store).num_rows == 3
    assert again.exit_code == 0 and again.troubles == ()


def test_another_footer_around_the_same_text_gives_no_record(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    site.footer = "the second footer"
    again = run(tmp_path, site)
    assert (again.records_new, again.records_known) == (0, 0)
    assert last_rows(tmp_path)["/plain"]["unchanged"] == "text"


def test_a_changed_text_gives_a_record_that_supersedes_the_old_one(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    site.posts["/plain"] = "other words"
    assert run(tmp_path, site).records_new == 1
    found = texts(tmp_path)
    assert found["other words"]["supersedes"] == found["plain words"]["record_id"]
    assert found["tagged words"]["supersedes"] is None and len(found) == 4


def test_a_page_that_is_gone_marks_its_record_until_it_is_there_again(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    site.gone = {"/plain", "/etag"}
    run(tmp_path, site)
    with Store(tmp_path / "tilth.duckdb") as store:
        marked = traits(store, "gone").to_pylist()
        assert records(store).num_rows == 3
    found = texts(tmp_path)
    assert {row["record_id"] for row in marked} == {found[t]["record_id"] for t in ("plain words", "tagged words")}
    assert json.loads(marked[0]["value"])["status"] == 404
    site.gone = set()
    run(tmp_path, site)
    with Store(tmp_path / "tilth.duckdb") as store:
        assert traits(store, "gone").num_rows == 0
    assert last_rows(tmp_path)["/etag"]["unchanged"] == "validator"


def test_what_was_fetched_lately_is_not_asked_again_but_the_start_pages_are(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site, recrawl_after="1h")
    site.posts["/new"] = "new words"
    again = run(tmp_path, site, recrawl_after="1h")
    assert (again.pages, again.records_new) == (2, 1)
    assert site.asked["/"] == 2 and site.asked["/plain"] == 1 and site.asked["/new"] == 1


def test_another_declaration_reads_what_was_not_sent_again_out_of_our_own_copy(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    again = run(tmp_path, site, fields={"text": "article p"}, item="body", key=None)
    assert site.not_modified == 2 and again.records_new == 3
    rows = last_rows(tmp_path)
    assert (rows["/etag"]["status"], rows["/etag"]["records_found"], rows["/etag"]["unchanged"]) == (304, 1, None)


def test_restart_forgets_what_was_fetched_and_adds_no_record_twice(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    again = run(tmp_path, site, restart=True)
    assert (again.pages, again.records_new, again.records_known) == (4, 0, 3)
    assert site.not_modified == 0


def test_what_a_redirect_leads_to_is_asked_once_and_is_a_page_of_its_own_from_then_on(
    tmp_path: Path, site: Server
) -> None:
    site.posts = {"/moved": "/plain", "/plain": "plain words"}
    site.moved = {"/moved": "/plain"}
    run(tmp_path, site, start=[site.url + "/moved"], follow=None)
    assert (site.asked["/moved"], site.asked["/plain"]) == (1, 1)
    site.posts["/plain"] = "other words"
    run(tmp_path, site, start=[site.url + "/moved"], follow=None)
    assert (site.asked["/moved"], site.asked["/plain"]) == (2, 2)
    found = texts(tmp_path)
    assert found["other words"]["supersedes"] == found["plain words"]["record_id"]


def test_links_deeper_than_the_source_goes_are_told(tmp_path: Path, site: Server) -> None:
    site.posts["/plain"] = "<a href='/etag'>e</a><a href='/deeper'>d</a>"
    (trouble,) = run(tmp_path, site, max_depth=1).troubles
    assert trouble.field == ("max_depth",) and "1 link deeper than max_depth = 1 was left alone" in trouble.message


def test_a_pass_that_was_cut_off_asks_for_nothing_twice(tmp_path: Path, site: Server) -> None:
    run(tmp_path, site)
    with sqlite3.connect(tmp_path / "frontier.sqlite") as frontier:
        frontier.execute("UPDATE passes SET state = 'open'")
        frontier.execute("UPDATE requests SET state = 'leased', owner = '1:0.0' WHERE url LIKE '%/plain'")
    again = run(tmp_path, site)
    assert again.pages == 1 and site.asked["/plain"] == 2 and site.asked["/"] == 1


def test_a_start_page_that_redirects_is_read_again_in_each_pass(tmp_path: Path, site: Server) -> None:
    site.moved = {"/start": "/hub"}
    site.posts["/hub"] = "<a href='/plain'>plain</a> hub words"
    declared = {"start": [site.url + "/start"], "recrawl_after": "7d"}
    assert run(tmp_path, site, **declared).records_new == 2
    site.posts |= {"/hub": "<a href='/new'>new</a> hub words", "/new": "new words"}
    assert run(tmp_path, site, **declared).records_new == 2
    assert "new words" in texts(tmp_path)
    site.posts |= {"/hub": "<a href='/newer'>newer</a> hub words", "/newer": "newer words"}
    assert run(tmp_path, site, **declared).records_new == 2
    assert (site.asked["/hub"], site.asked["/plain"]) == (3, 1)


def test_a_start_page_that_was_taken_out_is_asked_only_where_a_page_leads_to_it(tmp_path: Path, site: Server) -> None:
    both = [site.url + "/plain", site.url + "/etag"]
    run(tmp_path, site, start=both, follow=None)
    run(tmp_path, site, start=both[:1], follow=None)
    run(tmp_path, site, start=both[:1], follow=None)
    assert (site.asked["/plain"], site.asked["/etag"]) == (3, 1)
    site.posts["/plain"] += "<a href='/etag'>it</a>"
    run(tmp_path, site, start=both[:1])
    assert site.asked["/etag"] == 2
