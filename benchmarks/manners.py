"""Manners on the proving site with `--crawl-delay 0.5`: the gaps that it counts, Retry-After, robots.txt once a day.

Two crawls, one after the other and each of an HTTP and a browser source of the same host; what counts is what the site
saw, robots.txt and what pages ask for in the browser among it.
"""

import itertools
import json
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from claim import Proof, arguments, at_least, at_most, reported, shared
from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store

DELAY = 0.5
RETRY_AFTER = 2.0
POST = {"item": "article.post", "key": "::attr(data-post)", "fields": {"text": "p.body"}}


@contextmanager
def proving_site() -> Iterator[str]:
    """The site, on two free ports."""
    program, data = shared("sites", "proving_site.py"), shared("data", "banking77", "train.csv")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--data", data, "--port", str(port), "--limit", "400", "--crawl-delay", str(DELAY)]
    with subprocess.Popen(
        [sys.executable, program, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        if not server.stdout.readline():
            raise SystemExit(f"The proving site did not start on port {port}; try again.")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def asked(site: str) -> list[tuple[float, str]]:
    """When the site was asked for what, in seconds since the first ask."""
    with urllib.request.urlopen(site + "/__stats", timeout=10) as answer:
        return [(at, path) for at, path in json.load(answer)["times"]]


def sources(site: str, number: int, pages: int) -> list[dict[str, Any]]:
    """Threads over HTTP, the troubles of a busy host, and what JavaScript draws; other threads for each crawl."""
    threads = [f"{site}/t/{number * pages + n}" for n in range(pages)]
    troubles = [f"{site}/busy", f"{site}/flaky/1", f"{site}/moved"] if number == 0 else []
    drawn = [f"{site}/app?{number}"] + [f"{site}/t/{100 + number * 4 + n}" for n in range(max(1, pages // 10))]
    return [
        {"name": f"threads-{number}", "start": troubles + threads, "max_depth": 0},
        {"name": f"drawn-{number}", "start": drawn, "max_depth": 0, "render": "browser"},
    ]


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__)
    proof = Proof(
        "manners", compares="what the proving site saw of two crawls with what it asks for", quick=options.quick
    )
    pages = 6 if options.quick else 40
    with proving_site() as site, tempfile.TemporaryDirectory() as place:
        for number in range(2):
            with Store(Path(place) / "tilth.duckdb") as store:
                declared = [read_source(POST | source) for source in sources(site, number, pages)]
                crawl(store, Path(place), declared, contact="benchmark@example.org")
        times = asked(site)
    gaps = sorted(after - before for (before, _), (after, _) in itertools.pairwise(times))
    busy = [at for at, path in times if path == "/busy"]
    after_busy = min(at for at, _ in times if at > busy[0])
    drawn = sum(1 for _, path in times if path.startswith(("/app", "/api/")))
    proof.add(
        at_least("smallest gap that the site saw", gaps[0], 0.95 * DELAY, unit="s"),
        at_least(
            "from 429 with Retry-After: 2 to the next ask of anything", after_busy - busy[0], RETRY_AFTER, unit="s"
        ),
        at_least("from the same to the next ask of that page", busy[1] - busy[0], RETRY_AFTER, unit="s"),
        at_most("asks for robots.txt", sum(path == "/robots.txt" for _, path in times), 1, unit="asks"),
        reported("median gap", gaps[len(gaps) // 2], unit="s"),
        reported("asks", len(times), unit="asks"),
        at_least("of them by a page in the browser", drawn, 2, unit="asks"),
    )
    raise SystemExit(proof.publish())


if __name__ == "__main__":
    main()
