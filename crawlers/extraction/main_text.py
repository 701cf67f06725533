"""The main text of a page by trafilatura, with what the page says of itself.

Barbaresi, "Trafilatura: A Web Scraping Library and Command-Line Tool for Text Discovery and Extraction", ACL 2021.
"""

import copy
import re
from typing import Any

from lxml.html import tostring

from crawlers.extraction.element_text import element_text, one_line
from crawlers.extraction.html_page import HtmlPage
from crawlers.extraction.reading_order import in_order

FURNITURE = frozenset({"nav", "footer", "aside", "form", "button", "select", "dialog", "menu"})
MENUS = "//nav[not(ancestor::main | ancestor::article)]"
MAIN = "//main | //article | //*[@role='main']"
LAYOUT_TABLES = "//table[.//td//*[self::blockquote or self::h1 or self::h2 or self::h3 or self::table]]"
HEADING_MARKS = (
    "//a[starts-with(@href, '#')][normalize-space() = '¶' or normalize-space() = '#' or normalize-space() = '§']"
)
SHORT = 600
"""A main text of fewer characters may have gaps."""
MOSTLY = 0.8
"""The share of a main text that stands in the element which is taken for the whole of it."""
DEEPEST = 50
"""How many elements deep it is looked for."""
LONGEST_GAPS = 2
"""How many times as long as what was found the text of that element may be."""
LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*")


def main_text(page: HtmlPage) -> tuple[str, dict[str, str]]:
    """The main text, empty where there is none, and the page's title, author, date, language and the like."""
    from trafilatura import bare_extraction

    document: Any = None
    root = _prepared(page)
    if page.text.strip():
        html = page.text if root is page.parsed.root else tostring(root, encoding="unicode", method="html")
        document = bare_extraction(html, url=page.url, with_metadata=True, include_comments=False)
    words = (getattr(document, "text", None) or "").strip()
    if not words or _holds_menu(page, words):
        words = _inside_main(page) or words
    else:
        words = _with_lines(root, in_order(words, element_text(root)))
        words = _without_gaps(root, words) if len(words) < SHORT else words
    found = {name: getattr(document, name, None) for name in ("title", "author", "date", "description")}
    found["title"] = _title(page, found["title"])
    found["language"] = language(page)
    canonical = page.parsed.xpath("//link[@rel='canonical']/@href").get()
    other = page.absolute(canonical) if canonical else None
    found["canonical"] = other if other != page.absolute(page.url) else None
    return words, {name: one_line(value) for name, value in found.items() if isinstance(value, str) and value.strip()}


def language(page: HtmlPage) -> str | None:
    """The language that the page says it is in, as a tag of BCP 47."""
    meta = page.meta.get("og:locale", [])
    said = (page.parsed.xpath("/html/@lang").get(), page.parsed.xpath("/html/@xml:lang").get(), *meta)
    tags = (one.strip().replace("_", "-") for one in said if one)
    return next((tag for tag in tags if LANGUAGE.fullmatch(tag)), None)


def _prepared(page: HtmlPage) -> Any:
    """The page without what trafilatura stumbles over.

    Where tables lay out a page or a forum it makes one line of each cell, and loses what follows a quote; the marks of
    links to headings it takes for words.
    """
    tables, marks = page.parsed.xpath(LAYOUT_TABLES), page.parsed.xpath(HEADING_MARKS)
    if not tables and not marks:
        return page.parsed.root
    whole = copy.deepcopy(page.parsed.root)
    for table in whole.xpath(LAYOUT_TABLES):
        for part in table.iter("table", "tbody", "thead", "tfoot", "tr", "td", "th"):
            part.tag = "div"
    for mark in whole.xpath(HEADING_MARKS):
        mark.clear(keep_tail=True)
    return whole


def _without_gaps(root: Any, words: str) -> str:
    """Words with what stands between them: of short pages trafilatura leaves out lists and headings inside the text."""
    lines = [one_line(line) for line in words.split("\n")]
    enough = MOSTLY * sum(map(len, lines))
    within = root
    for _ in range(DEEPEST):
        inner = next((child for child in within.iterchildren("*") if _held(child, lines) >= enough), None)
        if inner is None:
            break
        within = inner
    filled = element_text(within, without=FURNITURE)
    if within.tag in ("html", "body") or not len(words) < len(filled) <= LONGEST_GAPS * len(words):
        return words
    headings = [heading for heading in map(element_text, root.iter("h1")) if heading in words and heading not in filled]
    return "\n".join([*headings, filled])


def _held(element: Any, lines: list[str]) -> int:
    """How many characters of the lines stand in an element."""
    text = one_line(element_text(element))
    return sum(len(line) for line in lines if line in text)


def _with_lines(root: Any, words: str) -> str:
    # Of short pages trafilatura makes one line of what is preformatted, such as a letter in a list's archive.
    for written in map(element_text, root.iter("pre")):
        if "\n" in written:
            words = words.replace(one_line(written), written)
    return words


def _title(page: HtmlPage, found: str | None) -> str | None:
    """The title that was found, unless the page shows it nowhere: then it is that of a part, and the page's own is."""
    headings = [element_text(heading.root) for heading in page.parsed.xpath("//h1")]
    shown = [*page.meta.get("og:title", []), *headings, *page.parsed.xpath("//head/title/text()").getall()]
    named = [one_line(one) for one in shown if one_line(one)]
    if found and any(one_line(found) in one or one in one_line(found) for one in named):
        return found
    return named[0] if named else found


def _holds_menu(page: HtmlPage, words: str) -> bool:
    found = set(words.split("\n"))
    menus = (set(element_text(menu.root).split("\n")) - {""} for menu in page.parsed.xpath(MENUS))
    return any(menu and menu <= found for menu in menus)


def _inside_main(page: HtmlPage) -> str:
    # Of a page with few words trafilatura gives nothing, or all; where the page says which part is meant, it is that.
    part = page.parsed.xpath(MAIN)[:1]
    return element_text(part[0].root, without=FURNITURE) if part else ""
