"""`sitemap`: the pages that a site's own sitemaps name, each read as a page of a `site` is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field, field_validator

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, Link
from crawlers.reading.times import w3c_time

__all__ = ["Source", "of_site", "read", "sites", "start"]

ROLE = "sitemap"
MOST_LISTED = 100
"""Sitemaps that one robots.txt may name; what is more is left out."""
SITEMAPS_FIRST = 10_000
"""Sitemaps before the pages that they name, so that the newest of all pages are the first."""


class Source(FetchedSource):
    """Sitemaps, as the project file declares them.

    `start` names sitemaps, or a site (`https://host/`): the sitemaps that its robots.txt names are meant, and
    `/sitemap.xml` where it names none. The pages that they name are fetched, the latest changed first; `item`, `key`
    and `fields` say what on them is a record, as for a `site`, and `follow` which links of theirs are followed.

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
    """The sitemaps that the declaration names."""
    from crawlers.scope import canonical_url

    urls = [url for url in source.start if not _is_site(url)]
    canonical = dict.fromkeys(address for address in map(canonical_url, urls) if address)
    return [_sitemap(url) for url in canonical]


def sites(source: Source) -> list[str]:
    """The sites that it names."""
    return [url for url in source.start if _is_site(url)]


def of_site(source: Source, site: str, named: Sequence[str]) -> list[Link]:
    """The sitemaps that a site stands for, of which `named` are those that its robots.txt names."""
    from crawlers.scope import LISTED, Scope, canonical_url

    scope = Scope(source)
    links: dict[str, Link] = {}
    for address in named[:MOST_LISTED]:
        url = canonical_url(_joined(site, address))
        role = next((one for one in (ROLE, LISTED) if url and scope.why_not(url, one) is None), None)
        if url and role:
            links.setdefault(url, _sitemap(url, role))
    own = canonical_url(_joined(site, "/sitemap.xml"))
    return list(links.values()) or ([_sitemap(own)] if own else [])


def _is_site(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def _joined(site: str, address: str) -> str:
    try:
        return urljoin(site, address)
    except ValueError:
        return address


def _sitemap(url: str, role: str = ROLE, depth: int = 0) -> Link:
    return Link(url, role, SITEMAPS_FIRST, {"index_depth": depth})


def read(source: Source, page: FetchedPage) -> Extraction:
    """The pages that a sitemap names; or the records of one of these pages."""
    from crawlers.scope import LISTED

    if page.role not in (ROLE, LISTED):
        from crawlers.extraction.read_page import read_page

        return read_page(source, page)
    return _read_sitemap(source, page)


def _read_sitemap(source: Source, page: FetchedPage) -> Extraction:
    from crawlers.reading.sitemap_xml import newest_first, read_sitemap
    from crawlers.scope import LISTED, all_elsewhere, canonical_url, host_of

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
            # Where a sitemap may lie on another host, the parts of it that lie beside it may too.
            role = LISTED if page.role == LISTED and host_of(url) == host_of(page.url) else ROLE
            links.setdefault(url, _sitemap(url, role, depth))
    trouble = sitemap.trouble
    if too_deep:
        trouble = (
            f"sitemaps in it ({too_deep}) lie under more than {source.max_index_depth} indexes; raise max_index_depth "
            "where that is meant"
        )
    elif links and (why := all_elsewhere(source, list(links.values()))):
        trouble = why
    return Extraction(links=tuple(links.values()), items=len(links), error=f"sitemap: {trouble}" if trouble else None)
