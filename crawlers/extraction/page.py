"""From a page to its records and links: a pure function of the page and the source's declaration."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from parsel import Selector, SelectorList
from w3lib.html import get_base_url

from crawlers.extraction.html_text import html_text
from crawlers.scope import canonical_url
from crawlers.site_source import SiteSource

UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "iframe", "object", "svg"})
# fmt: off
BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend",
    "li", "main", "nav", "ol", "optgroup", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "ul",
))
# fmt: on


@dataclass(frozen=True)
class FoundRecord:
    """A record as it stands on a page.

    Attributes:
        position: The how-manieth item of the page it is, from 0.
        natural_key: The item's own id, or the canonical URL of a page that is one record; None where there is neither.
        text: What people would label; never empty.
        metadata: The other fields, as found: a string, or a list where the selector matched several times.
    """

    position: int
    natural_key: str | None
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Extraction:
    """What a page gave.

    Attributes:
        records: In the order of the page.
        links: Canonical URLs that the source's `follow` names, each once, in the order of the page.
        items: How many elements the item selector matched; for a source without one, 1.
        empty: How many of these had no text, and so are no records.
        unmatched: By field (and `key`): in how many items its selector matched nothing.
    """

    records: tuple[FoundRecord, ...]
    links: tuple[str, ...]
    items: int
    empty: int
    unmatched: Mapping[str, int] = field(default_factory=dict)


def extract(source: SiteSource, url: str, body: bytes, content_type: str | None = None) -> Extraction:
    """Read the records and links of one page.

    Args:
        source: The declaration.
        url: Where the page was found, after redirects.
        body: The HTML as sent, after its transfer coding was undone; or as the browser drew it.
        content_type: The response's header.
    """
    text = html_text(content_type, body)
    page = Selector(text=text or "<html></html>", type="html", base_url=url)
    links = tuple(_links(source, page, get_base_url(text, url)))
    if source.item is None:
        record = _main_text(text, url)
        return Extraction((record,) if record else (), links, items=1, empty=0 if record else 1)
    found: list[FoundRecord] = []
    unmatched: Counter[str] = Counter()
    items = page.css(source.item)
    for position, item in enumerate(items):
        key = _first(item, source.key)
        if source.key is not None and not key:
            unmatched["key"] += 1
        values = {name: list(_values(item, selector)) for name, selector in source.fields.items()}
        unmatched.update(name for name, value in values.items() if not value)
        words = "\n".join(value for value in values.pop("text") if value)
        if words:
            metadata = {name: value[0] if len(value) == 1 else value for name, value in values.items() if value}
            found.append(FoundRecord(position, key, words, metadata))
    return Extraction(tuple(found), links, len(items), len(items) - len(found), dict(unmatched))


def _first(item: Selector, selector: str | None) -> str | None:
    return next((value for value in _values(item, selector) if value), None) if selector else None


def _values(item: Selector, selector: str) -> Iterator[str]:
    matches: SelectorList[Selector] = item.css(selector)
    if matches and isinstance(matches[0].root, str):
        texts = [_one_line(str(match.root)) for match in matches]
        if re.search(r"::text\s*$", selector):  # pieces of one text, between which elements stand
            joined = _one_line(" ".join(texts))
            yield from [joined] if joined else []
        else:
            yield from texts
        return
    for match in matches:
        yield element_text(match.root)


def element_text(element: Any) -> str:
    """The text that a reader sees in an lxml element: lines where blocks are, single spaces elsewhere."""
    pieces: list[str] = []
    _collect(element, pieces)
    lines = (_one_line(line) for line in "".join(pieces).split("\0"))
    return "\n".join(line for line in lines if line)


def _collect(element: Any, pieces: list[str]) -> None:
    # A stack, not recursion: pages nest deeper than Python does. "\0", which HTML cannot hold, is the edge of a block.
    stack: list[tuple[Any, bool]] = [(element, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag if isinstance(node.tag, str) else None
        if leaving:
            pieces.append("\0" if tag in BLOCKS else "")
            pieces.append((node.tail or "") if node is not element else "")
            continue
        stack.append((node, True))
        if tag is None or tag in UNSEEN:
            continue
        pieces.append("\0" if tag in BLOCKS else "")
        pieces.append((node.text or "").replace("\0", " "))
        stack.extend((child, False) for child in reversed(node))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _links(source: SiteSource, page: Selector, base: str) -> Iterator[str]:
    if source.follow is None:
        return
    seen: set[str] = set()
    for element in page.css(source.follow):
        for anchor in element.root.xpath("descendant-or-self::*[@href]"):
            if "nofollow" in (anchor.get("rel") or "").lower().split():
                continue
            try:
                url = canonical_url(urljoin(base, (anchor.get("href") or "").strip()))
            except ValueError:  # a link that is no URL is text like any other
                continue
            if url and url not in seen:
                seen.add(url)
                yield url


def _main_text(text: str, url: str) -> FoundRecord | None:
    from trafilatura import bare_extraction

    document = bare_extraction(text, url=url, with_metadata=True, include_comments=False) if text.strip() else None
    words = (getattr(document, "text", None) or "").strip()
    if not words:
        return None
    found = {name: getattr(document, name, None) for name in ("title", "author", "date")}
    return FoundRecord(0, canonical_url(url), words, {name: value for name, value in found.items() if value})
