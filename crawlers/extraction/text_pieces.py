"""Texts that `::text` and `text()` give in pieces, between which elements stand: one text an element."""

import re
from typing import Any

from parsel import Selector

from crawlers.extraction.element_text import one_line
from crawlers.extraction.selectors import FieldSelector, told_apart

# What asks for text, at the end of a selector; in the second, for that of elements further in as well.
_CSS_END = re.compile(r"(?:(?P<deep>^\s*|\s\*?|^\*)|(?<=\S))::text\s*$")
_XPATH_END = re.compile(r"(?:^|(?P<deep>//)|/)text\(\)\s*$")


def texts_of_pieces(within: Selector, selector: str) -> list[str] | None:
    """The texts that a selector names, one for each element that they are of; None where it names no texts.

    A selector of several alternatives does not tell which of them a piece is of: all pieces are one text.
    """
    found = told_apart(selector)
    form = {"css": _CSS_END, "xpath": _XPATH_END}.get(found.form)
    end = form.search(found.asked) if form else None
    if end is None:
        return None
    if ("," if found.form == "css" else "|") in found.asked:
        pieces = within.css(found.asked) if found.form == "css" else within.xpath(found.asked)
        return [one_line(" ".join(pieces.getall()))]
    elements, deep = _holders(within, found, end)
    if any(isinstance(element.root, str | float | bool) for element in elements):
        return None
    texts: list[str] = []
    taken: set[Any] = set()
    for element in elements:
        if not (deep and any(above in taken for above in element.root.iterancestors())):
            taken.add(element.root)
            texts.append(one_line(" ".join(element.xpath(".//text()" if deep else "text()").getall())))
    return texts


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
