"""Eight hours of crawling, shortened: 20,000 pages over HTTP and 1,000 through the browser, and memory stays flat.

The pages are made by a server of this script, each of them another text with links to two more. Memory is what the
crawl's processes hold together (its own, the fetching one, those that read pages, Chromium), once a second; the slope
is fitted over the pages after the first tenth.
"""

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
from scipy.stats import linregress

from claim import Proof, arguments, at_least, at_most, reported
from store.database import Store

WORDS = (
    "account",
    "card",
    "transfer",
    "limit",
    "payment",
    "refund",
    "branch",
    "letter",
    "signature",
    "parcel",
    "garden",
)
LARGEST_SLOPE = 5.0
"""MB a thousand pages: 20,000 pages then cost 100 MB, a tenth of what a browser holds anyway."""


def main() -> int:
    """Crawl, watch, publish; the exit code says whether memory stayed flat."""
    options = arguments(__doc__)
    sizes = {"http": 400, "browser": 20} if options.quick else {"http": 20_000, "browser": 1_000}
    proof = Proof("long_crawl", "the memory of all processes of a crawl against the pages it has had", options.quick)
    for render, n_pages in sizes.items():
        with tempfile.TemporaryDirectory() as place, _site(n_pages) as (url, asked):
            folder = Path(place)
            _declare(folder, url, render, n_pages)
            seconds, samples = _watch(folder, asked)
            with Store(folder / "tilth.duckdb") as store:
                records = store.read("SELECT count(*) AS n FROM records")["n"][0].as_py()
        _judge(proof, render, n_pages, records, seconds, samples, options.quick)
    return proof.publish()


def _judge(
    proof: Proof,
    render: str,
    n_pages: int,
    records: int,
    seconds: float,
    samples: Sequence[tuple[int, float]],
    quick: bool,
) -> None:
    pages, megabytes = np.array(samples).T
    late = pages > n_pages / 10
    slope = linregress(pages[late] / 1000, megabytes[late]) if late.sum() > 2 else None
    proof.add(
        at_least(f"records out of {n_pages:,} pages, {render}", records, n_pages, unit="records"),
        reported(f"pages a second, {render}", n_pages / seconds, unit="pages/s"),
        reported(f"memory at the peak, {render}", float(megabytes.max()), unit="MB", runs=_tenths(pages, megabytes)),
    )
    if slope is not None:
        what = f"slope of memory after the first tenth, {render}"
        value = float(slope.slope)
        # A few hundred pages say nothing about a slope; a browser's memory is a saw that recycling cuts.
        bound = LARGEST_SLOPE if render == "http" else 20 * LARGEST_SLOPE
        proof.add(
            reported(what, value, unit="MB/1,000 pages")
            if quick
            else at_most(
                what,
                value,
                bound,
                unit="MB/1,000 pages",
                runs=(value - 2 * slope.stderr, value, value + 2 * slope.stderr),
            )
        )


def _tenths(pages: np.ndarray, megabytes: np.ndarray) -> list[float]:
    """The median of each tenth of the crawl."""
    edges = np.linspace(0, pages.max(), 11)
    parts = [megabytes[(pages >= low) & (pages <= high)] for low, high in pairwise(edges)]
    return [float(np.median(part)) for part in parts if len(part)]


def _watch(folder: Path, asked: list[int]) -> tuple[float, list[tuple[int, float]]]:
    """Run `tilth crawl`; gives its seconds, and (pages asked for, MB) once a second."""
    began, samples = time.monotonic(), []
    with subprocess.Popen([sys.executable, "-m", "tilth", "--project", str(folder), "crawl"]) as crawl:
        while crawl.poll() is None:
            samples.append((asked[0], _memory(crawl.pid)))
            time.sleep(1)
    if crawl.returncode:
        raise SystemExit(f"the crawl ended with exit code {crawl.returncode}")
    return time.monotonic() - began, samples


def _memory(pid: int) -> float:
    """MB that a process and all that it started hold: proportional set size, so that shared pages count once."""
    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in tree:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


@contextmanager
def _site(n_pages: int) -> Iterator[tuple[str, list[int]]]:
    """A site of `n_pages` pages, each of which links to two more; and how many were asked for."""
    asked = [0]

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number = self.path.removeprefix("/p/")
            found = number.isdigit() and int(number) < n_pages
            body = _page(int(number), n_pages) if found else b"User-agent: *\nAllow: /\n"
            known = found or self.path == "/robots.txt"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8" if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            asked[0] += found

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()


def _page(number: int, n_pages: int) -> bytes:
    words = random.Random(number).choices(WORDS, k=120)
    links = "".join(f'<a class="more" href="/p/{n}">{n}</a> ' for n in (2 * number + 1, 2 * number + 2) if n < n_pages)
    item = f"<article id='{number}'><p>{number} {' '.join(words)}</p></article>"
    return f"<!doctype html><title>{number}</title><nav>{links}</nav>{item}".encode()


def _declare(folder: Path, url: str, render: str, n_pages: int) -> None:
    (folder / "tilth.toml").write_text(
        f"""[project]
name = "long"
contact = "owner@example.org"
[schema]
classes = ["one", "two"]
[crawl]
per_host = 8
[[source]]
name = "pages"
start = {json.dumps([url + "/p/0"])}
follow = "a.more"
item = "article"
key = "::attr(id)"
render = "{render}"
max_pages = {n_pages}
max_per_pattern = {n_pages + 1}
[source.fields]
text = "p"
"""
    )


if __name__ == "__main__":
    sys.exit(main())
