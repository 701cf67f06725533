"""The links of a page that a source would follow."""

from crawlers.extraction.html_page import HtmlPage
from crawlers.page import Link


def followed_links(page: HtmlPage, follow: str) -> list[Link]:
    """The links on or inside the elements that `follow` names, each once; those marked `nofollow` are left out."""
    found: dict[str, Link] = {}
    for element in page.elements(follow):
        for anchor in element.root.xpath("descendant-or-self::*[@href]"):
            if "nofollow" in (anchor.get("rel") or "").lower().split():
                continue
            url = page.absolute(anchor.get("href") or "")
            if url:
                found.setdefault(url, Link(url))
    return list(found.values())
