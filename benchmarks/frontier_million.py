"""A frontier that knows a million URLs: how fast they are queued and taken, and what memory that costs."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from claim import Proof, arguments, at_least, at_most, reported

URLS, QUICK_URLS = 1_000_000, 60_000
BATCH = 100
"""Links of one page, queued in one transaction."""
TAKEN = 5_000
SHAPES = {"one host": 1, "10,000 hosts": 10_000}


def main() -> int:
    """Measure each shape in a process of its own."""
    quick = arguments(__doc__).quick
    urls = QUICK_URLS if quick else URLS
    proof = Proof("frontier_million", compares="one URL after another against an empty frontier", quick=quick)
    for shape, hosts in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            told = subprocess.run(
                [sys.executable, __file__, "--measure", folder, str(urls), str(hosts)],
                check=True,
                stdout=subprocess.PIPE,
            )
            found = json.loads(told.stdout)
            size = (Path(folder) / "frontier.sqlite").stat().st_size / 2**20
        proof.add(
            at_least(f"queued, {urls:,} URLs of {shape}", urls / found["queue_seconds"], 2_000, unit="URLs/s"),
            at_least(f"taken and done again, {shape}", TAKEN / found["take_seconds"], 1_000, unit="URLs/s"),
            at_least(f"known URLs looked up, {shape}", TAKEN / found["known_seconds"], 2_000, unit="URLs/s"),
            at_most(f"memory over an empty frontier, {shape}", found["memory_mib"], 200, unit="MiB"),
            reported(f"opening it again, {shape}", found["open_seconds"], unit="s"),
            reported(f"size of the file, {shape}", size, unit="MiB"),
        )
    return proof.publish()


def measure(folder: Path, urls: int, hosts: int) -> None:
    """Print one shape's figures as JSON."""
    from scrapy import Request, Spider
    from scrapy.utils.test import get_crawler

    from crawlers.frontier.file import Frontier
    from crawlers.frontier.queue import Fetched, Queue, Wanted
    from crawlers.scheduling.scheduler import FrontierScheduler

    class Bare(Spider):
        name = "bare"
        source_names = ("forum",)

        def request_of(self, row: "object") -> Request:
            return Request(row["url"])  # type: ignore[index]

    def scheduler(frontier: Frontier) -> FrontierScheduler:
        crawler = get_crawler(Bare, {"CONCURRENT_REQUESTS": 16, "CONCURRENT_REQUESTS_PER_DOMAIN": 16})
        spider = Bare()
        spider.frontier = frontier  # type: ignore[attr-defined]
        opened = FrontierScheduler(crawler)
        opened.open(spider)
        return opened

    frontier = Frontier(folder / "frontier.sqlite")
    taking = scheduler(frontier)
    empty = resident_mib()

    def wanted(number: int) -> Wanted:
        host = f"host{number * 7919 % hosts}.example"
        return Wanted("forum", f"https://{host}/questions/{number}/how-do-i-do-this-and-that", host, depth=number % 5)

    queue, began = Queue(frontier), time.perf_counter()
    for first in range(0, urls, BATCH):
        batch = [wanted(number) for number in range(first, min(first + BATCH, urls))]
        queue.add(batch)
        for one in batch:
            taking.stir(one.source, one.host)
    queued = time.perf_counter() - began

    began = time.perf_counter()
    for _ in range(TAKEN):
        request = taking.next_request()
        assert request is not None
        row = request.meta["frontier_id"]
        queue.done(row, Fetched(200, time.time()))
        taking.let_go(row)
    taken = time.perf_counter() - began

    began = time.perf_counter()
    for first in range(0, TAKEN, BATCH):
        assert not any(queue.add([wanted(number) for number in range(first, first + BATCH)]))
    known = time.perf_counter() - began
    memory = resident_mib() - empty

    frontier.close()
    began = time.perf_counter()
    with Frontier(folder / "frontier.sqlite") as again:
        assert scheduler(again).next_request() is not None
        opened = time.perf_counter() - began
    print(
        json.dumps(
            {
                "queue_seconds": queued,
                "take_seconds": taken,
                "known_seconds": known,
                "memory_mib": memory,
                "open_seconds": opened,
            }
        )
    )


def resident_mib() -> float:
    """Memory of this process."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        raise SystemExit(main())
