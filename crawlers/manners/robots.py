"""Nothing is fetched that robots.txt does not allow, or before it is known: RFC 9309."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from crawlers.manners.host_files import ROBOTS, HostFile, host_files_of, root_of
from crawlers.manners.hosts import TurnFarOff
from crawlers.manners.robots_file import AGENT, RobotsFile, looks_like_html
from crawlers.manners.turns import PATIENCE, back_to_frontier, hosts_of
from crawlers.page_error import DisallowedByRobots
from crawlers.scope import host_of

IN_MEMORY = 500
LONG = 32 * 1024
"""Bytes; a longer file is read in a thread, so that the crawl goes on meanwhile."""


class RobotsUnreachable(IgnoreRequest):
    """The host's robots.txt cannot be had, so nothing may be fetched from it for now."""


@dataclass(frozen=True)
class _Known:
    file: HostFile
    rules: RobotsFile
    verdict: str  # of what is allowed


class RobotsAndDelay:
    """A downloader middleware in the place of Scrapy's RobotsTxtMiddleware.

    Writes its verdict into `request.meta["robots"]`: `allowed`, `disallowed`, `none` where the host has no such file,
    or `unreachable`. Requests of a host whose file cannot be had go back to the frontier; in the end the host is closed
    for this crawl. Tells `Hosts` the delay that the file asks for.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.hosts = hosts_of(crawler)
        self.files = host_files_of(crawler)
        self._agent = crawler.settings["ROBOTSTXT_USER_AGENT"] or AGENT
        self._known: OrderedDict[str, _Known] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RobotsAndDelay:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> Request | None:
        """Put back a request of a host that may not be asked now, and refuse one that robots.txt disallows.

        Raises:
            DisallowedByRobots: It does.
            RobotsUnreachable: It cannot be had, and the request is of no frontier that could keep it.
            OutOfScope: A redirect led to a host that this crawl does not wait for.
        """
        if request.meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return None
        host, of_frontier = host_of(request.url), "frontier_id" in request.meta
        if of_frontier and (ready_at := self.hosts.ready_at(host)) - self.hosts.wall() > PATIENCE:
            return back_to_frontier(self.hosts, request, ready_at)
        known = await self._rules(request.url)
        if isinstance(known, HostFile):
            request.meta["robots"] = "unreachable"
            if of_frontier:
                return back_to_frontier(self.hosts, request, max(known.again_at, self.hosts.ready_at(host)))
            raise RobotsUnreachable(f"robots.txt could not be had: {known.error}")
        if not known.rules.allows(request.url):
            request.meta["robots"] = "disallowed"
            raise DisallowedByRobots("Forbidden by robots.txt")
        request.meta["robots"] = known.verdict
        return None

    async def allows(self, url: str) -> bool:
        """Whether robots.txt of the URL's host allows it; where that is not known it is fetched.

        Raises:
            TurnFarOff: It cannot be had now, and says nothing of what it will allow then.
        """
        try:
            known = await self._rules(url)
        except IgnoreRequest:
            return False
        if isinstance(known, HostFile):
            host = host_of(url)
            raise TurnFarOff(host, max(known.again_at, self.hosts.ready_at(host)))
        return known.rules.allows(url)

    async def sitemaps(self, root_url: str) -> tuple[str, ...]:
        """The sitemaps that robots.txt of the URL's host lists; none where it cannot be had for a while."""
        while True:
            try:
                known = await self._rules(root_url)
            except IgnoreRequest:
                return ()
            if not isinstance(known, HostFile):
                return known.rules.sitemaps
            pause = known.again_at - self.hosts.wall()
            if known.given_up or pause > PATIENCE:
                return ()
            await asyncio.sleep(max(0.1, pause))

    async def _rules(self, url: str) -> _Known | HostFile:
        """What the host's file says, or the file that could not be had."""
        root, host = root_of(url), host_of(url)
        file = await self.files.get(root, ROBOTS)
        if file.error is not None:
            self._known.pop(root, None)
            self._hold(host, file)
            return file
        known = self._known.get(root)
        if known is None or known.file.fetched_at != file.fetched_at:
            known = await self._read(file)
            self._known[root] = known
            if len(self._known) > IN_MEMORY:
                self._known.popitem(last=False)
            # The files of http and https are two, the host that they slow down is one.
            both = [self._known.get(f"{scheme}://{root.partition('://')[2]}") for scheme in ("http", "https")]
            self.hosts.set_delay(host, max(one.rules.delay for one in both if one is not None))
        else:
            self._known.move_to_end(root)
        return known

    async def _read(self, file: HostFile) -> _Known:
        if len(file.body) > LONG:
            rules = await asyncio.to_thread(RobotsFile.read, file.body, self._agent)
        else:
            rules = RobotsFile.read(file.body, self._agent)
        return _Known(file, rules, "allowed" if file.found and not looks_like_html(file.body) else "none")

    def _hold(self, host: str, file: HostFile) -> None:
        """Have the host's requests wait until its file is tried again."""
        why = f"its robots.txt could not be had ({file.error})"
        if file.given_up:
            if self.hosts.closed(host) is None:
                self.hosts.close(host, why)
        elif file.again_at > self.hosts.ready_at(host):
            self.hosts.hold(host, file.again_at - self.hosts.wall(), why)
