"""`tilth try`: one page as a source would take it, over HTTP and in a real browser, before any crawl."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crawlers.frontier.file import Frontier
from crawlers.manners.host_rows import Kept, keep_host
from tests.command_line import done, tilth

ROBOTS = b"User-agent: *\nDisallow: /secret/\n"
PAGE = b"""<!doctype html><html><head><meta name="robots" content="noai"><title>Thread</title></head><body>
<nav><a href="/t/2">next</a> <a href="/secret/1">members</a> <a href="/u/ada" rel="nofollow">ada</a>
<a class="other" href="https://elsewhere.example/">elsewhere</a> <a class="plain" href="/help">help</a></nav>
<article class="post" id="p1"><p>Where is my parcel?</p></article>
<script>
  const drawn = document.createElement('article');
  drawn.className = 'post'; drawn.id = 'p2'; drawn.innerHTML = '<p>It came with the second post, at noon.</p>';
  document.body.append(drawn);
</script></body></html>"""
PROJECT = """
[project]
name = "forum"
contact = "me@example.org"
[schema]
classes = ["a", "b"]
[[source]]
name = "forum"
start = ["%s/"]
follow = "a:not(.plain)"
item = "article.post"
key = "::attr(id)"
[source.fields]
text = "p"
"""

OTHER_KINDS = """
[project]
name = "kinds"
contact = "me@example.org"
[schema]
classes = ["a", "b"]
[[source]]
name = "api"
kind = "api"
start = ["%(site)s/api/posts"]
key = "id"
page = { param = "page" }
[source.fields]
text = "body"
[[source]]
name = "news"
kind = "feed"
start = ["%(site)s/feed"]
[[source]]
name = "map"
kind = "sitemap"
start = ["%(site)s/map.xml"]
item = "article.post"
[source.fields]
text = "p"
"""
FEED = b"""<rss version="2.0"><channel><title>News</title>
<item><guid>n1</guid><title>One</title><description>What is new today.</description></item></channel></rss>"""
MAP = b"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>%s/t/1</loc></url>
<url><loc>http://elsewhere.example/x</loc></url></urlset>"""


class Forum(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked: list[str] = self.server.asked  # type: ignore[attr-defined]
        asked.append(self.path)
        site = b"http://%s" % self.headers["Host"].encode()
        body, kind = {
            "/robots.txt": (ROBOTS, "text/plain"),
            "/t/1": (PAGE, "text/html; charset=utf-8"),
            "/api/posts?page=1": (b'[{"id": 1, "body": "the first post"}]', "application/json"),
            "/api/posts?page=2": (b'[{"id": 2, "body": "the second post"}]', "application/json"),
            "/feed": (FEED, "application/rss+xml"),
            "/map.xml": (MAP % site, "application/xml"),
        }.get(self.path, (b"", "text/html"))
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body or b"nothing here")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def asked() -> list[str]:
    """The paths that were asked for, in order."""
    return []


@pytest.fixture
def site(asked: list[str]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forum)
    server.asked = asked  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path, site: str) -> Path:
    (tmp_path / "tilth.toml").write_text(PROJECT % site)
    return tmp_path


def test_records_links_rights_and_what_only_the_browser_sees_are_shown(project: Path, site: str) -> None:
    tried = json.loads(done("try", f"{site}/t/1", "--json", project=project))
    http, browser = tried["looks"]
    assert (tried["source"], tried["declared"]) == ("forum", True)
    assert [one["text"] for one in http["records"]] == ["Where is my parcel?"]
    assert sorted(one["key"] for one in browser["records"]) == ["p1", "p2"]
    why = {link["url"].removeprefix(site): link["why_not"] for link in http["links"]}
    assert why["/t/2"] is None
    assert why["/secret/1"] == "robots.txt disallows it"
    assert why["/u/ada"] == 'it is marked rel="nofollow"'
    assert "another host" in why["https://elsewhere.example/"]
    assert why["/help"] == "follow does not select it"
    assert _item(http, "noai")
    assert (http["may"]["label"], http["may"]["publish"]) == (True, False)
    assert sorted(path.name for path in project.iterdir()) == ["tilth.toml"]  # nothing of the project is changed
    said = done("try", f"{site}/t/1", project=project)
    assert "The browser sees more of this page than HTTP does" in said
    assert "Not to: publish (noai)" in said


def test_a_page_that_is_not_there_is_said_with_its_status(project: Path, site: str) -> None:
    said = done("try", f"{site}/gone", "--no-browser", project=project)
    assert "404" in said and "No record." in said


def test_a_server_that_is_not_there_fails_with_the_reason(project: Path, site: str) -> None:
    ran = tilth("try", "http://127.0.0.1:9/", "--no-browser", project=project)
    assert ran.code == 1
    assert "refused" in ran.out


def test_a_source_that_is_not_declared_is_refused(project: Path, site: str) -> None:
    assert 'no source "fourm"' in tilth("try", site, "--source", "fourm", project=project).refused()


def seen(project: Path, url: str, *options: str) -> tuple[str, list[str], list[str]]:
    """By which source, in which ways, and which texts."""
    tried = json.loads(done("try", url, *options, "--json", project=project))
    assert [look["error"] for look in tried["looks"]] == [None] * len(tried["looks"])
    texts = [record["text"].strip() for record in tried["looks"][0]["records"]]
    return tried["source"], [look["rendered"] for look in tried["looks"]], texts


def test_an_url_of_any_kind_of_source_is_read_as_that_kind_does(tmp_path: Path, site: str) -> None:
    (tmp_path / "tilth.toml").write_text(OTHER_KINDS % {"site": site})
    assert seen(tmp_path, f"{site}/api/posts", "--source", "api") == ("api", ["http"], ["the first post"])
    assert seen(tmp_path, f"{site}/api/posts?page=2", "--source", "api") == ("api", ["http"], ["the second post"])
    assert seen(tmp_path, f"{site}/api/posts") == ("api", ["http"], ["the first post"])
    assert seen(tmp_path, f"{site}/feed") == ("news", ["http"], ["What is new today."])
    assert seen(tmp_path, f"{site}/t/1", "--no-browser") == ("map", ["http"], ["Where is my parcel?"])
    links = json.loads(done("try", f"{site}/map.xml", "--json", project=tmp_path))["looks"][0]["links"]
    assert [link["url"] for link in links if link["why_not"] is None] == [f"{site}/t/1"]
    assert [link["url"] for link in links if link["why_not"]] == ["http://elsewhere.example/x"]


def test_robots_txt_is_asked_for_once_and_not_again_after_a_crawl(project: Path, site: str, asked: list[str]) -> None:
    done("try", f"{site}/t/1", project=project)
    assert (asked.count("/robots.txt"), asked.count("/t/1")) == (1, 2)
    tilth("crawl", project=project)  # there is no start page, but robots.txt
    done("try", f"{site}/t/1", "--no-browser", project=project)
    assert (asked.count("/robots.txt"), asked.count("/t/1")) == (2, 3)


def test_a_host_that_wants_to_be_left_alone_is_not_asked(project: Path, site: str, asked: list[str]) -> None:
    host = site.removeprefix("http://")
    with Frontier(project / "frontier.sqlite") as frontier:
        keep_host(frontier, host, Kept(saved_at=time.time(), held_for=600.0, held_why="it answered 503"))
    ran = tilth("try", f"{site}/t/1", "--no-browser", project=project)
    assert ran.code == 1 and "it answered 503" in ran.out and asked == []
    assert sorted(path.name for path in project.iterdir()) == ["frontier.sqlite", "tilth.toml"]


def _item(look: dict, kind: str) -> dict:
    return next(one for one in look["rights"]["items"] if one["kind"] == kind)
