"""Texts that `::text` and `text()` give in pieces, between which elements stand: one text an element."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from parsel import Selector

from crawlers.extraction.element_text import one_line
from crawlers.extraction.selectors import FieldSelector, told_apart

# What asks for text, at the end of a selector; in the second, for that of elements further in as well.
_CSS_END = re.compile(r"(?:(?P<deep>^\s*|\s\*?|^\*)|(?<=\S))::text\s*$")
_XPATH_END = re.compile(r"(?:^|(?P<deep>//)|/)text\(\)\s*$")


def asks_for_pieces(selector: str) -> bool:
    """Whether a selector names texts and not elements."""
    return _end(selector) is not None


def texts_of_pieces(within: Selector, selector: str, pieces: Sequence[str]) -> Iterator[str]:
    """The pieces that a selector found, joined where they are of one element that it names.

    A selector of several alternatives does not tell which of them a piece is of: all pieces are one text.
    """
    end = _end(selector)
    found = told_apart(selector)
    if not pieces:
        return
    if end is None or ("," if found.form == "css" else "|") in found.asked:
        yield one_line(" ".join(pieces))
        return
    taken: set[Any] = set()
    elements, deep = _holders(within, found, end)
    for element in elements:
        if deep and any(above in taken for above in element.root.iterancestors()):
            continue
        taken.add(element.root)
        yield one_line(" ".join(element.xpath(".//text()" if deep else "text()").getall()))


def _holders(within: Selector, found: FieldSelector, end: re.Match[str]) -> tuple[list[Selector], bool]:
    """The elements whose text is asked for, and whether that of elements in them belongs to it."""
    named, deep = found.asked[: end.start()].rstrip(), end["deep"] is not None
    if not named:
        return (list(within.xpath("/*")) if found.asked.startswith("//") else [within]), deep
    if found.form == "xpath":
        return list(within.xpath(named)), deep
    if named.endswith((">", "+", "~")):
        return list(within.css(f"{named} *")), False
    return list(within.css(named)), deep


def _end(selector: str) -> re.Match[str] | None:
    found = told_apart(selector)
    form = {"css": _CSS_END, "xpath": _XPATH_END}.get(found.form)
    return form.search(found.asked) if form else None
