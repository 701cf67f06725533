"""`tilth try`: one page as a source would take it, over HTTP and in a real browser, before any crawl."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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


class Forum(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"/robots.txt": ROBOTS, "/t/1": PAGE}.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/plain" if self.path == "/robots.txt" else "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body or b"nothing here")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forum)
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


def _item(look: dict, kind: str) -> dict:
    return next(one for one in look["rights"]["items"] if one["kind"] == kind)
