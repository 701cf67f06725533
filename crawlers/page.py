"""What goes into reading a page and what comes out: the words that the crawler's parts share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Rendered = Literal["http", "browser"]


@dataclass(frozen=True)
class Link:
    """Something that a source wants fetched.

    Attributes:
        url: Canonical.
        role: What the answer is read as: `page`, `image`, `sitemap`, `feed`, `api`; a kind of source knows its own.
        priority: Higher is fetched first; equal ones nearest first, then in the order of being found.
        about: What is known of it where it was found, such as an image's `alt`; kept with it, as JSON.
    """

    url: str
    role: str = "page"
    priority: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FetchedPage:
    """An answer, as a source reads it. It can be pickled: pages are read in worker processes.

    Attributes:
        url: What was asked for, canonical.
        final_url: Where the answer came from, after redirects.
        status: The HTTP status.
        headers: As sent, in order; names in lower case.
        body: As sent, after its transfer and content coding were undone; of a drawn page, its HTML in UTF-8.
        rendered: How it was fetched.
        role, about: Of the `Link` that led here.
        fetched_at: When, in UTC.
    """

    url: str
    final_url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    rendered: Rendered
    role: str
    about: Mapping[str, Any]
    fetched_at: datetime

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def content_type(self) -> str | None:
        """The header, or what a drawn page is."""
        return "text/html; charset=utf-8" if self.rendered == "browser" else self.header("content-type")


@dataclass(frozen=True)
class FoundRecord:
    """A record as it stands on a page.

    Attributes:
        position: The how-manieth item of the page it is, from 0.
        natural_key: The item's own id, or the canonical URL of a page that is one record; None where there is neither.
        text: What people would label; never empty, and None only for an image.
        metadata: The other fields, as found: a string, or a list where the selector matched several times.
        modality: `text` or `image`.
        media_path: Of an image: where its bytes belong, relative to the project folder, `media/<hash>.<format>`.
        url: Where a reader finds it, when that is not the page's own URL.
    """

    position: int
    natural_key: str | None
    text: str | None
    metadata: Mapping[str, Any]
    modality: Literal["text", "image"] = "text"
    media_path: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Extraction:
    """What a page gave.

    Attributes:
        records: In the order of the page.
        links: What the source would go on to from here, each once, in the order of the page; not yet held against the
            source's bounds.
        items: How many elements the item selector matched; for a source without one, 1.
        empty: How many of these had no text, and so are no records.
        unmatched: By field (and `key`): in how many items its selector matched nothing.
        rights: What the page's own markup says about its use (`crawlers.rights`), apart from headers and robots.txt.
        text_hash: SHA-256 of all that its records say, so that a change of the furniture alone is no change.
        error: Why it could not be read as what it should be, as `kind: a sentence`; what could be read stands anyway.
        nofollow: The source would follow links of the page, and the page asks that none be followed.
    """

    records: tuple[FoundRecord, ...] = ()
    links: tuple[Link, ...] = ()
    items: int = 0
    empty: int = 0
    unmatched: Mapping[str, int] = field(default_factory=dict)
    rights: Mapping[str, Any] = field(default_factory=dict)
    text_hash: str | None = None
    error: str | None = None
    nofollow: bool = False
