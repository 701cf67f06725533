"""Gives each request the proxy that it leaves through, and tells the pool how that went."""

from __future__ import annotations

import os
import time
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, NotConfigured
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached

from crawlers.manners.trouble import put_back
from crawlers.manners.turns import hosts_of
from crawlers.page_error import NoProxyLeft, ProxyTrouble
from crawlers.proxies.declaration import ProxiesSection
from crawlers.proxies.pool import NoProxy, NoSuchProxy, ProxyPool
from crawlers.safety.gate import PORTS
from crawlers.safety.of_crawl import gate_of
from crawlers.scope import host_of

SETTING = "PROXIES"
"""The Scrapy setting with what `ProxiesSection.declared` gave."""


class AssignProxy:
    """A downloader middleware next to the network, so that every try is counted.

    Writes `meta["proxy"]`, a name of `crawler.proxies`; the download handler and the browser go through that one.
    """

    def __init__(self, crawler: Crawler) -> None:
        section = ProxiesSection.model_validate(crawler.settings.getdict(SETTING))
        if not section.pool:
            raise NotConfigured("the project has no proxies")
        rows = getattr(crawler.spider, "frontier", None)
        self._crawler = crawler
        self._pool = ProxyPool(section.proxies(os.environ), rows, sticky=section.sticky, cool_down=section.cool_down)
        crawler.proxies = self._pool  # type: ignore[attr-defined]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> AssignProxy:
        """As Scrapy makes it; not at all where there are no proxies."""
        return cls(crawler)

    def process_request(self, request: Request) -> Request | None:
        """Choose a proxy; while all rest, the request goes back to the frontier.

        When none works any more, the hosts of the request are closed for this crawl, and their pages stay queued.

        Raises:
            NoProxyLeft: None is in the country that the source asks for.
            DownloadFailedError: None is well, and the request is of no frontier that could keep it.
        """
        request.meta.pop("proxy", None)
        source = self._source_of(request)
        if source is not None and not source.proxy:
            return None
        country = source.proxy_country if source is not None else None
        try:
            chosen = self._pool.choose(host_of(request.url), country=country)
        except NoSuchProxy as none:
            raise NoProxyLeft(str(none)) from none
        except NoProxy as none:
            if none.ready_at is None:
                self._leave(request, str(none))
            if "frontier_id" not in request.meta:
                raise DownloadFailedError(str(none)) from none  # who asks may ask again
            return put_back(request, none.ready_at or time.time())
        request.meta["proxy"] = chosen.name
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        """Whatever the answer says, the proxy brought it."""
        name = request.meta.get("proxy")
        if name is not None and name in self._pool:
            self._pool.answered(name, host_of(request.url))
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Note a failure that may be the proxy's."""
        name = request.meta.get("proxy")
        if name is None or name not in self._pool or not isinstance(exception, ProxyTrouble):
            return
        if exception.perhaps_the_hosts:
            self._pool.doubt(name, host_of(request.url))
        else:
            self._pool.failed(name, host_of(request.url), str(exception))

    def _leave(self, request: Request, why: str) -> None:
        """Close the host of a request, and the one that was led on from there, which would be asked again and again."""
        hosts = hosts_of(self._crawler)
        for url in (*request.meta.get("redirect_urls", ())[:1], request.url):
            if hosts.closed(host_of(url)) is None:
                hosts.close(host_of(url), why)

    def _source_of(self, request: Request) -> Any:
        """The source of a request; of what the crawl asks on its own account, one that names the host."""
        runs: dict[str, Any] = getattr(self._crawler.spider, "runs", {})
        name = request.meta.get("source")
        if name is None:
            parts = urlparse_cached(request)
            place = (parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))
            name = next((each for each, named in gate_of(self._crawler).named.items() if place in named), None)
        return runs[name].source if name in runs else None
