"""Crawling a small site of our own: over HTTP and in a real Chromium, through deaths and bad addresses."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import CrawlRunning, crawl
from crawlers.crawl_spec import Limits
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.database import Store
from store.pages import pages
from store.records import records
from store.sightings import first_pages, sightings

POSTS = 40


class SmallSite(BaseHTTPRequestHandler):
    """`/list` links to posts; `/p/N` is one; `/drawn/N` needs its script; some addresses are trouble."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        self.server.times.append((time.monotonic(), self.path))
        self.server.agents.add(self.headers.get("User-Agent", ""))
        room, _, number = self.path.strip("/").partition("/")
        article = f'<article data-post="{number}"><p class="body">post {number}</p></article>'
        if room == "robots.txt":
            return self.send(200, f"User-agent: *\nDisallow: /private/\n{self.server.robots}".encode(), "text/plain")
        if room == "list":
            links = "".join(f'<a href="/p/{n}">post</a><a href="/drawn/{n}">d</a>' for n in range(POSTS))
            return self.send(200, f"<p>{links}<a href='/private/1'>private</a></p>".encode())
        if room == "p":
            time.sleep(self.server.slowness)
            return self.send(200, article.encode())
        if room == "private":
            return self.send(200, article.encode())
        if room == "drawn":
            return self.send(
                200, f"<div id=a></div><script>setTimeout(() => a.innerHTML = `{article}`, 100)</script>".encode()
            )
        if room == "frame":
            return self.send(200, f"{article}<iframe src='{self.server.inside}'></iframe><img src='/picture'>".encode())
        if room == "jump":
            return self.send(200, b"<script>location = '/private/1'</script>")
        to = {"away": self.server.inside, "hop": "/p/1", "secret": "/private/1", "loop": "/loop"}.get(room)
        if to:
            return self.send(302, b"", headers={"Location": to})
        if room == "hang":
            self.server.release.wait(60)
            return None
        if room == "file":
            return self.send(200, b"%PDF-1.4", "application/pdf")
        return self.send(404, b"<h1>nothing here</h1>")

    def send(self, status: int, body: bytes, kind: str = "text/html; charset=utf-8", headers: Any = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SmallSite)
        self.asked: Counter[str] = Counter()
        self.times: list[tuple[float, str]] = []
        self.agents: set[str] = set()
        self.slowness = 0.0
        self.robots = ""
        self.inside = ""
        self.release = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site() -> Iterator[Server]:
    server, inside = Server(), Server()
    server.inside = inside.url + "/inside"
    for each in (server, inside):
        threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    assert not inside.asked, "the crawl went to another host"
    for each in (server, inside):
        each.release.set()
        each.shutdown()
        each.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def run(
    project: Path, site: Server, *starts: str, timeout: float = 30.0, patience: float = 30.0, **declared: Any
) -> CrawlResult:
    shape = {"item": "article", "key": "::attr(data-post)", "fields": {"text": "p.body"}}
    source = read_source({"name": "small", "start": [site.url + start for start in starts], **shape, **declared})
    with Store(project / "tilth.duckdb") as store:
        limits = Limits(timeout=timeout, patience=patience)
        return crawl(store, project, [source], contact="me@example.org", limits=limits)


def kept(project: Path) -> dict[str, dict[str, Any]]:
    """The pages, by path."""
    with Store(project / "tilth.duckdb") as store:
        return {"/" + row["url"].split("/", 3)[3]: row for row in pages(store).to_pylist()}


def posts(project: Path) -> list[str]:
    with Store(project / "tilth.duckdb") as store:
        return sorted(records(store)["text"].to_pylist())


ALL_POSTS = sorted(f"post {n}" for n in range(POSTS))


def test_every_post_becomes_one_record_that_points_at_its_bytes(project: Path, site: Server) -> None:
    from fastwarc.warc import ArchiveIterator

    result = run(project, site, "/list", follow="a[href*='/p/'], a[href*=private]")
    assert (result.records_new, result.records_known, result.disallowed, result.exit_code) == (POSTS, 0, 1, 0)
    assert result.statuses == {200: POSTS + 1} and result.errors == {}
    assert posts(project) == ALL_POSTS
    with Store(project / "tilth.duckdb") as store:
        ids = records(store)["record_id"].to_pylist()
        for row, record in zip(first_pages(store, ids).to_pylist(), records(store, ids).to_pylist(), strict=True):
            with (project / row["warc_file"]).open("rb") as file:
                file.seek(row["warc_offset"])
                kept_bytes = next(iter(ArchiveIterator(file))).reader.read().decode()
            assert record["text"] in kept_bytes and record["url"] == row["final_url"]
    private = kept(project)["/private/1"]
    assert (private["robots"], private["status"], private["warc_file"]) == ("disallowed", None, None)
    assert site.asked["/private/1"] == 0
    (agent,) = site.agents
    assert agent.startswith("tilth/") and agent.endswith("(+me@example.org)")


def test_a_second_crawl_fetches_again_and_adds_no_record(project: Path, site: Server) -> None:
    run(project, site, "/list", follow="a[href*='/p/']")
    again = run(project, site, "/list", follow="a[href*='/p/']")
    assert (again.pages, again.records_new, again.records_known) == (POSTS + 1, 0, 0)
    with Store(project / "tilth.duckdb") as store:
        assert {row["unchanged"] for row in pages(store).to_pylist()[-POSTS:]} == {"body"}
        assert (records(store).num_rows, sightings(store).num_rows, pages(store).num_rows) == (
            POSTS,
            POSTS,
            2 * POSTS + 2,
        )


def test_the_browser_gives_what_scripts_draw_and_goes_nowhere_it_may_not(project: Path, site: Server) -> None:
    starts = ["/drawn/7", "/frame/1", "/away", "/secret", "/jump", "/loop", "/hop", "/file", "/nothing"]
    result = run(project, site, *starts, render="browser", wait_for="article", timeout=3.0)
    found = kept(project)
    assert found["/drawn/7"]["error"] is None and found["/drawn/7"]["records_found"] == 1
    assert found["/frame/1"]["error"] is None and site.asked["/picture"] == 0
    assert found["/away"]["error"].startswith(("redirect: ", "unsafe: "))
    assert "robots.txt disallows it" in found["/secret"]["error"]
    assert found["/jump"]["records_found"] == 0
    assert found["/loop"]["error"].startswith("redirect: ")
    assert (found["/hop"]["final_url"], found["/hop"]["records_found"]) == (site.url + "/p/1", 1)
    assert found["/file"]["error"] is not None
    assert found["/nothing"]["status"] == 404
    assert site.asked["/private/1"] == 0
    assert posts(project) == ["post 1", "post 7"]
    assert {row["rendered"] for row in found.values()} == {"browser"} and result.records_new == 2


def test_http_follows_no_redirect_off_its_host_and_keeps_every_trouble_as_a_page(project: Path, site: Server) -> None:
    starts = ["/away", "/secret", "/loop", "/hop", "/p/1", "/hang", "/file", "/nothing"]
    result = run(project, site, *starts, timeout=1.0)
    found = kept(project)
    assert "another host" in found["/away"]["error"] and found["/away"]["status"] == 302
    assert found["/secret"]["robots"] == "disallowed" and site.asked["/private/1"] == 0
    assert "in a circle" in found["/loop"]["error"]
    assert found["/hop"]["final_url"] == site.url + "/p/1" and found["/hop"]["error"] is None
    assert found["/hang"]["status"] is None and found["/hang"]["error"].startswith("timeout: ")
    assert site.asked["/hang"] == 1
    assert found["/file"]["error"] == "not-html: it is application/pdf"
    assert found["/nothing"]["status"] == 404 and found["/nothing"]["warc_file"] is not None
    assert result.errors == {"redirect": 2, "timeout": 1, "not-html": 1, "status": 1}
    assert result.exit_code == 0 and len(result.troubles) == 6
    assert site.asked["/p/1"] == 1 and posts(project) == ["post 1"]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("/nothing", "answered 404; check the address"),
        ("/hang", "no whole answer within 1 s"),
        ("/file", "is no HTML page: it is application/pdf"),
        ("/private/1", "robots.txt disallows"),
    ],
)
def test_a_source_of_which_no_start_page_can_be_had_is_a_wrong_request(
    project: Path, site: Server, start: str, words: str
) -> None:
    result = run(project, site, start, timeout=1.0)
    assert result.exit_code == 2
    (trouble,) = result.troubles
    assert trouble.refused and trouble.field == ("start", 0)
    assert trouble.message.startswith(f'source "small": start URL {site.url}{start} ') and words in trouble.message
    assert len(kept(project)) == 1 and posts(project) == []


def test_a_host_that_does_not_answer_at_all_is_named(project: Path, site: Server) -> None:
    site.server_close()
    site.shutdown()
    result = run(project, site, "/list", patience=2.0)
    assert result.exit_code == 2 and "refused the connection" in result.troubles[0].message


def test_selectors_that_match_nothing_are_said_with_where_to_look(project: Path, site: Server) -> None:
    result = run(project, site, "/p/1", "/p/2", item="div.post", key=None, fields={"text": "p"})
    assert result.exit_code == 0
    (trouble,) = result.troubles
    assert trouble.field == ("item",) and 'item selector "div.post" matched nothing on 2 pages' in trouble.message
    fields = {"text": "h1", "author": "b.author"}
    result = run(project, site, "/p/1", "/p/2", fields=fields, key="::attr(id)")
    assert [t.field for t in result.troubles] == [("fields", "text"), ("fields", "author"), ("key",)]
    assert "2 of 2 items have no text" in result.troubles[0].message
    assert '"b.author" matched nothing in all 2 items' in result.troubles[1].message


def test_max_pages_counts_what_is_fetched_and_near_pages_come_first(project: Path, site: Server) -> None:
    result = run(project, site, "/list", follow="a", max_pages=5)
    fetched = [path for path in site.asked if path not in ("/robots.txt", "/.well-known/tdmrep.json")]
    assert len(fetched) == 5 and "/list" in fetched
    assert result.pages - result.disallowed == 5


def test_max_depth_0_takes_the_start_pages_alone(project: Path, site: Server) -> None:
    assert run(project, site, "/list", "/p/3", follow="a", max_depth=0).pages == 2


def test_a_crawl_delay_in_robots_txt_is_kept(project: Path, site: Server) -> None:
    site.robots = "Crawl-delay: 0.3\n"
    run(project, site, "/list", follow="a[href*='/p/']", max_pages=6)
    times = [at for at, path in site.times if path not in ("/robots.txt", "/.well-known/tdmrep.json")]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(gaps) == 5 and min(gaps) > 0.3 * 0.95


def test_the_stores_file_is_free_while_pages_are_fetched(project: Path, site: Server) -> None:
    site.slowness = 0.05
    opened: list[float] = []

    def look(_: object) -> None:
        begun = time.monotonic()
        command = "import sys, duckdb; duckdb.connect(sys.argv[1]).close()"
        subprocess.run([sys.executable, "-c", command, project / "tilth.duckdb"], check=True)
        opened.append(time.monotonic() - begun)

    source = read_source(
        {
            "name": "small",
            "start": [site.url + "/list"],
            "follow": "a[href*='/p/']",
            "item": "article",
            "fields": {"text": "p"},
        }
    )
    with Store(project / "tilth.duckdb") as store:
        assert store.connection
        result = crawl(store, project, [source], contact="", progress=look)
    assert len(opened) >= 2 and result.records_new == POSTS


def test_a_second_crawl_of_a_project_is_refused_while_one_runs(project: Path, site: Server) -> None:
    refused: list[bool] = []

    def look(_: object) -> None:
        if not refused:
            with pytest.raises(CrawlRunning, match="is under way"), Store(project / "tilth.duckdb") as second:
                crawl(second, project, [source], contact="")
            refused.append(True)

    source = read_source({"name": "small", "start": [site.url + "/p/1"]})
    with Store(project / "tilth.duckdb") as store:
        crawl(store, project, [source], contact="", progress=look)
    assert refused


CRAWLING = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits that it is ignored
from crawlers.crawl_spec import Limits
from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store
project, url = Path(sys.argv[1]), sys.argv[2]
source = read_source({"name": "small", "start": [url + "/list"], "follow": "a[href*='/p/']", "item": "article",
                      "key": "::attr(data-post)", "fields": {"text": "p.body"}})
crawl(Store(project / "tilth.duckdb"), project, [source], contact="me@example.org")
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_crawl_whose_owner_dies_ends_and_the_next_one_brings_in_what_it_fetched(
    project: Path, site: Server, how: signal.Signals
) -> None:
    site.slowness = 0.2
    root = Path(__file__).resolve().parents[2]
    owner = subprocess.Popen(
        [sys.executable, "-c", CRAWLING, project, site.url],
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: sum(path.startswith("/p/") for path in site.asked) >= 8)
    owner.send_signal(how)
    assert owner.wait(30) != 0
    wait_until(lambda: time.monotonic() - site.times[-1][0] > 1.0)
    asked = sum(path.startswith("/p/") for path in site.asked)
    assert 8 <= asked < POSTS, "the process that fetches went on without its owner"
    if how != signal.SIGKILL:  # there was time to bring in what was fetched
        assert len(posts(project)) >= 8
    site.slowness = 0.0
    result = run(project, site, "/list", follow="a[href*='/p/']")
    assert posts(project) == ALL_POSTS
    if how == signal.SIGKILL:
        assert result.left_over >= 8
    with Store(project / "tilth.duckdb") as store:
        assert sightings(store).num_rows == POSTS
    assert sum(path.startswith("/p/") for path in site.asked) == POSTS
    assert sum(times for path, times in site.asked.items() if path.startswith("/p/")) <= POSTS + 4


def wait_until(holds: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
