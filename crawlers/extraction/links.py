"""The links of a page that a source would follow."""

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
