"""`sitemap`: the pages that a site's own sitemaps name, each read as a page of a `site` is."""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field, field_validator

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, Link
from crawlers.reading.times import w3c_time

__all__ = ["Source", "read", "start"]

ROLE = "sitemap"
SITEMAPS_FIRST = 10_000
"""Sitemaps before the pages that they name, so that the newest of all pages are the first."""


class Source(FetchedSource):
    """Sitemaps, as the project file declares them.

    `start` names sitemaps, or a site (`https://host/`), whose `/sitemap.xml` is meant. The pages that they name are
    fetched, the latest changed first; `item`, `key` and `fields` say what on them is a record, as for a `site`, and
    `follow` which links of theirs are followed.

    Attributes:
        changed_since: Pages that the sitemap says have not changed since this date are left out; those of which it does
            not say when they changed are not.
        max_index_depth: How many indexes may stand above a sitemap.
    """

    kind: Literal["sitemap"] = "sitemap"
    changed_since: str | None = None
    max_index_depth: int = Field(default=3, ge=0, le=10)
    max_per_pattern: int = Field(default=1_000_000, ge=1)  # they are named by the site itself

    @field_validator("changed_since", mode="before")
    @classmethod
    def _date(cls, since: Any) -> Any:
        said = since.isoformat() if hasattr(since, "isoformat") else since
        if isinstance(said, str) and w3c_time(said) is None:
            raise SourceError(("changed_since",), f'changed_since "{said}" is no date; write it as "2026-01-31".')
        return said

    @property
    def since(self) -> datetime | None:
        """`changed_since` as a time."""
        return w3c_time(self.changed_since) if self.changed_since else None


def start(source: Source) -> list[Link]:
    """The sitemaps that the crawl begins with."""
    from crawlers.scope import canonical_url

    urls = [urljoin(url, "/sitemap.xml") if urlsplit(url).path in ("", "/") else url for url in source.start]
    canonical = dict.fromkeys(address for address in map(canonical_url, urls) if address)
    return [Link(url, ROLE, SITEMAPS_FIRST, {"index_depth": 0}) for url in canonical]


def read(source: Source, page: FetchedPage) -> Extraction:
    """The pages that a sitemap names; or the records of one of these pages."""
    if page.role != ROLE:
        from crawlers.extraction.read_page import read_page

        return read_page(source, page)
    return _read_sitemap(source, page)


def _read_sitemap(source: Source, page: FetchedPage) -> Extraction:
    from crawlers.reading.sitemap_xml import newest_first, read_sitemap
    from crawlers.scope import all_elsewhere, canonical_url

    sitemap = read_sitemap(page.body, page.final_url)
    depth = int(page.about.get("index_depth", 0)) + 1
    since = source.since
    links: dict[str, Link] = {}
    too_deep = 0
    for named in sitemap.named:
        url = canonical_url(named.url)
        if url is None or (since is not None and named.changed is not None and named.changed < since):
            continue
        if not named.is_sitemap:
            links.setdefault(url, Link(url, "page", newest_first(named.changed, page.fetched_at)))
        elif depth > source.max_index_depth:
            too_deep += 1
        else:
            links.setdefault(url, Link(url, ROLE, SITEMAPS_FIRST, {"index_depth": depth}))
    trouble = sitemap.trouble
    if too_deep:
        trouble = (
            f"sitemaps in it ({too_deep}) lie under more than {source.max_index_depth} indexes; raise max_index_depth "
            "where that is meant"
        )
    elif links and (why := all_elsewhere(source, list(links.values()))):
        trouble = why
    return Extraction(links=tuple(links.values()), items=len(links), error=f"sitemap: {trouble}" if trouble else None)
