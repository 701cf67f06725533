"""The URLs of a sitemap: XML, an index of sitemaps, a feed, or one URL a line (https://www.sitemaps.org/protocol.html).

The XML is read as it is unpacked, element by element; entities, document types and the network play no part in it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from urllib.parse import urljoin

from crawlers.reading.times import w3c_time
from crawlers.reading.unpack import BrokenOff, TooLarge, unpacked

LARGEST = 50 * 2**20
"""Bytes of one sitemap when unpacked, as the protocol has it."""
MOST_URLS = 50_000
"""URLs of one sitemap, as the protocol has it."""
LONGEST_URL = 2_048
SKIPPED = re.compile(rb"\A(?:\s|\xef\xbb\xbf)+")
ENCODING = re.compile(rb"\s*<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)", re.IGNORECASE)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
# What stands in CDATA is nothing but text; it is passed over.
BARE = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?!(?:#\d+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos);)", re.DOTALL)
SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
ROOTS = {"urlset": "url", "sitemapindex": "sitemap", "rss": "item", "RDF": "item", "feed": "entry"}


@dataclass(frozen=True)
class Named:
    """A URL that a sitemap names.

    Attributes:
        url: Absolute.
        is_sitemap: Another sitemap, not a page.
        changed: `lastmod`, or a feed entry's date; None where it says none that can be read.
    """

    url: str
    is_sitemap: bool = False
    changed: datetime | None = None


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap names.

    Attributes:
        named: In its order, each URL once.
        trouble: Why not all of it could be read, as a clause; what was read before stands.
    """

    named: tuple[Named, ...]
    trouble: str | None = None


class _NotRead(ValueError):
    """The rest cannot be read."""


class _NotValid(_NotRead):
    """It is XML up to a place where it is not."""


def read_sitemap(body: bytes, url: str, *, largest: int = LARGEST, most_urls: int = MOST_URLS) -> Sitemap:
    """Read a sitemap.

    Args:
        body: As fetched; it may itself be a gzip file.
        url: Where it was found; relative addresses, which are not allowed and get written, are meant from it.
        largest: Bytes that it may unpack to.
        most_urls: So many are taken.
    """
    found: dict[str, Named] = {}
    trouble = None
    try:
        _take(found, _entries(unpacked(body, largest), url), most_urls)
    except _NotValid as error:
        trouble = str(error)
        whole = b"".join(unpacked(body, largest))
        meant = as_meant(whole)
        if meant != whole:
            with suppress(_NotRead):
                _take(found, _entries(iter([meant]), url), most_urls)
    except (TooLarge, BrokenOff, _NotRead) as error:
        trouble = str(error)
    return Sitemap(tuple(found.values()), trouble)


def _take(found: dict[str, Named], entries: Iterator[Named], most_urls: int) -> None:
    for each in entries:
        if len(found) == most_urls and each.url not in found:
            raise _NotRead(f"it names more than {most_urls:,} URLs; the rest was left out")
        found.setdefault(each.url, each)


def _entries(pieces: Iterator[bytes], url: str) -> Iterator[Named]:
    first = SKIPPED.sub(b"", next(pieces, b""))
    begins = first.lstrip(b"\xff\xfe\x00")  # in UTF-16 and UTF-32 a zero byte stands beside the "<"
    if not begins:
        raise _NotRead("it is empty")
    if begins[:15].lower().startswith((b"<html", b"<!doctype html")):
        raise _NotRead("it is an HTML page, no sitemap")
    yield from _of_xml(first, pieces, url) if begins.startswith(b"<") else _of_lines(first, pieces)


def as_meant(xml: bytes) -> bytes:
    """The XML with the mistakes mended that people make in sitemaps, each of which ends a document where it stands.

    An `&` that begins no reference is written as one; a byte that is not UTF-8, in a document that claims to be, is
    written as it stands in a URL, `%E9`; control characters go. (libxml2's own way of going on leaves out what stands
    behind each `&`.)
    """
    if b"\0" in xml[:4]:
        return xml
    declared = ENCODING.match(xml)
    if declared is None or declared[1].lower() in (b"utf-8", b"utf8"):
        xml = _utf8(xml).encode("utf-8")
    return BARE.sub(lambda found: b"&amp;" if found[0] == b"&" else found[0], xml.translate(None, CONTROLS))


def _utf8(content: bytes) -> str:
    """The text, with bytes that are not UTF-8 as they are written in URLs."""
    text = content.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda odd: f"%{ord(odd[0]) - 0xDC00:X}", text)


def _of_xml(first: bytes, rest: Iterator[bytes], url: str) -> Iterator[Named]:
    from lxml import etree

    entry = _entry_name(first)
    parser = etree.XMLPullParser(events=("end",), tag=f"{{*}}{entry}", **SAFE)
    try:
        for piece in chain([first], rest):
            parser.feed(piece)
            yield from _ended(parser, url, entry)
        parser.close()
    except etree.XMLSyntaxError as error:
        yield from _ended(parser, url, entry)  # what the parser had understood before it stumbled
        raise _NotValid(f"its XML is not valid ({_plain(error)})") from error
    yield from _ended(parser, url, entry)


def _entry_name(first: bytes) -> str:
    """What an entry is called in the document that begins so; its first element says."""
    from lxml import etree

    scout = etree.XMLPullParser(events=("start",), **SAFE)
    error = None
    try:
        scout.feed(first)
    except etree.XMLSyntaxError as trouble:
        error = trouble
    root = next((element for _, element in scout.read_events()), None)
    if root is None:
        raise _NotRead(f"it is not XML ({_plain(error)})" if error else "it is not XML")
    document = root.getroottree().docinfo.internalDTD
    if document is not None and next(document.iterentities(), None) is not None:
        raise _NotRead("it declares entities, which a sitemap has no use for")
    name = _local(root)
    if name not in ROOTS:
        raise _NotRead(f"it is no sitemap: its first element is <{name[:40]}>")
    return ROOTS[name]


def _ended(parser: Any, url: str, kind: str) -> Iterator[Named]:
    for _, element in parser.read_events():
        named = _named(element, url, kind)
        parent = element.getparent()
        element.clear()  # so that memory does not grow with the document
        while parent is not None and element.getprevious() is not None:
            del parent[0]
        if named is not None:
            yield named


def _named(entry: Any, base: str, kind: str) -> Named | None:
    values: dict[str, str] = {}
    for child in entry:
        name = _local(child)
        text = (child.text or "").strip()
        if name == "link" and child.get("href") and child.get("rel", "alternate") == "alternate":
            text = child.get("href").strip()  # Atom
        if text:
            values.setdefault(name, text)
    said = values.get("loc") or values.get("link")
    if not said or len(said) > LONGEST_URL:
        return None
    address = re.sub(r"\s", "%20", re.sub(r"\s*[\r\n]\s*", "", said))
    if not re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE):
        try:
            address = urljoin(base, address)
        except ValueError:
            return None
    if not address.lower().startswith(("http://", "https://")):
        return None
    dates = (values.get(name) for name in ("lastmod", "updated", "pubDate", "published", "date"))
    return Named(address, kind == "sitemap", next((w3c_time(said) for said in dates if said), None))


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _of_lines(first: bytes, rest: Iterator[bytes]) -> Iterator[Named]:
    """A text file with a URL a line, in UTF-8; a file that begins with none is no sitemap."""
    tail, any_found, lines_seen = b"", False, 0
    for piece in chain([first], rest):
        lines = (tail + piece).split(b"\n")
        tail = lines.pop()[-LONGEST_URL * 2 :]
        for line in lines:
            lines_seen += bool(line.strip())
            named = _of_line(line)
            any_found |= named is not None
            if not any_found and lines_seen > 20:
                break
            if named is not None:
                yield named
    named = _of_line(tail)
    if named is not None:
        yield named
    elif not any_found:
        raise _NotRead("it is neither XML nor a list of URLs")


def _of_line(line: bytes) -> Named | None:
    said = _utf8(line).strip("\ufeff \t\r")
    is_url = (
        said.lower().startswith(("http://", "https://")) and len(said) <= LONGEST_URL and not set(said) & set(" \t")
    )
    return Named(said) if is_url else None


def _plain(error: Exception) -> str:
    return str(error).split("(<string>")[0].strip().rstrip(".,")[:160]


def newest_first(changed: datetime | None, now: datetime, days: int = 3_650) -> int:
    """A priority from 0 to `days` that grows the less time has passed since a page changed; 0 where nobody says."""
    if changed is None:
        return 0
    return max(0, min(days, days - (now.astimezone(UTC) - changed).days))
