"""`feed`: the entries of an RSS, Atom or JSON feed, or the pages that they link to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource, duration_seconds
from crawlers.page import Extraction, FetchedPage, FoundRecord, Link

__all__ = ["Source", "read", "start"]

ROLE = "feed"
FEEDS_FIRST = 10_000
SHORTEST_WAIT = 300.0
"""Seconds: no feed is asked more often."""


class Source(FetchedSource):
    """Feeds, as the project file declares them.

    Each entry is a record: its content, else its summary, else its title is the text; title, author, dates and
    categories are metadata; its guid or id is the key. With `full_text` the pages that the entries link to are read
    instead, as a `site`'s are.

    Attributes:
        full_text: Whether to fetch the pages of the entries.
        older: Whether to go on to the older entries where the feed says where they are.
        recrawl_after: As for a `site`; the pages of entries are asked for once unless it is given.
        every: How long `tilth crawl --watch` waits between two looks at it; the feed may ask for longer.
    """

    kind: Literal["feed"] = "feed"
    full_text: bool = False
    older: bool = False
    every: str = "30m"
    recrawl_after: str | None = "3650d"
    max_depth: int = Field(default=1_000, ge=0)  # pages of older entries lie one behind the other

    @property
    def every_seconds(self) -> float:
        """`every` in seconds."""
        return duration_seconds(self.every)

    @field_validator("every")
    @classmethod
    def _interval(cls, every: str) -> str:
        if duration_seconds(every, ("every",)) < SHORTEST_WAIT:
            raise SourceError(("every",), f'every = "{every}" is less than 5 minutes; give the feed more time.')
        return every

    @model_validator(mode="before")
    @classmethod
    def _about_pages(cls, declared: Any) -> Any:
        # Before item, key and fields are held against each other: none of it is of use here.
        if isinstance(declared, Mapping) and not declared.get("full_text"):
            for key in ("item", "key", "follow", "fields", "images"):
                if declared.get(key):
                    raise SourceError(
                        (key,), f"{key} is about the pages of the entries; add full_text = true, or take it out."
                    )
        return declared


def start(source: Source) -> list[Link]:
    """The feeds."""
    from crawlers.scope import canonical_url

    canonical = dict.fromkeys(url for url in map(canonical_url, source.start) if url)
    return [Link(url, ROLE, FEEDS_FIRST) for url in canonical]


def read(source: Source, page: FetchedPage) -> Extraction:
    """The entries of a feed; or the records of a page that an entry links to."""
    if page.role != ROLE:
        return _read_entry_page(source, page)
    return _read_feed(source, page)


def _read_entry_page(source: Source, page: FetchedPage) -> Extraction:
    """As a site's page; what the feed says of the entry stands beside what the page says, which counts more."""
    from crawlers.extraction.read_page import read_page

    found = read_page(source, page)
    entry = page.about.get("entry")
    if page.role != "page" or not isinstance(entry, Mapping):
        return found
    records = tuple(replace(record, metadata={**entry, **record.metadata}) for record in found.records)
    return replace(found, records=records)


def _read_feed(source: Source, page: FetchedPage) -> Extraction:
    from crawlers.extraction.read_page import text_hash
    from crawlers.reading.feed_entries import read_feed
    from crawlers.scope import all_elsewhere, canonical_url

    feed = read_feed(page.body, page.final_url, page.content_type)
    links: dict[str, Link] = {}
    records = []
    for position, entry in enumerate(feed.entries):
        url = canonical_url(entry.link) if entry.link else None
        if source.full_text:
            if url is not None:
                links.setdefault(url, Link(url, "page", about={"entry": dict(entry.metadata)}))
        elif entry.text:
            of_feed = {"feed": feed.title} if feed.title else {}
            records.append(FoundRecord(position, entry.key, entry.text, {**entry.metadata, **of_feed}, url=url))
    trouble = feed.trouble or (all_elsewhere(source, list(links.values())) if links else None)
    older = canonical_url(feed.older) if source.older and feed.older else None
    if older is not None and older != page.url:
        links.setdefault(older, Link(older, ROLE, FEEDS_FIRST))
    return Extraction(
        records=tuple(records),
        links=tuple(links.values()),
        items=len(feed.entries),
        empty=0 if source.full_text else len(feed.entries) - len(records),
        text_hash=text_hash(records),
        error=f"feed: {trouble}" if trouble else None,
    )
