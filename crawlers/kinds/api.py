"""`api`: records out of JSON that a server answers with, page after page."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urljoin

from pydantic import Field, field_validator, model_validator

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, FoundRecord, Link
from crawlers.reading.environment import filled_in, names_in
from crawlers.reading.json_pages import NotJson, find, read_json, what_it_is, why_not_jmespath
from crawlers.reading.json_paging import (
    Cursor,
    Offset,
    Page,
    counted_address,
    cursor_address,
    first_address,
    header_address,
    told_address,
)
from crawlers.reading.values import as_key, as_metadata, as_text

__all__ = ["Source", "read", "request_headers", "start"]

ROLE = "api"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NOT_THEIRS = {"user-agent", "host", "content-length", "connection", "transfer-encoding", "if-none-match"}
EMPTY_IN_A_ROW = 20
"""Answers without a record that are gone through where each names a next one."""
NOT_FURTHER = "the pages were not followed further"
SECRET = re.compile(r"auth|token|key|secret|cookie|password", re.IGNORECASE)


class Source(FetchedSource):
    """A JSON API, as the project file declares it.

    Attributes:
        item: JMESPath of the list of records in an answer; the answer itself unless given.
        key: JMESPath, in a record, of its own id.
        fields: JMESPath by name, in a record: `text` is what people label, `url` where a reader finds it, the others
            are metadata.
        html: Whether the text is HTML, of which what a reader sees is taken.
        next: JMESPath, in an answer, of the URL of the next one.
        next_header: Whether the next one's URL stands in the header `Link: <…>; rel="next"` (RFC 8288).
        page, offset, cursor: Other ways to go on; one of the five at most.
        headers: Sent to the source's own hosts; `${NAME}` is a variable of the environment.
    """

    kind: Literal["api"] = "api"
    item: str | None = "@"
    html: bool = False
    next: str | None = None
    next_header: bool = False
    page: Page | None = None
    offset: Offset | None = None
    cursor: Cursor | None = None
    headers: dict[str, str] = Field(default={})
    # Answers lie one behind the other, and differ in a number or a cursor.
    max_depth: int = Field(default=1_000_000, ge=0)
    max_per_pattern: int = Field(default=1_000_000, ge=1)
    max_query_variants: int = Field(default=1_000_000, ge=1)

    @classmethod
    def check_item(cls, selector: str) -> None:
        """Raise `SourceError` unless `item` is JMESPath."""
        _check(selector, "item", ("item",))

    @classmethod
    def check_field(cls, selector: str, what: str, place: tuple[str | int, ...]) -> None:
        """Raise `SourceError` unless `key` or a field is JMESPath."""
        _check(selector, what, place)

    @model_validator(mode="before")
    @classmethod
    def _no_pages(cls, declared: Any) -> Any:
        # Before they are held against one another: what a browser does is of no use here.
        if isinstance(declared, Mapping):
            for key in ("follow", "wait_for", "steps", "login", "images"):
                if declared.get(key):
                    raise SourceError((key,), f"{key} is about HTML pages, and an api answers with JSON; take it out.")
            if declared.get("render", "http") != "http":
                raise SourceError(
                    ("render",), "an api answers with JSON, which nothing needs to draw; take render out."
                )
        return declared

    @field_validator("next")
    @classmethod
    def _next_path(cls, path: str | None) -> str | None:
        if path is not None:
            _check(path, "next", ("next",))
        return path

    @field_validator("headers")
    @classmethod
    def _header_lines(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            place = ("headers", name)
            if not HEADER_NAME.fullmatch(name) or set(value) & set("\r\n\0"):
                raise SourceError(place, f'header "{name}" is not one that can be sent.')
            if name.lower() in NOT_THEIRS:
                raise SourceError(place, f"header {name} is the crawler's own; take it out.")
            if SECRET.search(name) and not names_in(value):
                raise SourceError(
                    place,
                    f"header {name} holds a secret, which does not belong in a project; put it into an environment "
                    f'variable and write "${{NAME}}" here.',
                )
        return headers

    @model_validator(mode="after")
    def _one_way_on(self) -> Self:
        ways = [way for way in ("next", "next_header", "page", "offset", "cursor") if getattr(self, way)]
        if len(ways) > 1:
            raise SourceError((ways[1],), f"{ways[0]} and {ways[1]} are two ways to the next page; keep one.")
        if self.cursor is not None:
            _check(self.cursor.path, "cursor.path", ("cursor", "path"))
        for place, url in enumerate(self.start):
            if names_in(url):
                raise SourceError(
                    ("start", place), "start names an environment variable; a secret goes into [source.headers]."
                )
        if not self.fields.get("text"):
            raise SourceError(("fields",), 'a record needs a field "text"; add it under [source.fields].')
        return self


def _check(expression: str, what: str, place: tuple[str | int, ...]) -> None:
    why = why_not_jmespath(expression)
    if why:
        raise SourceError(place, f'{what} "{expression}" is not valid JMESPath: {why}.')


def request_headers(source: Source) -> dict[str, str]:
    """The headers of each request to the source's own hosts, secrets among them: they are not to be kept or logged.

    Raises:
        NotInEnvironment: A variable that a header names is not set.
    """
    given = {
        name: filled_in(value, f'source "{source.name}": header {name}').strip()
        for name, value in source.headers.items()
    }
    return {"Accept": "application/json"} | given


def start(source: Source) -> list[Link]:
    """The first answers."""
    from crawlers.scope import canonical_url

    way = source.page or source.offset or source.cursor
    urls = [canonical_url(first_address(url, way)) for url in source.start]
    return [Link(url, ROLE) for url in dict.fromkeys(urls) if url]


def read(source: Source, page: FetchedPage) -> Extraction:
    """The records of an answer, and where the next one is."""
    from crawlers.extraction.read_page import text_hash

    try:
        answer = read_json(page.body, page.content_type)
    except NotJson as error:
        return Extraction(error=f"not-json: {error}")
    assert source.item is not None
    items = find(source.item, answer)
    if isinstance(items, dict) and source.item != "@":
        items = [items]
    if items is None and "digest" in page.about:  # the answer before had a list: there is nothing in this one
        items = []
    if not isinstance(items, list):
        return Extraction(error=f"item: {_no_list(source.item, items, answer)}")
    unmatched = dict.fromkeys([*source.fields, *(["key"] if source.key else [])], 0)
    records = [
        r for place, item in enumerate(items) if (r := _record(source, place, item, page, unmatched)) is not None
    ]
    digest = hashlib.sha256(json.dumps(as_metadata(items), sort_keys=True).encode()).hexdigest()[:16]
    following, trouble = _next(source, page, answer, len(items), digest)
    return Extraction(
        records=tuple(records),
        links=(following,) if following else (),
        items=len(items),
        empty=len(items) - len(records),
        unmatched={name: count for name, count in unmatched.items() if count},
        text_hash=text_hash(records),
        error=f"paging: {trouble}" if trouble else None,
    )


def _no_list(item: str, found: Any, answer: Any) -> str:
    what = "nothing" if found is None else what_it_is(found)
    said = f"the answer is {what}, not a list" if item == "@" else f'item "{item}" finds {what}, not a list'
    lists = [name for name, value in answer.items() if isinstance(value, list)] if isinstance(answer, dict) else []
    return f"{said}; lists in it are: {', '.join(lists[:5])}" if lists else said


def _record(
    source: Source, position: int, item: Any, page: FetchedPage, unmatched: dict[str, int]
) -> FoundRecord | None:
    found = {name: find(expression, item) for name, expression in source.fields.items()}
    for name, value in found.items():
        unmatched[name] += value is None
    key = as_key(find(source.key, item)) if source.key else None
    if source.key and key is None:
        unmatched["key"] += 1
    text = as_text(found.pop("text"))
    if text is not None and source.html:
        from crawlers.reading.html_pieces import html_as_text

        text = html_as_text(text)
    if text is None:
        return None
    url = _url_of(found.get("url"), page.final_url)
    if url is not None:
        del found["url"]
    metadata = {name: as_metadata(value) for name, value in found.items() if value is not None}
    return FoundRecord(position, key, text, metadata, url=url)


def _url_of(value: Any, base: str) -> str | None:
    from crawlers.scope import canonical_url

    try:
        return canonical_url(urljoin(base, value)) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _next(source: Source, page: FetchedPage, answer: Any, count: int, digest: str) -> tuple[Link | None, str | None]:
    """Where to go on, and why not although there may be more.

    An answer without records ends what goes on by number or offset. Of one that says itself what comes next, the
    records may just have been filtered out.
    """
    from crawlers.scope import canonical_url

    counted = source.page or source.offset
    if not count and counted is not None:
        return None, None
    address = _next_address(source, page, answer, count)
    url = canonical_url(address) if address else None
    again = url in (page.url, canonical_url(page.final_url))
    if url is None or (again and not count):
        return None, None
    before = page.about.get("digest")
    if count and before == digest:
        return None, f"the records are those of the page before; {NOT_FURTHER}"
    if again:
        return None, f"the next page is this page again; {NOT_FURTHER}"
    empty = 0 if count else int(page.about.get("empty", 0)) + 1
    if empty == EMPTY_IN_A_ROW:
        return None, f"the last {empty} answers had no records; {NOT_FURTHER}"
    about = {"digest": digest if count or before is None else before} | ({"empty": empty} if empty else {})
    return Link(url, ROLE, about=about), None


def _next_address(source: Source, page: FetchedPage, answer: Any, count: int) -> str | None:
    if source.next is not None:
        return told_address(page, source.next, answer)
    if source.next_header:
        return header_address(page)
    if source.cursor is not None:
        return cursor_address(page, source.cursor, answer)
    counted = source.page or source.offset
    return counted_address(page, counted, count) if counted is not None else None
