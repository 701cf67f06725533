"""`site`: start URLs, which links to follow, and what on a page is a record."""

from crawlers.site_source import SiteSource as Source

__all__ = ["Source", "spider"]


def spider() -> type:
    """The Scrapy spider that runs a site; imports Scrapy."""
    from crawlers.spider import SiteSpider

    return SiteSpider
