"""A page of HTML, parsed once; and what selectors of any form find in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urljoin

from parsel import Selector
from w3lib.html import get_base_url

from crawlers.extraction.element_text import element_text, lines, one_line
from crawlers.extraction.html_text import html_text
from crawlers.extraction.selectors import compiled_path, told_apart
from crawlers.extraction.structured import as_text, json_ld_objects, looked_up, meta_values, microdata_objects
from crawlers.extraction.text_pieces import texts_of_pieces
from crawlers.page import FetchedPage
from crawlers.scope import canonical_url

Item = Selector | Mapping[str, Any]
"""What is one record: an element, or an object of the page's JSON-LD."""


class HtmlPage:
    """A page, parsed.

    Attributes:
        text: The HTML.
        url: Where the answer came from.
        headers: Of the answer, as sent.
        base: What its links are relative to.
        parsed: The whole of it.
    """

    def __init__(self, page: FetchedPage) -> None:
        self.text = html_text(page.content_type, page.body)
        self.url = page.final_url
        self.headers = page.headers
        self.base = get_base_url(self.text, page.final_url)
        self.parsed = Selector(text=self.text or "<html></html>", type="html", base_url=page.final_url)

    @cached_property
    def meta(self) -> dict[str, list[str]]:
        """`<meta>` by name or property."""
        return meta_values(self.parsed.root)

    @cached_property
    def json_ld(self) -> list[Mapping[str, Any]]:
        """The objects of all JSON-LD."""
        return json_ld_objects(self.parsed.root)

    @cached_property
    def microdata(self) -> list[Mapping[str, Any]]:
        """The items of all microdata."""
        return microdata_objects(self.parsed.root, self.base)

    def absolute(self, link: str) -> str | None:
        """The canonical URL that a link of the page leads to; None where it leads to no http or https URL."""
        try:
            return canonical_url(urljoin(self.base, link.strip()))
        except ValueError:  # a link that is no URL is text like any other
            return None

    def elements(self, selector: str) -> list[Selector]:
        """The elements that a CSS or XPath selector names."""
        found = told_apart(selector)
        matches = self.parsed.xpath(found.asked) if found.form == "xpath" else self.parsed.css(found.asked)
        return [match for match in matches if not isinstance(match.root, str | float | bool)]

    def items(self, selector: str) -> list[Item]:
        """What a selector of items names."""
        found = told_apart(selector)
        if found.form == "json-ld":
            return [
                one for one in looked_up(_path(found.asked), self.json_ld, self.json_ld) if isinstance(one, Mapping)
            ]
        return list(self.elements(selector))

    def matches(self, item: Item | None, selector: str, written: Callable[[Any], str] = as_text) -> list[Any]:
        """What a field selector finds in an item, or in the whole page where that is None: strings and lxml elements.

        JSON-LD and microdata are looked for inside the item, and in the page where the item has none of it; Open
        Graph and `<meta>` are the page's. `written` makes strings of what objects hold.
        """
        found = told_apart(selector)
        within = item if isinstance(item, Selector) else self.parsed
        if found.form == "css":
            return [match.root for match in within.css(found.asked)]
        if found.form == "xpath":
            return [match.root for match in within.xpath(found.asked)]
        if found.form in ("json-ld", "microdata"):
            known = self.json_ld if found.form == "json-ld" else self.microdata
            return [written(value) for value in looked_up(_path(found.asked), self._objects(item, found.form), known)]
        name = found.asked if found.form == "meta" else f"og:{found.asked}"
        return list(self.meta.get(name.lower(), ()))

    def values(self, item: Item | None, selector: str) -> list[str]:
        """The texts that a field selector finds, without empty ones."""
        return [text for text in self._texts(item, selector) if text]

    def _objects(self, item: Item | None, form: str) -> list[Mapping[str, Any]]:
        if form == "json-ld":
            own = [item] if isinstance(item, Mapping) else [] if item is None else json_ld_objects(item.root)
            return own or self.json_ld
        own = microdata_objects(item.root, self.base, as_one=True) if isinstance(item, Selector) else []
        return own or self.microdata

    def _texts(self, item: Item | None, selector: str) -> Iterator[str]:
        texts = texts_of_pieces(item if isinstance(item, Selector) else self.parsed, selector)
        if texts is not None:
            yield from texts
            return
        structured = told_apart(selector).form not in ("css", "xpath")
        for match in self.matches(item, selector):
            if isinstance(match, str):
                yield lines(match) if structured else one_line(match)
            elif isinstance(match, bool | float):  # XPath's own numbers and truths
                yield as_text(match)
            else:
                yield element_text(match)


@lru_cache(maxsize=256)
def _path(asked: str) -> Any:
    return compiled_path(asked)
