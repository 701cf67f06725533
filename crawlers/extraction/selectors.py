"""The forms that a selector of a source can have, told apart and checked when a source is declared.

CSS is the default; `xpath:…`, `json-ld:…` (JMESPath over the page's JSON-LD objects), `microdata:…` (a property),
`og:…` (Open Graph) and `meta:…` (a `<meta>` by its name) say so themselves.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from crawlers.declaration import Place, SourceError

Form = Literal["css", "xpath", "json-ld", "microdata", "og", "meta"]

PREFIX = re.compile(r"(xpath|json-ld|microdata|og|meta):", re.DOTALL)
# Other selectors with a colon are CSS: meta:not([name]), og:first-child are no names.
META_NAME = re.compile(r"[\w.:-]+")


@dataclass(frozen=True)
class FieldSelector:
    """A selector, told apart: its form, and what is asked for in that form."""

    form: Form
    asked: str


@lru_cache(maxsize=1_024)
def told_apart(selector: str) -> FieldSelector:
    """Which form a selector has."""
    prefix = PREFIX.match(selector)
    if prefix is None:
        return FieldSelector("css", selector)
    form, asked = prefix[1], selector[prefix.end() :].strip()
    if form in ("og", "meta") and asked and not META_NAME.fullmatch(asked):
        return FieldSelector("css", selector)
    return FieldSelector(form, asked)  # type: ignore[arg-type]


def of_whole_page(selector: str) -> bool:
    """Whether what is asked for belongs to the page as well as to an item of it."""
    return told_apart(selector).form not in ("css", "xpath")


def check_field(selector: str, what: str, place: Place) -> None:
    """Raise `SourceError` at `place` unless this can be looked for in an item; `what` names the key for a person."""
    _check_any(selector, what, place)


def check_items(selector: str, what: str, place: Place, *, xpath: bool = True, json_ld: bool = False) -> None:
    """Raise `SourceError` at `place` unless this names elements (or JSON-LD objects, where these may be items)."""
    found = told_apart(selector)
    allowed = {"css"} | ({"xpath"} if xpath else set()) | ({"json-ld"} if json_ld else set())
    if found.form not in allowed:
        raise SourceError(place, f'{what} selector "{selector}" must name elements; write CSS.')
    translated = _check_any(selector, what, place)
    if found.form == "css" and "::" in selector and re.search(r"/(text\(\)|@[\w-]+)( |$)", translated):
        raise SourceError(
            place, f'{what} selector "{selector}" must name elements; leave out "::text" and "::attr(…)".'
        )
    if found.form == "xpath" and re.search(r"(/@[\w:-]+|/text\(\))\s*$", found.asked):
        raise SourceError(
            place, f'{what} selector "{selector}" must name elements; leave out what follows the last of them.'
        )


def _check_any(selector: str, what: str, place: Place) -> str:
    """Check, and give the XPath that an element selector comes to."""
    found = told_apart(selector)
    if not found.asked.strip():
        raise SourceError(place, f"{what} selector is empty; write CSS or take it out.")
    if found.form == "css":
        return _checked_css(selector, what, place)
    if found.form == "xpath":
        _check_xpath(found.asked, f'{what} selector "{selector}"', place)
        return found.asked
    if found.form in ("json-ld", "microdata"):
        compiled_path(found.asked, f'{what} selector "{selector}"', place)
    return ""


def _checked_css(selector: str, what: str, place: Place) -> str:
    from cssselect import SelectorError
    from parsel.csstranslator import HTMLTranslator

    try:
        return HTMLTranslator().css_to_xpath(selector)
    except SelectorError as error:
        raise SourceError(place, f'{what} selector "{selector}" is not valid CSS ({_plain(str(error))}).') from error


def _check_xpath(asked: str, said: str, place: Place) -> None:
    from parsel import Selector

    try:
        Selector(text="<html></html>", type="html").xpath(asked)
    except ValueError as error:
        reason = re.sub(r"^XPath error: | in .*$", "", str(error), flags=re.DOTALL)
        raise SourceError(place, f"{said} is not valid XPath ({reason.strip().rstrip('.').lower()}).") from error


def compiled_path(asked: str, said: str = "selector", place: Place = ()) -> Any:
    """A JMESPath expression, compiled; `SourceError` at `place` when it is none."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(asked)
    except JMESPathError as error:
        reason = " ".join(str(error).split("\n")[0].split()).rstrip(":. ")
        raise SourceError(place, f"{said} is not a valid JMESPath expression ({reason}).") from error


def _plain(reason: str) -> str:
    return re.sub(r"<EOF at \d+>", "the end of the selector", reason).rstrip(".")
