"""Crawling the proving site: every post once, nothing that robots.txt disallows, and a row for each of its troubles."""

import csv
import json
import random
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.crawl import crawl
from crawlers.crawl_spec import Limits
from crawlers.kinds import read_source
from crawlers.outcome import CrawlResult
from store.database import Store
from store.pages import page_counts, pages
from store.records import records
from store.sightings import sightings

POSTS = 300
POST = {"item": "article.post", "key": "::attr(data-post)", "fields": {"text": "p.body", "author": "a.author::text"}}


def two_free_ports() -> int:
    """A port that is free, and the next one too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", 0))
                second.bind(("127.0.0.1", first.getsockname()[1] + 1))
            except OSError:
                continue
            return int(first.getsockname()[1])


@pytest.fixture(scope="module")
def site(shared: Path) -> Iterator[str]:
    program, rows = shared / "sites" / "proving_site.py", shared / "data" / "banking77" / "train.csv"
    if not program.is_file() or not rows.is_file():
        pytest.skip(f"needs the proving site in {shared}")
    for _ in range(5):
        port = two_free_ports()
        options = ["--data", rows, "--port", str(port), "--limit", str(POSTS), "--crawl-delay", "0"]
        server = subprocess.Popen(
            [sys.executable, program, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert server.stdout is not None
        if server.stdout.readline():
            break
        server.wait()
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()
    server.stdout.close()


@pytest.fixture
def project(tmp_path: Path, site: str) -> Path:
    ask(site, "/__reset")
    return tmp_path / "project"


def ask(site: str, path: str) -> str:
    with urllib.request.urlopen(site + path, timeout=10) as answer:
        return str(answer.read().decode())


def run(project: Path, site: str, *starts: str, timeout: float = 30.0, **declared: Any) -> CrawlResult:
    source = read_source({"name": "forum", "start": [site + start for start in starts], **POST, **declared})
    with Store(project / "tilth.duckdb") as store:
        return crawl(store, project, [source], contact="me@example.org", limits=Limits(timeout=timeout))


def kept(project: Path) -> dict[str, dict[str, Any]]:
    with Store(project / "tilth.duckdb") as store:
        return {"/" + row["url"].split("/", 3)[3]: row for row in pages(store).to_pylist()}


def texts(project: Path) -> list[str]:
    with Store(project / "tilth.duckdb") as store:
        return sorted(records(store)["text"].to_pylist())


@pytest.fixture(scope="module")
def questions(shared: Path) -> list[str]:
    """What the site shows, as a reader sees it: white space is one space."""
    with (shared / "data" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["text"].strip() for row in csv.DictReader(file)]
    random.Random(77).shuffle(rows)
    return sorted(" ".join(row.split()) for row in rows[:POSTS])


def test_every_post_is_brought_in_once(project: Path, site: str, questions: list[str]) -> None:
    result = run(project, site, "/page/1", follow="a.thread, a.next")
    assert texts(project) == questions
    assert (result.records_new, result.records_known, result.exit_code, result.troubles) == (POSTS, 0, 0, ())
    stats = json.loads(ask(site, "/__stats"))
    asked = {
        path: times for path, times in stats["asks"].items() if path not in ("/robots.txt", "/.well-known/tdmrep.json")
    }
    assert set(asked.values()) == {1} and result.statuses == {200: len(asked)}
    assert not any("/private/" in path or "/u/" in path for path in asked)
    assert stats["agents"].keys() == {agent for agent in stats["agents"] if agent.startswith("tilth/")}
    with Store(project / "tilth.duckdb") as store:
        assert {row["robots"] for row in page_counts(store).to_pylist()} == {"allowed"}
        keys = records(store)["natural_key"].to_pylist()
    assert sorted(map(int, keys)) == list(range(POSTS))


def test_following_every_link_oversteps_nothing_and_keeps_each_trouble(
    project: Path, site: str, questions: list[str]
) -> None:
    result = run(project, site, "/", follow="a", max_pages=170, deny=[r"/calendar\?m=\d\d"])
    stats = json.loads(ask(site, "/__stats"))
    assert stats["inside"] == 0 and not any("private" in path for path in stats["asks"])
    found = kept(project)
    assert (found["/private/1"]["robots"], found["/private/1"]["status"]) == ("disallowed", None)
    for path, words in {
        "/inside": "another host",
        "/metadata": "another host",
        "/loop": "in a circle",
        "/binary": "binary data",
        "/empty": "its body is empty",
    }.items():
        assert words in found[path]["error"], path
    assert found["/moved"]["final_url"] == site + "/t/0" and found["/moved"]["error"] is None
    assert found["/flaky/1"]["status"] == 200  # two 503s were tried again
    assert found["/busy"]["status"] in (200, 429)  # 200 where the machine is slow enough that its 2 s have passed
    with Store(project / "tilth.duckdb") as store:
        rows = records(store).to_pylist()
    # The troubles' posts have names for ids; one of them, /change/1, shows a question under its own.
    assert sorted(row["text"] for row in rows if row["natural_key"].isdigit()) == questions
    canaries = {row["natural_key"] for row in rows if row["text"].startswith("canary")}
    assert canaries >= {"optout-noai", "etag-1"} and not canaries & {"private-1", "inside", "secret"}
    with Store(project / "tilth.duckdb") as store:
        assert sightings(store).num_rows > records(store).num_rows  # /twin/3 shows posts of /t/3
    assert result.disallowed == 1 and result.exit_code == 0


def test_pages_that_never_end_or_are_far_too_large_cost_only_themselves(project: Path, site: str) -> None:
    starts = ["/hang", "/huge", "/bomb", "/t/1", "/nothing"]
    ask(site, "/t/1")
    with urllib.request.urlopen(site + "/bomb", timeout=60) as answer:  # the site packs its bomb at the first ask
        answer.read()
    result = run(project, site, *starts, timeout=4.0)
    found = kept(project)
    assert found["/hang"]["error"].startswith("timeout: no whole answer within 4 s")
    assert found["/huge"]["error"].startswith("too-large: the body is over 10,485,760 bytes")
    assert found["/bomb"]["error"].startswith("too-large: the body unpacks to over 10,485,760 bytes")
    assert found["/nothing"]["error"] == "status: the server answered 404"
    assert found["/t/1"]["error"] is None and result.records_new == found["/t/1"]["records_found"] > 0
    assert len(result.troubles) == 4 and result.exit_code == 0


def test_windows_1252_that_only_a_meta_element_declares_is_read(project: Path, site: str) -> None:
    run(project, site, "/latin1", item="main", key=None, fields={"text": "p.body"})
    assert texts(project) == ["Das Überweisungslimit beträgt 50 €."]


def test_the_same_post_on_two_pages_is_one_record_with_two_sightings(project: Path, site: str) -> None:
    result = run(project, site, "/t/3", "/twin/3")
    assert result.records_new == result.records_known > 0
    with Store(project / "tilth.duckdb") as store:
        assert sightings(store).num_rows == 2 * records(store).num_rows


def test_the_browser_reads_what_only_scripts_draw(project: Path, site: str, questions: list[str]) -> None:
    shape = {"fields": {"text": "p.body"}, "timeout": 10.0}
    over_http = run(project, site, "/app", **shape)
    assert over_http.records_new == 0 and 'render = "browser"' in over_http.troubles[0].message
    result = run(project, site, "/app", "/inside", "/private/1", render="browser", wait_for="article.post", **shape)
    assert result.records_new == 20 and set(texts(project)) <= set(questions)
    stats = json.loads(ask(site, "/__stats"))
    assert stats["inside"] == 0 and "/private/1" not in stats["asks"]
