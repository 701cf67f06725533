"""How an API's answers lead to the next one: by its address, by a number that grows, or by a cursor."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urljoin, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from crawlers.page import FetchedPage
from crawlers.reading.json_pages import find
from crawlers.reading.values import as_key


class _Paging(BaseModel):
    """How the URL says which page is wanted.

    Attributes:
        param: The URL's parameter that says which page.
        size_param: The parameter that says how many records a page has.
        size: What is put there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    param: str = Field(min_length=1)
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)


class Page(_Paging):
    """Pages by number.

    Attributes:
        start: The number of the first page.
    """

    start: int = Field(default=1, ge=0)


class Offset(_Paging):
    """Pages by offset: `param` grows by the number of records that came.

    Attributes:
        start: The offset of the first page.
    """

    start: int = Field(default=0, ge=0)


class Cursor(_Paging):
    """Pages by cursor.

    Attributes:
        path: JMESPath of the cursor in an answer, which is the next one's `param`.
    """

    path: str


def first_address(start: str, way: Page | Offset | Cursor | None) -> str:
    """The URL of the first answer."""
    params = {}
    if isinstance(way, Page | Offset):
        params[way.param] = str(way.start)
    if way is not None and way.size_param is not None and way.size is not None:
        params[way.size_param] = str(way.size)
    return _with(start, params)


def counted_address(page: FetchedPage, way: Page | Offset, count: int) -> str:
    """The URL of the answer after one with `count` records, whatever it says itself.

    It is made of what was asked for: a redirect may have lost the parameters.
    """
    asked = dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True)).get(way.param, "")
    here = int(asked) if asked.isdecimal() and len(asked) < 19 else way.start
    return _with(page.url, {way.param: str(here + (1 if isinstance(way, Page) else count))})


def cursor_address(page: FetchedPage, way: Cursor, answer: Any) -> str | None:
    """The URL with the cursor that an answer gives; None where it gives none. It is made of what was asked for."""
    cursor = as_key(find(way.path, answer))
    return _with(page.url, {way.param: cursor}) if cursor else None


def told_address(page: FetchedPage, path: str, answer: Any) -> str | None:
    """The URL that stands in an answer, meant from where the answer came; None where none does."""
    return _joined(page.final_url, find(path, answer))


def header_address(page: FetchedPage) -> str | None:
    """The URL that the header `Link: <…>; rel="next"` gives (RFC 8288), meant from where the answer came."""
    for name, value in page.headers:
        if name != "link":
            continue
        for target, attributes in re.findall(r"<([^<>]*)>((?:[^<\"]|\"[^\"]*\")*)", value):
            if re.search(r";\s*rel\s*=\s*\"?(?:[\w-]+\s+)*next\b", attributes, re.IGNORECASE):
                return _joined(page.final_url, target)
    return None


def _joined(base: str, said: Any) -> str | None:
    try:
        return urljoin(base, said.strip()) if isinstance(said, str) and said.strip() else None
    except ValueError:
        return None


def _with(url: str, params: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    as_written = [one for one in parts.query.split("&") if one and unquote_plus(one.partition("=")[0]) not in params]
    return urlunsplit(parts._replace(query="&".join([*as_written, urlencode(params)] if params else as_written)))
