"""From a page to its records and links: a pure function of the page and the source's declaration."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from crawlers.extraction.html_page import HtmlPage, Item
from crawlers.extraction.html_text import why_not_html
from crawlers.extraction.links import followed_links, is_nofollow
from crawlers.extraction.main_text import main_text
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, FoundRecord, Link
from crawlers.page_records import PageRecords
from crawlers.scope import canonical_url, identity_of


def read_page(source: PageRecords, page: FetchedPage) -> Extraction:
    """Read a page of HTML, or an image, as the source declares it: what every fetched kind does with such answers."""
    if page.role == "image":
        from crawlers.extraction.images import read_image

        return read_image(page, source.min_image_side if isinstance(source, FetchedSource) else 1)
    why = why_not_html(page.content_type, page.body)
    if why is not None:
        return Extraction(error=f"not-html: {why}")
    return read_html(source, HtmlPage(page))


def read_html(source: PageRecords, page: HtmlPage) -> Extraction:
    """Read the records and links of a parsed page."""
    fetched = source if isinstance(source, FetchedSource) else None
    rights = _rights(page)
    follow = fetched.follow if fetched else None
    nofollow = bool(follow) and is_nofollow(page.headers, rights)
    links = followed_links(page, follow) if follow and not nofollow else []
    found = Found()
    if fetched is None or fetched.extract:
        if source.item is None:
            _read_whole(source, page, found)
        else:
            _read_items(source, source.item, page, found)
    if fetched and fetched.images:
        from crawlers.extraction.image_links import content_images

        found.images.extend(content_images(page, fetched.images))
    return Extraction(
        records=tuple(found.records),
        links=_each_once([*links, *found.images]),
        items=found.items,
        empty=found.empty,
        unmatched=dict(found.unmatched),
        rights=rights,
        text_hash=text_hash(found.records),
        error=found.error,
        nofollow=nofollow,
    )


def text_hash(records: Iterable[FoundRecord]) -> str | None:
    """SHA-256 of what records say, under which key, in their order; None without any."""
    said = [[record.natural_key, record.text, record.media_path] for record in records]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest() if said else None


def _each_once(links: list[Link]) -> tuple[Link, ...]:
    first: dict[tuple[str, str], Link] = {}
    for link in links:
        first.setdefault((link.role, link.url), link)
    return tuple(first.values())


@dataclass
class Found:
    """What is gathered of a page while it is read."""

    records: list[FoundRecord] = field(default_factory=list)
    images: list[Link] = field(default_factory=list)
    items: int = 0
    empty: int = 0
    unmatched: Counter[str] = field(default_factory=Counter)
    error: str | None = None


def _read_whole(source: PageRecords, page: HtmlPage, found: Found) -> None:
    words, described = main_text(page)
    values = {name: page.values(None, selector) for name, selector in source.fields.items() if name != "image"}
    found.unmatched.update(name for name, value in values.items() if not value)
    words = "\n".join(values.pop("text", [])) or words
    metadata = {**described, **_as_found(values)}
    found.items = 1
    _note_images(source, page, None, {"page": page.url}, found)
    from crawlers.extraction.soft404 import says_not_found

    missing = says_not_found(page, words)
    if missing:
        found.error = f'soft-404: the page calls itself "{missing}", though the server answered that it is there'
    if words and not missing:
        url = canonical_url(page.url)
        found.records.append(FoundRecord(0, url and identity_of(url), words, metadata))
    elif not found.images:
        found.empty = 1


def _read_items(source: PageRecords, selector: str, page: HtmlPage, found: Found) -> None:
    items = page.items(selector)
    found.items = len(items)
    for position, item in enumerate(items):
        key = next(iter(page.values(item, source.key)), None) if source.key else None
        if source.key is not None and not key:
            found.unmatched["key"] += 1
        values = {name: page.values(item, one) for name, one in source.fields.items() if name != "image"}
        found.unmatched.update(name for name, value in values.items() if not value)
        words = "\n".join(values.pop("text", []))
        metadata = _as_found(values)
        about = metadata | {"page": page.url} | ({"key": key} if key else {})
        images = _note_images(source, page, item, about | {"alone": "text" not in source.fields}, found)
        if words:
            found.records.append(FoundRecord(position, key, words, metadata))
        elif not images:
            found.empty += 1
    if not items:
        from crawlers.extraction.soft404 import says_not_found

        missing = says_not_found(page, None)
        if missing:
            found.error = f'soft-404: the page calls itself "{missing}", though the server answered that it is there'


def _as_found(values: dict[str, list[str]]) -> dict[str, str | list[str]]:
    return {name: value[0] if len(value) == 1 else value for name, value in values.items() if value}


def _note_images(source: PageRecords, page: HtmlPage, item: Item | None, about: dict[str, object], found: Found) -> int:
    """Note the links to an item's images, and give how many there are."""
    if "image" not in source.fields:
        return 0
    from crawlers.extraction.image_links import field_images
    from crawlers.extraction.structured import as_address

    images = field_images(page, page.matches(item, source.fields["image"], as_address), about)
    if not images:
        found.unmatched["image"] += 1
    found.images.extend(images)
    return len(images)


def _rights(page: HtmlPage) -> dict[str, Any]:
    from crawlers.rights.markup import rights_in

    return rights_in(page.parsed.root, page.text, page.url)
