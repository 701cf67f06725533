"""How far a source's crawl goes: only to URLs of its scope, also by redirects, and to no more pages than it may."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler

from crawlers.page_error import OutOfScope, PageLimitReached
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
        why = outside(ours.scope, request.url)
        if why:
            raise OutOfScope(why)


class PageLimit:
    """A downloader middleware that stands after robots.txt: what may not be fetched does not count."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.fetched = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PageLimit:
        """As Scrapy makes it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Raise `PageLimitReached` past the source's `max_pages`; a redirect or a retry is still the same page."""
        ours: Any = self.crawler.spider
        if {"redirect_times", "retry_times", "dont_obey_robotstxt"} & request.meta.keys():
            return
        if self.fetched >= ours.source.max_pages:
            raise PageLimitReached
        self.fetched += 1


def outside(scope: Scope, url: str) -> str | None:
    """Why a URL that something leads to is outside the scope; None when it is inside."""
    canonical = canonical_url(url)
    return scope.why_not(canonical) if canonical else "it is no http or https URL"
