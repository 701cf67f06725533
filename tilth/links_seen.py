"""The links of one page: those that its source would follow, and those that it would leave and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from crawlers.fetched_source import FetchedSource
    from crawlers.frontier.file import Frontier
    from crawlers.page import Extraction, FetchedPage


@dataclass(frozen=True)
class LinkSeen:
    """A link of the page, and why a crawl would leave it; None: it would follow it."""

    url: str
    why_not: str | None


def links_seen(
    declared: "FetchedSource", reads: "FetchedSource", page: "FetchedPage", frontier: "Frontier"
) -> Iterator[LinkSeen]:
    """First what the source would follow, then what it would leave and why, each URL once.

    Args:
        declared: The source, whose bounds count.
        reads: The same, as it read this page alone.
        frontier: Of the crawl that fetched the page; it has robots.txt of the hosts.
    """
    from crawlers.extraction.links import is_nofollow
    from crawlers.scope import Scope

    scope, found = Scope(declared), _extraction(reads, page)
    disallowed = _disallowed(frontier, [link.url for link in found.links])
    why = {
        link.url: scope.why_not(link.url, link.role) or ("robots.txt disallows it" if link.url in disallowed else None)
        for link in found.links
    }
    none_at_all = is_nofollow(page.headers, found.rights)
    # Links are looked for here only where the page was read in time elsewhere, which takes longer.
    for url, nofollow in _anchors(page) if not (found.error or "").startswith("extract") else ():
        unwanted = "follow does not select it" if reads.follow else "the source has no follow"
        asked = 'it is marked rel="nofollow"' if nofollow else "the page asks that its links not be followed"
        why.setdefault(url, asked if nofollow or none_at_all else unwanted)
    yield from (LinkSeen(url, None) for url, reason in why.items() if reason is None)
    yield from (LinkSeen(url, reason) for url, reason in why.items() if reason is not None)


def _disallowed(frontier: "Frontier", urls: Sequence[str]) -> set[str]:
    """Those that the robots.txt files which the look has fetched disallow."""
    from crawlers.manners.host_files import root_of
    from crawlers.manners.robots_file import RobotsFile

    kept = frontier.read("SELECT host, body FROM host_files WHERE path = '/robots.txt' AND error IS NULL")
    rules = {row["host"]: RobotsFile.read(row["body"] or b"") for row in kept}
    return {url for url in urls if root_of(url) in rules and not rules[root_of(url)].allows(url)}


def _extraction(source: "FetchedSource", page: "FetchedPage") -> "Extraction":
    from crawlers.extraction.workers import PageReader

    with PageReader(workers=1) as reader:
        return reader.submit(source, page).result()


def _anchors(page: "FetchedPage") -> Iterator[tuple[str, bool]]:
    """Every link that a reader of the page could click, and whether it is marked as one not to follow."""
    from parsel import Selector

    from crawlers.extraction.html_text import html_text, why_not_html
    from crawlers.scope import canonical_url

    if why_not_html(page.content_type, page.body):
        return
    text = html_text(page.content_type, page.body)
    for anchor in Selector(text=text or "<html></html>", type="html").css("a[href]"):
        try:
            url = canonical_url(urljoin(page.final_url, anchor.attrib["href"].strip()))
        except ValueError:
            continue
        if url is not None and urlsplit(url).hostname:
            yield url, "nofollow" in anchor.attrib.get("rel", "").lower().split()
