"""The declaration of a site: where a crawl starts, which links it follows, and what on a page is a record."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from store.errors import RequestError

Strings = Annotated[tuple[str, ...], Field(strict=False)]  # TOML gives a list


class SourceError(RequestError):
    """A source is declared wrongly.

    Attributes:
        field: The path of what is wrong, such as `("source", 0, "item")`, from which the project file's line is found.
    """

    def __init__(self, field: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.field = field


class SiteSource(BaseModel):
    """A site, as the project file declares it.

    Attributes:
        name: Names the source in the store; records of one name are one collection.
        start: The URLs that the crawl begins with; it stays on their hosts (with their ports).
        follow: CSS of the elements whose links are followed, on them or inside them; none: only the start pages.
        allow: Regexes, searched in the URL: one must match a URL that is followed. A pattern that begins with `http`
            names the host itself, and so may lead to another one.
        deny: Regexes, searched in the URL: none may match.
        render: `http` takes the page as sent, `browser` as a real Chromium draws it.
        wait_for: CSS of what the browser waits for before the page is taken.
        item: CSS of the elements that are one record each; none: the main text of the page is the record.
        key: A field selector for the item's own id.
        fields: Field selectors by name, relative to the item: `text` is the record's text, the others its metadata. A
            selector without `::text` or `::attr(…)` gives the element's whole text.
        max_pages: At most this many pages are fetched.
        max_depth: How many links away from a start page it goes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    kind: Literal["site"] = "site"
    start: Strings
    follow: str | None = None
    allow: Strings = ()
    deny: Strings = ()
    render: Literal["http", "browser"] = "http"
    wait_for: str | None = None
    item: str | None = None
    key: str | None = None
    fields: dict[str, str] = {}
    max_pages: int = Field(default=10_000, ge=1)
    max_depth: int = Field(default=50, ge=0)

    @classmethod
    def declare(cls, declared: Mapping[str, Any]) -> SiteSource:
        """A site from parsed TOML or JSON.

        Raises:
            SourceError: With the path of the key, relative to the declaration, and what is wrong with it.
        """
        try:
            return cls.model_validate(dict(declared))
        except ValidationError as error:
            raise _first_trouble(cls, error) from error

    def declared(self) -> dict[str, Any]:
        """What was declared, without what stands there by default: read back by `declare`."""
        return {"kind": self.kind} | self.model_dump(mode="json", exclude_defaults=True)

    @field_validator("name")
    @classmethod
    def _usable_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise SourceError(
                ("name",),
                f'name "{name}" is not usable; use up to 64 letters, digits, ".", "_" and "-", without spaces.',
            )
        return name

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

    @field_validator("allow", "deny")
    @classmethod
    def _regexes(cls, patterns: tuple[str, ...], info: Any) -> tuple[str, ...]:
        for position, pattern in enumerate(patterns):
            try:
                re.compile(pattern)
            except re.error as error:
                raise SourceError(
                    (info.field_name, position),
                    f'{info.field_name} pattern "{pattern}" is not a valid regex ({error}).',
                ) from error
        return patterns

    @field_validator("follow", "wait_for", "item")
    @classmethod
    def _element_selector(cls, selector: str | None, info: Any) -> str | None:
        if selector is not None:
            check_selector(selector, info.field_name, (info.field_name,), elements_only=True)
        return selector

    @field_validator("key")
    @classmethod
    def _key_selector(cls, selector: str | None) -> str | None:
        if selector is not None:
            check_selector(selector, "key", ("key",))
        return selector

    @field_validator("fields")
    @classmethod
    def _field_selectors(cls, fields: dict[str, str]) -> dict[str, str]:
        for name, selector in fields.items():
            check_selector(selector, f"fields.{name}", ("fields", name))
        return fields

    @model_validator(mode="after")
    def _fits_together(self) -> SiteSource:
        if self.item is not None and "text" not in self.fields:
            raise SourceError(("fields",), 'an item needs a field "text"; add it under [source.fields].')
        if self.item is None and self.fields:
            raise SourceError(
                ("fields",), 'fields are looked for inside an item; say which element is one with item = "…".'
            )
        if self.item is None and self.key is not None:
            raise SourceError(("key",), 'key is looked for inside an item; say which element is one with item = "…".')
        if self.wait_for is not None and self.render != "browser":
            raise SourceError(("wait_for",), 'wait_for needs a browser; add render = "browser" or take it out.')
        return self


def check_selector(selector: str, what: str, field: tuple[str | int, ...], *, elements_only: bool = False) -> None:
    """Raise `SourceError` unless `selector` is CSS that parsel understands, of elements where only they do."""
    from cssselect import SelectorError
    from parsel.csstranslator import HTMLTranslator

    if not selector.strip():
        raise SourceError(field, f"{what} selector is empty; write CSS or take it out.")
    try:
        xpath = HTMLTranslator().css_to_xpath(selector)
    except SelectorError as error:
        raise SourceError(field, f'{what} selector "{selector}" is not valid CSS ({_plain(str(error))}).') from error
    if elements_only and "::" in selector and re.search(r"/(text\(\)|@[\w-]+)( |$)", xpath):
        raise SourceError(
            field, f'{what} selector "{selector}" must name elements; leave out "::text" and "::attr(…)".'
        )


def _plain(reason: str) -> str:
    return re.sub(r"<EOF at \d+>", "the end of the selector", reason).rstrip(".")


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


def _first_trouble(model: type[BaseModel], error: ValidationError) -> SourceError:
    trouble = error.errors(include_url=False)[0]
    field = tuple(trouble["loc"])
    key = ".".join(str(part) for part in field)
    if trouble["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(field[0]), list(model.model_fields), 1)
        hint = f'did you mean "{nearest[0]}"?' if nearest else f"known keys: {', '.join(model.model_fields)}."
        return SourceError(field, f'"{key}" is not a key of this kind of source; {hint}')
    if trouble["type"] == "missing":
        return SourceError(field[:-1], f'"{key}" is missing.')
    reason = (trouble["msg"][0].lower() + trouble["msg"][1:]).replace("valid tuple", "list")
    return SourceError(field, f"{key} = {trouble['input']!r}: {reason}.")
