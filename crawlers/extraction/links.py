"""The links of a page that a source would follow."""

from collections.abc import Iterable, Mapping
from typing import Any

from crawlers.extraction.html_page import HtmlPage
from crawlers.page import Link


def followed_links(page: HtmlPage, follow: str) -> list[Link]:
    """The links on or inside the elements that `follow` names, each once; those marked `nofollow` are left out."""
    written: dict[str, None] = {}  # as in the page: making them canonical is what takes time
    for element in page.elements(follow):
        for anchor in element.root.xpath("descendant-or-self::*[@href]"):
            if "nofollow" not in (anchor.get("rel") or "").lower().split():
                written.setdefault((anchor.get("href") or "").strip())
    return [Link(url) for url in dict.fromkeys(map(page.absolute, written)) if url]


def is_nofollow(headers: Iterable[tuple[str, str]], rights: Mapping[str, Any]) -> bool:
    """Whether a page asks all crawlers, or ours, to follow none of its links, by its headers or in its markup.

    Args:
        headers: Of the answer.
        rights: What `crawlers.rights.markup` found.
    """
    from crawlers.rights.headers import robots_tag

    said = [one for name, value in headers if name == "x-robots-tag" for one in robots_tag(value)]
    said += rights.get("items", ())
    return any(one["kind"] == "nofollow" or (one["kind"], one["value"]) == ("noindex", "none") for one in said)
