"""Fetches what standard input says, with Scrapy and the safe handler, and says as JSON what came of it.

A process of its own, since a reactor runs once in one.
"""

import json
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.page_error import describe
from crawlers.proxies.proxy import Proxy
from crawlers.safety.addresses import Address
from crawlers.safety.gate import Gate, SystemLookup, named_hosts
from crawlers.safety.http_settings import SAFE_SETTINGS

TOLD: dict[str, Any] = {}
SAID: dict[str, Any] = {}


class Names(SystemLookup):
    """The system's resolver, but for the names that the test answers for, one answer after the other."""

    async def __call__(self, host: str) -> tuple[Address, ...]:
        left = TOLD.get("names", {}).get(host)
        if left is None:
            return await super().__call__(host)
        return tuple(map(ip_address, left.pop(0) if len(left) > 1 else left[0]))


class Fetch(Spider):
    name = "fetch"

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> "Fetch":
        spider = super().from_crawler(crawler, *args, **kwargs)
        named = {"test": named_hosts(TOLD.get("start", ()), TOLD.get("hosts", ()))}
        # The clock jumps at each look, so that nothing that was looked up is kept.
        jumps = iter(range(0, 10**9, 10**4))
        crawler.gate = Gate(named, Names(), clock=lambda: float(next(jumps)))  # type: ignore[attr-defined]
        made = [Proxy(**each) for each in TOLD.get("proxies", ())]
        crawler.proxies = {proxy.name: proxy for proxy in made}  # type: ignore[attr-defined]
        return spider

    async def start(self) -> AsyncIterator[Request]:
        for asked in TOLD["requests"]:
            meta = {"source": "test", "name": asked["name"], **asked.get("meta", {})}
            yield Request(asked["url"], meta=meta, callback=self.parse, errback=self.failed, dont_filter=True)

    def parse(self, response: Response, **_: Any) -> None:
        said = {"status": response.status, "url": response.url, "bytes": len(response.body)}
        SAID[response.meta["name"]] = said | {"body": response.body[:200].decode("latin-1")}

    def failed(self, failure: Failure) -> None:
        request = failure.request  # type: ignore[attr-defined]
        assert failure.value is not None
        limits = {"timeout": TOLD["settings"]["DOWNLOAD_TIMEOUT"], "max_bytes": TOLD["settings"]["DOWNLOAD_MAXSIZE"]}
        SAID[request.meta["name"]] = {"error": describe(failure.value, url=request.url, **limits)}


def main() -> None:
    TOLD.update(json.load(sys.stdin))
    TOLD["settings"] = {"DOWNLOAD_TIMEOUT": 5, "DOWNLOAD_MAXSIZE": 1_000_000, **TOLD.get("settings", {})}
    quiet = {"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, "RETRY_ENABLED": False, "HTTPERROR_ALLOW_ALL": True}
    process = AsyncCrawlerProcess({**SAFE_SETTINGS, **quiet, **TOLD["settings"]})
    process.crawl(Fetch)
    process.start()
    json.dump(SAID, sys.stdout)


if __name__ == "__main__":
    main()
