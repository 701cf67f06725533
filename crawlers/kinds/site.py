"""`site`: start URLs, which links to follow, and what on a page is a record."""

from crawlers.page import Extraction, FetchedPage, Link
from crawlers.scope import canonical_url
from crawlers.site_source import SiteSource as Source

__all__ = ["Source", "read", "start"]


def start(source: Source) -> list[Link]:
    """The start pages, each once, in the order of the declaration."""
    return [Link(url) for url in dict.fromkeys(filter(None, map(canonical_url, source.start)))]


def read(source: Source, page: FetchedPage) -> Extraction:
    """The records of a page, and the links that it shows."""
    from crawlers.extraction.read_page import read_page

    return read_page(source, page)
