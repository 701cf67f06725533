"""What every source that is fetched from servers can declare, whichever kind it is."""

from __future__ import annotations

import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from crawlers.browser.steps import MaybeLogin, Steps
from crawlers.declaration import Place, Regexes, SourceError, Strings
from crawlers.extraction.selectors import check_items
from crawlers.page_records import PageRecords

DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class FetchedSource(PageRecords):
    """A source whose pages are fetched.

    Attributes:
        start: The URLs that the crawl begins with; it stays on their hosts (with their ports).
        follow: CSS (or `xpath:…`) of the elements whose links are followed, on them or inside them; none: only what
            the start pages give.
        allow: Regexes, searched in the URL: one must match a URL that is followed. A pattern that begins with `http`
            names the host itself, and so may lead to another one.
        deny: Regexes, searched in the URL: none may match.
        hosts: Further hosts, as `host` or `host:port`, that belong to the source though no start URL names them; they
            may have addresses that are not global.
        render: `http` takes the page as sent, `browser` as a real Chromium draws it, `auto` learns which of the two a
            kind of page needs.
        wait_for: CSS of what the browser waits for before the page is taken.
        steps: What the browser does on a page before it is taken: wait, click, scroll, fill.
        login: How the browser signs in; who and with what password is in the environment.
        images: Whether a page's content images become records; or CSS of the elements that hold or are the wanted ones.
        min_image_side: An image whose width or height is under so many pixels is decoration, and no record.
        extract: Whether records are read; without it pages are kept and links followed, and `warc` reads them later.
        max_pages: At most this many pages are fetched.
        max_depth: How many links away from a start page it goes.
        max_per_pattern: At most this many pages whose URLs differ in numbers, dates and ids alone.
        max_query_variants: At most this many query strings of one path.
        recrawl_after: A page that was fetched so long ago is asked for again, as "12h" or "7d"; none: by every crawl.
        proxy: Whether it is fetched through the project's proxies, where there are any.
        proxy_country: Only through proxies of this country, two letters.
    """

    start: Strings
    follow: str | None = None
    allow: Regexes = ()
    deny: Regexes = ()
    hosts: Strings = ()
    render: Literal["http", "browser", "auto"] = "http"
    wait_for: str | None = None
    steps: Steps = ()
    login: MaybeLogin = None
    images: bool | str = False
    min_image_side: int = Field(default=32, ge=1)
    extract: bool = True
    max_pages: int = Field(default=10_000, ge=1)
    max_depth: int = Field(default=50, ge=0)
    max_per_pattern: int = Field(default=10_000, ge=1)
    max_query_variants: int = Field(default=1_000, ge=1)
    recrawl_after: str | None = None
    proxy: bool = True
    proxy_country: str | None = None

    @property
    def recrawl_seconds(self) -> float | None:
        """`recrawl_after` in seconds."""
        return None if self.recrawl_after is None else duration_seconds(self.recrawl_after)

    @field_validator("start")
    @classmethod
    def _start_urls(cls, start: tuple[str, ...]) -> tuple[str, ...]:
        if not start:
            raise SourceError(("start",), "start is empty; give at least one URL.")
        for position, url in enumerate(start):
            why = _why_no_url(url)
            if why:
                raise SourceError(("start", position), f'start URL "{url}" {why}; write it as "https://host/path".')
        return start

    @field_validator("hosts")
    @classmethod
    def _host_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for position, host in enumerate(hosts):
            if "/" in host or "@" in host or _why_no_url(f"http://{host}"):
                raise SourceError(
                    ("hosts", position), f'host "{host}" is no host; write it as "example.org" or "127.0.0.1:8080".'
                )
        return tuple(host.lower() for host in hosts)

    @field_validator("follow", "wait_for")
    @classmethod
    def _element_selector(cls, selector: str | None, info: Any) -> str | None:
        if selector is not None:
            check_items(selector, info.field_name, (info.field_name,), xpath=info.field_name == "follow")
        return selector

    @field_validator("images")
    @classmethod
    def _images_selector(cls, images: bool | str) -> bool | str:
        if isinstance(images, str):
            check_items(images, "images", ("images",))
        return images

    @field_validator("recrawl_after")
    @classmethod
    def _duration(cls, duration: str | None) -> str | None:
        if duration is not None:
            duration_seconds(duration, ("recrawl_after",))
        return duration

    @field_validator("proxy_country")
    @classmethod
    def _country(cls, country: str | None) -> str | None:
        if country is not None and not re.fullmatch(r"[A-Za-z]{2}", country):
            raise SourceError(
                ("proxy_country",), f'proxy_country "{country}" is no country; write its two letters, such as "de".'
            )
        return country.lower() if country else country

    @model_validator(mode="after")
    def _has_its_browser(self) -> Self:
        if self.wait_for is not None and self.render == "http":
            raise SourceError(("wait_for",), 'wait_for needs a browser; add render = "browser" or take it out.')
        for name in ("steps", "login"):
            if getattr(self, name) and self.render == "http":
                raise SourceError((name,), f'{name} needs a browser; add render = "browser" or take it out.')
        return self


def duration_seconds(duration: str, place: Place = ()) -> float:
    """Seconds of a duration such as "0s", "90m", "12h", "7d", "2w".

    Raises:
        SourceError: It is none; at `place`.
    """
    match = DURATION.fullmatch(duration.strip())
    if match is None:
        raise SourceError(
            place, f'"{duration}" is no duration; write a number and one of s, m, h, d or w, such as "12h" or "7d".'
        )
    return float(match[1]) * UNIT_SECONDS[match[2]]


def _why_no_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is not a URL ({error})"
    if parts.scheme not in ("http", "https"):
        return "is not an http or https URL"
    if not parts.hostname or port == 0 or any(space in url for space in " \t\n"):
        return "is not a URL"
    return None
