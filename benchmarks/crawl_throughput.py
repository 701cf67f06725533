"""A crawl with WARC, frontier and provenance, records left for later, against bare Scrapy that only parses links.

Both crawl the same static copy of the proving site behind nginx, in turn, with the same number of requests under way.
What counts is the pace once a crawl is under way, from its tenth page to its last; what its start and its end cost is
said beside it.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from claim import Proof, arguments, at_least, reported, shared

ROUNDS, QUICK_ROUNDS = 5, 2
POSTS, QUICK_POSTS = 10_000, 2_000
AT_ONCE = 16
URL = "http://127.0.0.1:8775"
FOLLOW = "a.thread, a.next"
QUICK_BOUND = 0.5
SETTLED = 10


def main() -> int:
    """Measure, print and write."""
    quick = arguments(__doc__).quick
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        print("nginx is not there: this claim is measured against a static site behind it.")
        return 0
    proof = Proof(
        "crawl_throughput", compares="a crawl without extraction against bare Scrapy, interleaved", quick=quick
    )
    bare: list[float] = []
    ours: list[float] = []
    whole: list[float] = []
    bare_all: list[float] = []
    with tempfile.TemporaryDirectory() as place, static_site(nginx, Path(place), QUICK_POSTS if quick else POSTS):
        for number in range(QUICK_ROUNDS if quick else ROUNDS):
            began = time.perf_counter()
            pages, rate = measured("--bare")
            bare_all.append(pages / (time.perf_counter() - began))
            bare.append(rate)
            project = Path(place) / f"project{number}"
            began = time.perf_counter()
            kept, rate = measured("--ours", str(project))
            whole.append(kept / (time.perf_counter() - began))
            ours.append(rate)
            assert kept == pages, f"we kept {kept} pages, bare Scrapy saw {pages}"
            shutil.rmtree(project)
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    bound = QUICK_BOUND if quick else 0.8
    proof.add(
        reported("pages of the site", pages, unit="pages"),
        at_least(
            "pages a second against bare Scrapy, median", statistics.median(ratios), bound, unit="ratio", runs=ratios
        ),
        reported("pages a second, ours", statistics.median(ours), unit="pages/s", runs=ours),
        reported("pages a second, bare Scrapy", statistics.median(bare), unit="pages/s", runs=bare),
        reported("ours with its start and its end", statistics.median(whole), unit="pages/s", runs=whole),
        reported("bare Scrapy with its start and its end", statistics.median(bare_all), unit="pages/s", runs=bare_all),
    )
    return proof.publish()


def measured(*what: str) -> tuple[int, float]:
    """How many pages one crawl in a process of its own saw, and its pages a second from the tenth to the last."""
    told = subprocess.run([sys.executable, __file__, *what], check=True, stdout=subprocess.PIPE)
    moments = sorted(json.loads(told.stdout.splitlines()[-1]))
    return len(moments), (len(moments) - SETTLED) / (moments[-1] - moments[SETTLED - 1])


@contextmanager
def static_site(nginx: str, place: Path, posts: int) -> Iterator[None]:
    """The proving site's pages behind nginx."""
    folder = place / "static"
    program, rows = shared("sites", "proving_site.py"), shared("data", "banking77", "train.csv")
    command = [sys.executable, str(program), "--data", str(rows), "--export", str(folder), "--limit", str(posts)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir(exist_ok=True)
    server = subprocess.Popen(
        [nginx, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        time.sleep(1.0)
        assert server.poll() is None, "nginx did not start"
        yield
    finally:
        server.terminate()
        server.wait()


def crawl_bare() -> None:
    """Bare Scrapy: memory queues, nothing kept."""
    from scrapy import Spider
    from scrapy.crawler import AsyncCrawlerProcess

    class Bare(Spider):
        name = "bare"
        start_urls = [f"{URL}/page/1"]  # noqa: RUF012 - as Scrapy has it
        moments: ClassVar[list[float]] = []

        def parse(self, response: Any) -> Iterator[Any]:
            self.moments.append(time.time())
            for link in response.css(FOLLOW):
                yield response.follow(link, callback=self.parse)

    process = AsyncCrawlerProcess(
        {
            "CONCURRENT_REQUESTS": AT_ONCE,
            "CONCURRENT_REQUESTS_PER_DOMAIN": AT_ONCE,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "WARNING",
        }
    )
    crawler = process.create_crawler(Bare)
    process.crawl(crawler)
    process.start()
    print(json.dumps(Bare.moments))


def crawl_ours(project: Path) -> None:
    """A whole crawl of ours."""
    from crawlers.crawl import crawl
    from crawlers.crawl_spec import Limits
    from crawlers.kinds import read_source
    from store.database import Store
    from store.pages import pages

    source = read_source(
        {"name": "forum", "start": [f"{URL}/page/1"], "follow": FOLLOW, "extract": False, "max_depth": 1_000}
    )
    with Store(project / "tilth.duckdb") as store:
        result = crawl(store, project, [source], contact="", limits=Limits(concurrency=AT_ONCE, per_host=AT_ONCE))
        assert not result.errors, result.errors
        print(json.dumps([at.timestamp() for at in pages(store)["fetched_at"].to_pylist()]))


if __name__ == "__main__":
    if "--bare" in sys.argv:
        crawl_bare()
    elif "--ours" in sys.argv:
        crawl_ours(Path(sys.argv[2]))
    else:
        raise SystemExit(main())
