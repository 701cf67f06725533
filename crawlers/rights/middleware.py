"""Before a page is fetched: what its host says about its use, and whether the project's policy lets it be fetched."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.manners.host_files import ROBOTS, HostFile, host_files_of, root_of
from crawlers.manners.hosts import TurnFarOff
from crawlers.manners.robots import RobotsAndDelay
from crawlers.manners.trouble import put_back
from crawlers.page_error import RightsForbid
from crawlers.rights.evidence import page_rights
from crawlers.rights.robots_txt import RobotsEvidence
from crawlers.rights.tdmrep import PATH, TdmFile
from crawlers.rights.words import Item, item
from store.rights import DEFAULT_FORBIDS, SAID_IN_WORDS, RightsPolicy, decide

IN_MEMORY = 500
LONG = 32 * 1024
"""Bytes; a longer file is read in a thread, so that the crawl goes on meanwhile."""


class Rights:
    """A downloader middleware that stands after robots.txt was obeyed.

    Leaves in `request.meta["rights"]` what the host says of the URL, `{"items": [...]}`: from robots.txt, which is
    there already, and from the TDM file, which is asked for once a day where robots.txt allows it. Scrapy settings:
    `RIGHTS_TDMREP` (whether it is asked for at all), `RIGHTS_POLICY` (`RightsPolicy.declared`).
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.files = host_files_of(crawler)
        self._tdmrep = crawler.settings.getbool("RIGHTS_TDMREP", True)
        declared = crawler.settings.get("RIGHTS_POLICY")
        self._policy = RightsPolicy.from_declared(declared) if declared else RightsPolicy()
        # What robots.txt disallows does not come here.
        self._may_forbid = any(self._policy.forbidden_by(signal) == "fetch" for signal in DEFAULT_FORBIDS)
        self._read: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Rights:
        """As Scrapy makes it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> Request | None:
        """Gather the evidence; put back a request whose host's TDM file has its turn later.

        Raises:
            RightsForbid: The policy forbids to fetch a page of which the host says that.
        """
        meta = request.meta
        if meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return None
        root = root_of(request.url)
        robots = await self.files.get(root, ROBOTS)
        items: list[Item] = (await self._parsed(root, ROBOTS, robots, RobotsEvidence.read)).for_url(request.url)
        if self._tdmrep and not await self._may_ask(root + PATH):
            items.append(item("tdm-unreachable", "robots.txt disallows it", "tdmrep.json"))
        elif self._tdmrep:
            file = await self.files.get(root, PATH)
            if file.error is not None and not file.given_up and "frontier_id" in meta:
                return put_back(request, file.again_at)
            if file.error is not None:
                items.append(item("tdm-unreachable", file.error, "tdmrep.json"))
            elif rules := await self._parsed(root, PATH, file, TdmFile.parse):
                items += rules.for_url(request.url)
        meta["rights"] = {"items": items}
        if not self._may_forbid:
            return None
        evidence = page_rights(request.url, robots=meta.get("robots"), host=items)
        decision = decide(evidence, self._policy, source=meta.get("source", ""))
        if not decision.fetch:
            raise RightsForbid("; ".join(SAID_IN_WORDS[reason] for reason in decision.reasons))
        return None

    async def _may_ask(self, url: str) -> bool:
        """Whether robots.txt allows a file that is no robots.txt (RFC 9309, section 2.2.2)."""
        robots = self.crawler.get_downloader_middleware(RobotsAndDelay)
        try:
            return robots is None or await robots.allows(url)
        except TurnFarOff:  # what was there for the page is no longer
            return False

    async def _parsed(self, root: str, path: str, file: HostFile, read: Any) -> Any:
        """What `read` makes of the file's body, made once for each that was fetched."""
        known = self._read.get((root, path))
        if known is None or known[0] != file.fetched_at:
            body = file.body if file.found else b""
            made = await asyncio.to_thread(read, body) if len(body) > LONG else read(body)
            known = (file.fetched_at, made)
            self._read[root, path] = known
            if len(self._read) > IN_MEMORY:
                self._read.popitem(last=False)
        self._read.move_to_end((root, path))
        return known[1]
