"""`api`: records out of JSON that a server answers with, page after page."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crawlers.declaration import SourceError
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, FoundRecord, Link
from crawlers.reading.environment import filled_in, names_in
from crawlers.reading.json_pages import NotJson, find, read_json, what_it_is, why_not_jmespath
from crawlers.reading.values import as_key, as_metadata, as_text

__all__ = ["Source", "read", "request_headers", "start"]

ROLE = "api"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NOT_THEIRS = {"user-agent", "host", "content-length", "connection", "transfer-encoding", "if-none-match"}
SECRET = re.compile(r"auth|token|key|secret|cookie|password", re.IGNORECASE)


class _Paging(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    param: str = Field(min_length=1)


class Page(_Paging):
    """Pages by number: `param` counts up from `start`; `size_param` asks for `size` records a page."""

    start: int = Field(default=1, ge=0)
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)


class Offset(_Paging):
    """Pages by offset: `param` grows by the number of records that came."""

    start: int = Field(default=0, ge=0)
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)


class Cursor(_Paging):
    """Pages by cursor: what the JMESPath `path` finds in an answer is the next one's `param`."""

    path: str
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)


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
        for key in ("follow", "wait_for", "images"):
            if getattr(self, key):
                raise SourceError((key,), f"{key} is about HTML pages, and an api answers with JSON; take it out.")
        if self.render != "http":
            raise SourceError(("render",), "an api answers with JSON, which nothing needs to draw; take render out.")
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

    urls = [canonical_url(_with(url, _first_params(source))) for url in source.start]
    return [Link(url, ROLE) for url in dict.fromkeys(urls) if url]


def _first_params(source: Source) -> dict[str, str]:
    way = source.page or source.offset or source.cursor
    params = {}
    if isinstance(way, Page | Offset):
        params[way.param] = str(way.start)
    if way is not None and way.size_param is not None and way.size is not None:
        params[way.size_param] = str(way.size)
    return params


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
    if not isinstance(items, list):
        first = "digest" not in page.about
        why = f"item: {_no_list(source.item, items, answer)}" if first or items is not None else None
        return Extraction(error=why)
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
    """Where to go on, and why not although the answer has records."""
    from crawlers.scope import canonical_url

    if not count:
        return None, None
    said = _next_url(source, page, answer, count)
    url = canonical_url(said) if said else None
    if url is None:
        return None, None
    if page.about.get("digest") == digest:
        return None, "the records are those of the page before; the pages were not followed further"
    if url in (page.url, canonical_url(page.final_url)):
        return None, "the next page is this page again; the pages were not followed further"
    return Link(url, ROLE, about={"digest": digest}), None


def _next_url(source: Source, page: FetchedPage, answer: Any, count: int) -> str | None:
    url = page.final_url
    if source.next is not None:
        return _joined(url, find(source.next, answer))
    if source.next_header:
        return _joined(url, _link_header(page.headers))
    asked = dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))
    if source.page is not None:
        return _with(page.url, {source.page.param: str(_number(asked, source.page.param, source.page.start) + 1)})
    if source.offset is not None:
        return _with(
            page.url, {source.offset.param: str(_number(asked, source.offset.param, source.offset.start) + count)}
        )
    if source.cursor is not None:
        cursor = as_key(find(source.cursor.path, answer))
        return _with(page.url, {source.cursor.param: cursor}) if cursor else None
    return None


def _joined(base: str, said: Any) -> str | None:
    try:
        return urljoin(base, said.strip()) if isinstance(said, str) and said.strip() else None
    except ValueError:
        return None


def _number(asked: Mapping[str, str], param: str, default: int) -> int:
    said = asked.get(param, "")
    return int(said) if said.isdecimal() and len(said) < 19 else default


def _with(url: str, params: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    return urlunsplit(parts._replace(query=urlencode([*kept, *params.items()])))


def _link_header(headers: tuple[tuple[str, str], ...]) -> str | None:
    for name, value in headers:
        if name != "link":
            continue
        for target, attributes in re.findall(r"<([^<>]*)>((?:[^<\"]|\"[^\"]*\")*)", value):
            if re.search(r";\s*rel\s*=\s*\"?(?:[\w-]+\s+)*next\b", attributes, re.IGNORECASE):
                return str(target)
    return None
