"""A crawl of the proving site that is killed again and again: what it missed, asked for twice or kept twice.

SIGKILL at random moments, of the crawl's owner or of the process that fetches: over HTTP alone, with pages that a
browser draws mixed in, and of Chromium alone while the crawl goes on.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from claim import Proof, arguments, at_least, at_most, reported, shared

SEED = 20260721
PER_HOST = 4
DRAWN = 40
"""Threads that the browser draws."""


@dataclass(frozen=True)
class Case:
    """A way of dying: how often, of whom, on a site of how many posts."""

    name: str
    kills: int
    quick_kills: int
    posts: int
    quick_posts: int
    drawn: bool
    chromium: bool = False
    pages_between: int = 40


CASES = (
    Case("HTTP", 50, 6, 3_500, 700, drawn=False, pages_between=12),
    Case("HTTP and browser", 12, 2, 1_200, 200, drawn=True, pages_between=24),
    Case("Chromium alone", 5, 1, 200, 200, drawn=True, chromium=True),
)


def main() -> int:
    """Measure, print and write."""
    quick = arguments(__doc__).quick
    proof = Proof("crawl_kill", compares="what a killed crawl brings against what the site has", quick=quick)
    rng = random.Random(SEED)
    for case in CASES:
        with tempfile.TemporaryDirectory() as place, site(case.quick_posts if quick else case.posts) as url:
            project = Path(place) / "project"
            wanted = case.quick_kills if quick else case.kills
            killed = (
                kill_chromium(project, url, case, wanted, rng)
                if case.chromium
                else kill_crawl(project, url, case, wanted, rng)
            )
            found = examine(project, url, case)
        proof.add(
            at_least(f"{case.name}: killed so often", killed, wanted, unit="kills"),
            at_most(f"{case.name}: pages missed", found["missed"], 0, unit="pages"),
            at_most(f"{case.name}: asked for again, a kill", found["again"] / killed, PER_HOST, unit="pages"),
            at_most(f"{case.name}: rows twice", found["twice"], 0, unit="rows"),
            at_most(f"{case.name}: pages whose bytes WARC does not hold", found["unreadable"], 0, unit="pages"),
            reported(f"{case.name}: pages in all", found["pages"], unit="pages"),
            reported(f"{case.name}: asked for again in all", found["again"], unit="pages"),
        )
    return proof.publish()


def start(project: Path, url: str, case: Case) -> "subprocess.Popen[bytes]":
    """A crawl in a process of its own."""
    words = [sys.executable, __file__, "--crawl", str(project), url, "drawn" if case.drawn else "http"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_crawl(project: Path, url: str, case: Case, wanted: int, rng: random.Random) -> int:
    """Kill crawls until there were enough deaths, then let one end; gives how many deaths there were."""
    killed = 0
    while killed < wanted:
        owner = start(project, url, case)
        before, pages = asks(url), rng.randrange(1, case.pages_between)
        deadline = time.monotonic() + 60
        while asks(url) - before < pages and owner.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.1))
        if owner.poll() is not None:
            _, errors = owner.communicate()
            assert owner.returncode == 0, errors.decode()
            return killed  # there was nothing left to kill it at
        victim = rng.choice([owner.pid, *(child.pid for child in fetching(owner.pid))])
        os.kill(victim, signal.SIGKILL)
        owner.communicate()
        killed += 1
    finish(project, url, case)
    return killed


def kill_chromium(project: Path, url: str, case: Case, wanted: int, rng: random.Random) -> int:
    """Kill the browser, and nothing else, while one crawl runs."""
    owner, killed = start(project, url, case), 0
    while owner.poll() is None and killed < wanted:
        time.sleep(rng.uniform(0.5, 2.5))
        browsers = [pid for child in fetching(owner.pid) for pid in browsers_of(child)]
        if browsers:
            os.kill(browsers[0], signal.SIGKILL)
            killed += 1
    _, errors = owner.communicate()
    assert owner.returncode == 0, errors.decode()
    return killed


def browsers_of(child: psutil.Process) -> list[int]:
    """Chromium's own processes, without those that it started."""
    found = []
    try:
        for process in child.children(recursive=True):
            words = process.as_dict(["name", "cmdline", "status"], ad_value=None)
            started = any(word.startswith("--type=") for word in words["cmdline"] or ["--type="])
            if "chrom" in (words["name"] or "") and not started and words["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    except psutil.NoSuchProcess:
        return found
    return found


def finish(project: Path, url: str, case: Case) -> None:
    """Let a crawl end by itself."""
    owner = start(project, url, case)
    _, errors = owner.communicate()
    assert owner.returncode == 0, errors.decode()


def fetching(owner: int) -> list[psutil.Process]:
    """The process that fetches for this owner."""
    try:
        return [child for child in psutil.Process(owner).children() if "crawlers.run" in child.cmdline()]
    except psutil.Error:
        return []


def examine(project: Path, url: str, case: Case) -> dict[str, float]:
    """Hold the store and the WARC files against what the site was asked."""
    from fastwarc.warc import ArchiveIterator

    from crawlers.warc import read_answer
    from store.database import Store
    from store.pages import pages
    from store.records import records

    with Store(project / "tilth.duckdb") as store:
        rows = [row for row in pages(store).to_pylist() if row["error"] is None]
        keys = Counter((row["source_name"], row["natural_key"]) for row in records(store).to_pylist())
    asked = Counter({path: n for path, n in stats(url)["asks"].items() if path.startswith(("/t/", "/page/"))})
    threads = set(site_paths(url))
    kept = Counter((row["source_id"], "/" + row["url"].split("/", 3)[3]) for row in rows)
    over_http = {path for (_, path) in kept}
    drawn = Counter(path for (_, path) in kept)
    unreadable = 0
    for path in sorted((project / "warc").iterdir()):
        with path.open("rb") as file:
            for record in ArchiveIterator(file):
                record.reader.read()
    for row in rows:
        if not row["warc_file"]:
            unreadable += 1
            continue
        _, body = read_answer(project / row["warc_file"], row["warc_offset"])
        unreadable += len(body) != row["body_bytes"]
    again = sum(times - drawn[path] for path, times in asked.items() if path in over_http)
    return {
        "missed": len(threads - over_http) + (max(0, DRAWN - sum(n - 1 for n in drawn.values())) if case.drawn else 0),
        "again": max(0, again),
        "twice": sum(n - 1 for n in kept.values()) + sum(n - 1 for n in keys.values()),
        "unreadable": unreadable,
        "pages": len(rows),
    }


def site_paths(url: str) -> Iterator[str]:
    """Every list and thread of the forum, as its own lists name them."""
    import re

    number = 1
    while True:
        with urllib.request.urlopen(f"{url}/page/{number}") as answer:
            html = answer.read().decode()
        yield f"/page/{number}"
        yield from re.findall(r'href="(/t/\d+)"', html)
        if f'href="/page/{number + 1}"' not in html:
            return
        number += 1


def stats(url: str) -> dict[str, dict[str, int]]:
    """What the site counted."""
    with urllib.request.urlopen(f"{url}/__stats") as answer:
        counted: dict[str, dict[str, int]] = json.load(answer)
    return counted


def asks(url: str) -> int:
    """How many pages the site was asked for."""
    return sum(stats(url)["asks"].values())


@contextmanager
def site(posts: int) -> Iterator[str]:
    """The proving site on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(shared("sites", "proving_site.py")), "--port", str(port), "--crawl-delay", "0"]
    command += ["--data", str(shared("data", "banking77", "train.csv")), "--limit", str(posts), "--latency-ms", "5"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None and server.stdout.readline(), "the proving site did not start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def crawl_once(project: Path, url: str, *, drawn: bool) -> None:
    """One crawl, to its end."""
    from crawlers.crawl import crawl
    from crawlers.kinds import read_source
    from store.database import Store

    post = {"item": "article.post", "key": "::attr(data-post)", "fields": {"text": "p.body"}}
    forum = {"name": "forum", "start": [f"{url}/page/1"], "follow": "a.thread, a.next", **post}
    sources = [read_source(forum)]
    if drawn:
        starts = [f"{url}/t/{number}" for number in range(DRAWN)]
        sources.append(read_source({"name": "drawn", "start": starts, "render": "browser", **post}))
    with Store(project / "tilth.duckdb") as store:
        crawl(store, project, sources, contact="")


if __name__ == "__main__":
    if "--crawl" in sys.argv:
        crawl_once(Path(sys.argv[2]), sys.argv[3], drawn=sys.argv[4] == "drawn")
    else:
        raise SystemExit(main())
