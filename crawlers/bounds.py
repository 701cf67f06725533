"""How far a source's crawl goes: only to URLs of its scope, also by redirects."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.page_error import OutOfScope
from crawlers.scope import Scope, canonical_url


class StayInside:
    """A downloader middleware that stands before robots.txt: of a host outside, not even that is fetched."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> StayInside:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Raise `OutOfScope` for a redirect that leads away; other URLs were judged when they were found."""
        ours: Any = self.crawler.spider
        if "redirect_times" not in request.meta or request.meta.get("dont_obey_robotstxt"):
            return
        scope = ours.scope_of(request)
        role = request.meta["role"]
        why = outside(scope, request.url, role) if scope is not None and role != "image" else None
        if why:
            raise OutOfScope(why)


def outside(scope: Scope, url: str, role: str = "page") -> str | None:
    """Why a URL that something leads to is outside the scope; None when it is inside."""
    canonical = canonical_url(url)
    return scope.why_not(canonical, role) if canonical else "it is no http or https URL"
