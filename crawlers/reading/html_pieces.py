"""A piece of HTML, such as a feed or an API gives, as the text that a reader sees."""

from crawlers.reading.values import clean


def html_as_text(html: str) -> str | None:
    """Lines where blocks are, single spaces elsewhere; None where there is nothing to see."""
    from lxml import etree
    from lxml.html import fromstring

    from crawlers.extraction.element_text import element_text

    if "<" not in html and "&" not in html:
        return clean(html).strip() or None
    try:
        return element_text(fromstring(f"<div>{clean(html)}</div>")) or None
    except (etree.LxmlError, ValueError):
        return clean(html).strip() or None
