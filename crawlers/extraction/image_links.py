"""The images of a page that are worth fetching, with what the page says of each."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from crawlers.extraction.element_text import element_text, one_line
from crawlers.extraction.html_page import HtmlPage
from crawlers.page import Link

SMALLEST_SIDE = 64
"""An image that its page draws smaller, in CSS pixels, is decoration."""

SOURCES = ("data-src", "data-original", "data-lazy-src", "src")
"""Where lazy pages keep the address of the image stands before the placeholder's."""

FURNITURE = (
    "ancestor::nav | ancestor::header[not(ancestor::article | ancestor::main)] | ancestor::footer | ancestor::aside"
)
DECORATION = re.compile(
    r"(?<![a-z])(logo|icon|avatar|sprite|badge|emoji|spacer|pixel|tracking|banner)s?(?![a-z])", re.I
)
PIXELS = re.compile(r"\s*(\d{1,9})(?:\.\d*)?\s*(?:px\s*)?$", re.IGNORECASE)
IMAGE_PATH = re.compile(r"\.(jpe?g|png|gif|webp|avif|bmp|tiff?)(\?|$)", re.IGNORECASE)


def content_images(page: HtmlPage, wanted: bool | str) -> list[Link]:
    """The images of a page: those of its content by what their markup says, or those that a CSS selector names."""
    if isinstance(wanted, str):
        roots = [element.root for element in page.elements(wanted)]
        elements = [image for root in roots for image in _images_at(root)]
    else:
        elements = [image for image in page.parsed.root.iter("img") if _is_content(image)]
    return _links(page, elements, {"page": page.url})


def field_images(page: HtmlPage, matches: list[Any], about: Mapping[str, Any]) -> list[Link]:
    """The images that a field selector found, as elements or as their addresses."""
    elements = [image for match in matches if not isinstance(match, str) for image in _images_at(match)]
    addresses = [page.absolute(match) for match in matches if isinstance(match, str) and match.strip()]
    named = [Link(url, role="image", about=about) for url in dict.fromkeys(addresses) if url]
    return [*named, *_links(page, elements, about)]


def _links(page: HtmlPage, elements: list[Any], about: Mapping[str, Any]) -> list[Link]:
    found: dict[str, Link] = {}
    for element in elements:
        address = _address(element)
        url = page.absolute(address) if address else None
        if url:
            found.setdefault(url, Link(url, role="image", about={**about, **_said_of(element)}))
    return list(found.values())


def _images_at(element: Any) -> Iterator[Any]:
    """The element itself where it is an image or links to one; else the images inside it."""
    if element.tag == "img" or (element.tag == "a" and IMAGE_PATH.search(element.get("href") or "")):
        yield element
    else:
        yield from element.iter("img")


def _is_content(image: Any) -> bool:
    sides = [int(match[1]) for side in ("width", "height") if (match := PIXELS.match(image.get(side) or ""))]
    if any(side < SMALLEST_SIDE for side in sides) or image.xpath(FURNITURE):
        return False
    address = _address(image) or ""
    if not address or address.split("?")[0].lower().endswith(".svg"):
        return False
    words = " ".join(filter(None, (image.get("class"), image.get("id"), image.get("role"), address.rsplit("/", 1)[-1])))
    return not DECORATION.search(words.replace("_", " ")) and image.get("role") != "presentation"


def _address(element: Any) -> str | None:
    """Where the image itself is: the widest of a `srcset`, else what a lazy page will load, else `src`."""
    if element.tag == "a":
        return str(element.get("href"))
    candidates = _srcset(element.get("srcset") or element.get("data-srcset") or "")
    if candidates:
        return max(candidates, key=lambda one: one[1])[0]
    found = (element.get(name, "").strip() for name in SOURCES)
    return next((one for one in found if one and not one.lower().startswith("data:")), None)


def _srcset(value: str) -> list[tuple[str, float]]:
    """The addresses of a `srcset` with the width or density that each is for."""
    found = []
    for match in re.finditer(r"\s*([^\s,]\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|$)", value):
        try:
            found.append((match[1], float(match[2] or 1)))
        except ValueError:
            continue
    return [one for one in found if not one[0].lower().startswith("data:")]


def _said_of(element: Any) -> dict[str, str]:
    caption = element.xpath("ancestor::figure[1]//figcaption")
    said = {
        "alt": one_line(element.get("alt") or ""),
        "title": one_line(element.get("title") or ""),
        "caption": element_text(caption[0]) if caption else "",
    }
    return {name: value for name, value in said.items() if value}
