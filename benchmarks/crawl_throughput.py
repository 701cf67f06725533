"""A crawl with WARC, frontier and provenance, records left for later, against bare Scrapy that only parses links.

Both crawl the same static copy of the proving site behind nginx, in turn, with the same number of requests under way.
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
from typing import Any

from claim import Proof, arguments, at_least, reported, shared

ROUNDS, QUICK_ROUNDS = 5, 2
POSTS, QUICK_POSTS = 10_000, 2_000
AT_ONCE = 16
URL = "http://127.0.0.1:8775"
FOLLOW = "a.thread, a.next"
QUICK_BOUND = 0.5


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
    with tempfile.TemporaryDirectory() as place, static_site(nginx, Path(place), QUICK_POSTS if quick else POSTS):
        for number in range(QUICK_ROUNDS if quick else ROUNDS):
            pages, seconds = measured("--bare")
            bare.append(pages / seconds)
            project = Path(place) / f"project{number}"
            began = time.perf_counter()
            kept, seconds = measured("--ours", str(project))
            whole.append(kept / (time.perf_counter() - began))
            ours.append(kept / seconds)
            assert kept == pages, f"we kept {kept} pages, bare Scrapy saw {pages}"
            shutil.rmtree(project)
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    bound = QUICK_BOUND if quick else 0.8
    proof.add(
        at_least(
            "pages a second against bare Scrapy, median", statistics.median(ratios), bound, unit="ratio", runs=ratios
        ),
        reported("pages a second, ours", statistics.median(ours), unit="pages/s", runs=ours),
        reported("pages a second, bare Scrapy", statistics.median(bare), unit="pages/s", runs=bare),
        reported("ours with its start and its end", statistics.median(whole), unit="pages/s", runs=whole),
    )
    return proof.publish()


def measured(*what: str) -> tuple[int, float]:
    """Pages and seconds of one crawl in a process of its own, from the spider's begin to its end."""
    told = subprocess.run([sys.executable, __file__, *what], check=True, stdout=subprocess.PIPE)
    pages, seconds = json.loads(told.stdout.splitlines()[-1])
    return int(pages), float(seconds)


@contextmanager
def static_site(nginx: str, place: Path, posts: int) -> Iterator[None]:
    """The proving site's pages behind nginx."""
    folder = place / "static"
    program, rows = shared("sites", "proving_site.py"), shared("data", "banking77", "train.csv")
    command = [sys.executable, program, "--data", rows, "--export", folder, "--limit", str(posts)]
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
        start_urls = (f"{URL}/page/1",)
        pages = 0
        began = time.perf_counter()

        def parse(self, response: Any) -> Iterator[Any]:
            self.pages += 1
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
    stats = crawler.stats.get_stats()
    print(json.dumps([crawler.spider.pages, stats["elapsed_time_seconds"]]))


def crawl_ours(project: Path) -> None:
    """A whole crawl of ours."""
    from crawlers.crawl import crawl
    from crawlers.crawl_spec import Limits
    from crawlers.frontier.file import Frontier
    from crawlers.kinds import read_source
    from crawlers.live import read_live
    from store.database import Store

    source = read_source({"name": "forum", "start": [f"{URL}/page/1"], "follow": FOLLOW, "extract": False})
    with Store(project / "tilth.duckdb") as store:
        result = crawl(store, project, [source], contact="", limits=Limits(concurrency=AT_ONCE, per_host=AT_ONCE))
    assert not result.errors, result.errors
    with Frontier(project / "frontier.sqlite") as frontier:
        live = read_live(frontier)
    assert live is not None and live.pages == result.pages
    print(json.dumps([result.pages, live.seconds]))


if __name__ == "__main__":
    if "--bare" in sys.argv:
        crawl_bare()
    elif "--ours" in sys.argv:
        crawl_ours(Path(sys.argv[2]))
    else:
        raise SystemExit(main())
