"""A crawl by Scrapy alone with the manners under test, in a process of its own: the reactor runs once in a process.

`python small_crawl.py` reads JSON from standard input: `urls`, `settings`, `frontier` (a path, or null for Scrapy's own
scheduler), `cancelled` (URLs that are asked for first, all at once, and given up after 0.2 s) and `files` (URLs that
five ask `HostFiles` for at once, before all others). It writes JSON: for each URL its status or its error, and what its
meta said.
"""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.frontier.file import Frontier
from crawlers.manners.host_files import host_files_of
from crawlers.manners.hosts import Hosts

MIDDLEWARES = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "crawlers.manners.retry.TryAgain": 550,
    "crawlers.manners.turns.Turns": 890,
}
SETTINGS: dict[str, Any] = {
    "USER_AGENT": "tilth/test",
    "DOWNLOADER_MIDDLEWARES": MIDDLEWARES,
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
    "AUTOTHROTTLE_ENABLED": True,
    "AUTOTHROTTLE_START_DELAY": 0.01,
    "AUTOTHROTTLE_TARGET_CONCURRENCY": 4.0,
    "HTTPERROR_ALLOW_ALL": True,
    "DOWNLOAD_TIMEOUT": 5,
    "REDIRECT_MAX_TIMES": 5,
    "RETRY_EXCEPTIONS": [
        "scrapy.exceptions.CannotResolveHostError",
        "scrapy.exceptions.DownloadConnectionRefusedError",
        "scrapy.exceptions.DownloadFailedError",
        "scrapy.exceptions.ResponseDataLossError",
    ],
    "LOG_LEVEL": "WARNING",
    "LOG_VERSIONS": [],
    "STATS_DUMP": False,
}


class Asking(Spider):
    name = "asking"

    def __init__(self, asked: dict[str, Any], outcomes: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asked, self.outcomes = asked, outcomes

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> "Asking":
        file = crawler.settings["FRONTIER_FILE"]
        rows = Frontier(Path(file)) if file else None
        crawler.hosts = Hosts(rows, per_host=crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN"))
        return super().from_crawler(crawler, *args, **kwargs)

    async def start(self) -> AsyncIterator[Request]:
        for url in self.asked["files"]:
            await self.five_ask_for(url)
        await asyncio.gather(*map(self.give_up_on, self.asked["cancelled"]))
        for url in self.asked["urls"]:
            yield Request(url, callback=self.came, errback=self.failed, meta={"asked": url}, dont_filter=True)

    async def five_ask_for(self, url: str) -> None:
        path = "/" + url.split("/", 3)[3]
        files = await asyncio.gather(*(host_files_of(self.crawler).get(url, path) for _ in range(5)))
        said = [[file.status, file.body.decode(), file.error] for file in files]
        assert said == [said[0]] * 5
        self.outcomes.setdefault(url, []).append(said[0])

    async def give_up_on(self, url: str) -> None:
        assert self.crawler.engine is not None
        try:
            await asyncio.wait_for(self.crawler.engine.download_async(Request(url)), 0.2)
        except TimeoutError:
            self.outcomes[url] = {"error": "given up"}

    def came(self, response: Response) -> None:
        meta = response.meta
        self.outcomes[meta["asked"]] = {
            "status": response.status,
            "tries": meta.get("tries", 0),
            "robots": meta.get("robots"),
        }

    def failed(self, failure: Failure) -> None:
        request: Request = failure.request
        self.outcomes[request.meta["asked"]] = {
            "error": type(failure.value).__name__,
            "tries": request.meta.get("tries", 0),
            "robots": request.meta.get("robots"),
        }


def main() -> None:
    asked = json.load(sys.stdin)
    settings = SETTINGS | {"FRONTIER_FILE": asked["frontier"]} | asked["settings"]
    settings["DOWNLOADER_MIDDLEWARES"] = MIDDLEWARES | settings.pop("MIDDLEWARES", {})
    if asked["frontier"]:
        settings["SCHEDULER"] = "crawlers.scheduling.scheduler.FrontierScheduler"
    outcomes: dict[str, Any] = {}
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(Asking)
    process.crawl(crawler, asked=asked, outcomes=outcomes)
    process.start()
    logging.shutdown()
    json.dump(
        {
            "outcomes": outcomes,
            "closed": crawler.hosts.closed_hosts(),
            "open_turns": sum(host.in_use + len(host.waiting) for host in crawler.hosts._hosts.values()),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
