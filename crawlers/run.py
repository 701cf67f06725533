"""`python -m crawlers.run SPEC.json`: the process that fetches; Scrapy's reactor runs once in a process.

It ends when its standard input ends, so that a parent's death is its own. What it cannot go on from it says as one line
of JSON on standard output, and ends with exit code 1.
"""

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from crawlers.crawl_spec import CrawlSpec
from crawlers.frontier.file import Frontier, NoSpace
from crawlers.frontier.leases import this_process
from crawlers.frontier.queue import Queue
from crawlers.full_disk import is_full
from crawlers.scrapy_settings import scrapy_settings
from store.errors import TilthError

GRACE_SECONDS = 8.0
"""So long after it was told to end, what is still being fetched may be finished."""


def run(spec: CrawlSpec) -> int:
    """Crawl the sources to their end; gives the exit code. What it cannot go on from is raised."""
    from crawlers.extraction.workers import PageReader

    # First of all: the readers import their parsers while this process imports Scrapy.
    with PageReader(spec.limits.workers, spec.limits.extract_seconds) as reader:
        from scrapy.crawler import AsyncCrawlerProcess

        from crawlers.spider import CrawlSpider

        settings = scrapy_settings(spec)
        process = AsyncCrawlerProcess(settings | _for_a_browser(spec, settings))
        crawler = process.create_crawler(CrawlSpider)
        with Frontier(Path(spec.project_folder) / "frontier.sqlite") as frontier:
            crawling = process.crawl(crawler, spec=spec, frontier=frontier, reader=reader)
            process.start()
    fatal = getattr(crawler.spider, "fatal", None)
    if fatal is not None:
        raise fatal
    if crawling.done() and not crawling.cancelled():
        crawling.result()  # what broke while the crawler was put together is in there, and nowhere else
    return 0


def _for_a_browser(spec: CrawlSpec, others: dict[str, Any]) -> dict[str, Any]:
    if all(one.declared.get("render", "http") == "http" for one in spec.sources):
        return {}
    from crawlers.browser.page import browser_settings

    return browser_settings(others)


def say_failure(error: BaseException) -> None:
    """Tell the parent why this process cannot go on."""
    full = isinstance(error, NoSpace) or is_full(error)
    message = str(error).rstrip(".") if isinstance(error, TilthError) else f"{type(error).__name__}: {error}"
    print(json.dumps({"kind": "disk-full" if full else "failed", "message": message}), flush=True)


def end_with(lifeline: int, frontier: Path) -> None:
    """Ask this process to end when the file descriptor `lifeline` ends, and make it end some seconds later."""

    def watch() -> None:
        while os.read(lifeline, 1024):  # not a buffered read: its lock would be held while the interpreter ends
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(GRACE_SECONDS)
        try:
            with Frontier(frontier) as opened:  # no page is to blame for an end that was asked for
                Queue(opened).release(this_process())
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Read the spec that the command line names, and crawl."""
    spec = CrawlSpec.read(Path(sys.argv[1]))
    end_with(sys.stdin.fileno(), Path(spec.project_folder) / "frontier.sqlite")
    try:
        return run(spec)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        traceback.print_exc()  # for whoever looks into it; the parent shows the one line
        say_failure(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
