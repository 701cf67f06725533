"""What pages are made alike: by the form of their URLs, and by the skeleton of what the server sends."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from lxml.html import HtmlElement

NUMBERED = re.compile(r"\d")
LONG = 24
"""A path segment of so many characters is a name of one thing, not of a kind of things."""
DEPTH = 4
"""So deep the skeleton goes below `body`."""
FURNITURE = frozenset({"script", "style", "noscript", "template", "link", "meta"})


def url_pattern(url: str) -> str:
    """The URL with what tells pages of one kind apart replaced: numbers, ids, slugs, the values of a query."""
    parts = urlsplit(url)
    segments = [_kind_of(segment) for segment in parts.path.split("/")]
    names = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
    return f"{parts.netloc.lower()}{'/'.join(segments)}" + ("?" + "&".join(names) if names else "")


def _kind_of(segment: str) -> str:
    if NUMBERED.search(segment):
        return "{n}"
    if len(segment) >= LONG or segment.count("-") + segment.count("_") >= 2:
        return "{name}"
    return segment


def skeleton(html: bytes) -> str:
    """Eight hex digits of the page's upper elements, their ids and classes, numbers and repetitions aside."""
    from lxml import etree
    from lxml.html import document_fromstring

    try:
        # Bytes of whatever coding: names of elements, and nearly all classes, are ASCII.
        page = document_fromstring(html.decode("utf-8", "replace"))
    except (etree.LxmlError, ValueError):
        return "none"
    body = page.find("body")
    said = "" if body is None else _outline(body, DEPTH)
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def _outline(element: HtmlElement, depth: int) -> str:
    classes = sorted(name for name in (element.get("class") or "").split() if not NUMBERED.search(name))
    name = element.get("id") or ""
    own = f"{element.tag}#{'' if NUMBERED.search(name) else name}.{'.'.join(classes)}"
    if depth == 0:
        return own
    below = {
        _outline(child, depth - 1) for child in element if isinstance(child.tag, str) and child.tag not in FURNITURE
    }
    return f"{own}({' '.join(sorted(below))})"
