"""The entries of a feed: RSS and Atom by feedparser, which gets bytes and never an address; JSON Feed 1.1 by its spec.

https://www.rssboard.org/rss-specification, RFC 4287, https://www.jsonfeed.org/version/1.1/
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.entities import name2codepoint
from typing import Any
from urllib.parse import urljoin

from crawlers.reading.html_pieces import html_as_text
from crawlers.reading.json_pages import NotJson, read_json, what_it_is
from crawlers.reading.times import w3c_time
from crawlers.reading.unpack import BrokenOff, TooLarge, unpacked
from crawlers.reading.values import as_key, clean

LARGEST = 50 * 2**20
# A document type stands before the first element, after comments and instructions alone; what only looks like one later
# on is somebody's text. No comment is taken back and made longer: there are too many ways to do so.
DOCUMENT_TYPE = re.compile(rb"\s*(?:(?><\?.*?\?>)\s*|(?><!--.*?-->)\s*)*+<!DOCTYPE", re.IGNORECASE | re.DOTALL)
ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
LETTER = re.compile(rb"&(?:#([0-9]+|[xX][0-9a-fA-F]+);?|([A-Za-z][A-Za-z0-9]*);)")
LONGEST_NUMBER = 9
OF_XML = ("amp", "lt", "gt", "quot", "apos")
OLDER = ("next", "prev-archive")
PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}


@dataclass(frozen=True)
class Entry:
    """An entry of a feed.

    Attributes:
        key: Its guid or id; else its link; None where it has neither.
        link: Where a reader finds it, absolute.
        text: What it says, as plain text: its content, else its summary, else its title; None where it says nothing.
        metadata: Title, authors, dates (ISO, UTC), categories, language: what there is.
    """

    key: str | None
    link: str | None
    text: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Feed:
    """What a feed says.

    Attributes:
        entries: In its order.
        title: The feed's own.
        older: Where it says that earlier entries are (RFC 5005, JSON Feed's `next_url`).
        wait: Seconds after which it wants to be asked again, where it says so (RSS `ttl`, the syndication module).
        trouble: Why not all of it could be read, as a clause.
    """

    entries: tuple[Entry, ...]
    title: str | None = None
    older: str | None = None
    wait: float | None = None
    trouble: str | None = None


def read_feed(body: bytes, url: str, content_type: str | None = None) -> Feed:
    """Read a feed of any of the formats.

    Args:
        body: As fetched; it may itself be a gzip file.
        url: Where it was found; relative links are meant from it.
        content_type: The header, which can name the encoding.
    """
    pieces: list[bytes] = []
    trouble = None
    try:
        pieces.extend(unpacked(body, LARGEST))  # what came before a trouble is kept
    except (TooLarge, BrokenOff) as error:
        trouble = str(error)
    whole = b"".join(pieces)
    start = whole.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1]
    if not start:
        return Feed((), trouble=trouble or "it is empty")
    feed = _json_feed(whole, url, content_type) if start in (b"{", b"[") else _xml_feed(whole, url, content_type)
    return feed if trouble is None else replace(feed, trouble=trouble)


def _xml_feed(body: bytes, url: str, content_type: str | None) -> Feed:
    import feedparser

    # Zero bytes stand between the letters in UTF-16 and UTF-32. feedparser keeps entities that it deems safe; one that
    # is long and named often still grows quadratically, and no feed needs one.
    narrow = body.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    if DOCUMENT_TYPE.match(narrow) and ENTITY.search(narrow):
        return Feed((), trouble="it declares entities, which a feed has no use for")
    body = _as_xml(body)
    headers = {"content-location": url} | ({"content-type": content_type} if content_type else {})
    # Its HTML becomes plain text here, so that nothing in it needs to be made harmless.
    try:
        parsed = feedparser.parse(
            io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # noqa: BLE001 - of odd names it raises what Python's own functions do
        return Feed((), trouble=f"its XML cannot be read ({_first_line(error)})")
    if not parsed.get("version") and not parsed.entries:
        return Feed((), trouble=_no_feed(body, content_type))
    entries = tuple(_of_xml(entry, url) for entry in parsed.entries)
    older = next((one.get("href") for one in parsed.feed.get("links", []) if one.get("rel") in OLDER), None)
    trouble = None
    if parsed.bozo and type(parsed.bozo_exception).__name__ not in ("CharacterEncodingOverride", "NonXMLContentType"):
        trouble = f"its XML is not valid ({_first_line(parsed.bozo_exception)}); what could be read of it was"
    return Feed(entries, _said(parsed.feed.get("title")), _absolute(url, older), _wait(parsed.feed), trouble)


def _as_xml(body: bytes) -> bytes:
    """The document without blanks before its declaration, and with all letters that are written out as XML has them.

    HTML's names become numbers: a parser drops them without a word where a document type says that they may be known.
    Numbers of no character, on which feedparser breaks, become U+FFFD.
    """
    return body if b"\0" in body[:4] else LETTER.sub(_letter, body.lstrip(b" \t\r\n"))


def _letter(found: re.Match[bytes]) -> bytes:
    number, name = found[1], (found[2] or b"").decode()
    if number is None:
        return b"&#%d;" % name2codepoint[name] if name in name2codepoint and name not in OF_XML else found[0]
    digits = number.lstrip(b"xX0")
    code = int(digits or b"0", 16 if number[:1] in b"xX" else 10) if len(digits) < LONGEST_NUMBER else 0
    return found[0] if code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF else b"&#65533;"


def _no_feed(body: bytes, content_type: str | None) -> str:
    named = (content_type or "").split(";")[0].strip()
    head = body[:2_000].lower()
    if b"<html" in head or b"<!doctype html" in head:
        return 'it is an HTML page, no feed; the page may name one as <link rel="alternate">'
    called = f", and is called {named}" if named else ""
    return f"it is neither RSS, Atom nor JSON Feed{called}"


def _of_xml(entry: Any, base: str) -> Entry:
    link = _absolute(base, entry.get("link"))
    texts = [_plain(one) for one in entry.get("content", [])] + [_plain(entry.get("summary_detail"))]
    title = _plain(entry.get("title_detail"))
    metadata = {
        "title": title,
        "author": _authors(entry),
        "published": _time(entry, "published"),
        "updated": _time(entry, "updated"),
        "categories": [clean(tag.term) for tag in entry.get("tags", []) if tag.get("term")],
    }
    key = as_key(entry.get("id")) or link
    return Entry(key, link, next((text for text in texts if text), title), _there(metadata))


def _plain(detail: Any) -> str | None:
    if not detail or not detail.get("value"):
        return None
    kind = detail.get("type") or "text/html"
    # Atom says what is plain; feedparser calls an RSS text plain when it has no markup, and then entities are undone.
    return _said(detail["value"]) if kind == "text/plain" else html_as_text(detail["value"])


def _authors(entry: Any) -> Any:
    names = [clean(one["name"]) for one in entry.get("authors", []) if one.get("name")]
    return names[0] if len(names) == 1 else names or _said(entry.get("author"))


def _time(entry: Any, name: str) -> str | None:
    # Not by the entry's own `get`, which gives `published` for `updated`.
    parsed = dict.get(entry, f"{name}_parsed")
    if parsed:
        try:
            return datetime(*parsed[:6]).replace(tzinfo=UTC).isoformat()  # noqa: DTZ001 - it is in UTC
        except (ValueError, OverflowError):
            pass
    return _said(dict.get(entry, name))


def _wait(feed: Any) -> float | None:
    """Seconds, from RSS `ttl` (minutes) or the syndication module (https://web.resource.org/rss/1.0/modules/syndication/)."""
    waits = []
    if str(feed.get("ttl", "")).strip().isdigit():
        waits.append(min(int(feed["ttl"]), 10**6) * 60.0)
    period = PERIODS.get(str(feed.get("sy_updateperiod", "")).strip().lower())
    if period:
        often = str(feed.get("sy_updatefrequency", "1")).strip()
        waits.append(period / (int(often) if often.isdigit() and 0 < int(often) < 10**4 else 1))
    return max(waits, default=None)


def _json_feed(body: bytes, url: str, content_type: str | None) -> Feed:
    try:
        told = read_json(body, content_type)
    except NotJson as error:
        return Feed((), trouble=f"it is no JSON Feed: {error}")
    if not isinstance(told, dict) or not isinstance(told.get("items"), list):
        what = "it has no items" if isinstance(told, dict) else f"it is {what_it_is(told)}"
        return Feed((), trouble=f'it is no JSON Feed: {what}; for JSON of another form, write kind = "api"')
    language = told.get("language")
    entries = tuple(_of_json(item, url, language) for item in told["items"] if isinstance(item, dict))
    older = told.get("next_url")
    return Feed(entries, _said(told.get("title")), _absolute(url, older if isinstance(older, str) else None))


def _of_json(item: Mapping[str, Any], base: str, language: Any) -> Entry:
    given = item.get("url") or item.get("external_url")
    link = _absolute(base, given if isinstance(given, str) else None)
    html = item.get("content_html")
    texts = (
        _said(item.get("content_text")),
        html_as_text(html) if isinstance(html, str) else None,
        _said(item.get("summary")),
        _said(item.get("title")),
    )
    authors = item.get("authors")
    authors = authors if isinstance(authors, list) else [item.get("author")]
    names = [one["name"] for one in authors if isinstance(one, dict) and isinstance(one.get("name"), str)]
    tags = item.get("tags")
    metadata = {
        "title": _said(item.get("title")),
        "author": names[0] if len(names) == 1 else names,
        "published": _iso(item.get("date_published")),
        "updated": _iso(item.get("date_modified")),
        "categories": [clean(tag) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        "language": _said(item.get("language") or language),
    }
    return Entry(as_key(item.get("id")) or link, link, next((text for text in texts if text), None), _there(metadata))


def _iso(said: Any) -> str | None:
    if not isinstance(said, str):
        return None
    time = w3c_time(said)
    return time.isoformat() if time else _said(said)


def _said(value: Any) -> str | None:
    return (clean(value).strip() or None) if isinstance(value, str) else None


def _absolute(base: str, link: str | None) -> str | None:
    try:
        address = urljoin(base, clean(link).strip()) if link and link.strip() else None
    except ValueError:
        return None
    return address if address and address.lower().startswith(("http://", "https://")) else None


def _there(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if value}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
