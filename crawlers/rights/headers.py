"""What the headers of an answer say about the use of the page: X-Robots-Tag, TDM reservation, Content-Usage, Link."""

import re
from collections.abc import Iterable, Iterator

from crawlers.rights.aipref import header_preferences
from crawlers.rights.words import DIRECTIVES, VALUED_DIRECTIVES, Item, absolute, directive_item, item

HEADERS = frozenset({"x-robots-tag", "tdm-reservation", "tdm-policy", "content-usage", "link"})
"""Those that may say something, in lower case."""

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^;,<>=\"]+(?:=\s*(?:\"[^\"]*\"|[^;,\"]*))?)*)")
_AGENT = re.compile(r"^\s*([A-Za-z0-9*][\w .*/-]*?)\s*:\s*(.*)$", re.DOTALL)
_WEEKDAY = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun)[a-z]*$", re.IGNORECASE)


def header_rights(headers: Iterable[tuple[str, str]], url: str) -> list[Item]:
    """The evidence in the headers of an answer.

    Args:
        headers: As sent, in order; a name may stand several times.
        url: Of the page, so that relative addresses become absolute.
    """
    sent: dict[str, list[str]] = {}
    for name, value in headers:
        sent.setdefault(name.lower(), []).append(value)
    found = [one for value in sent.get("x-robots-tag", []) for one in robots_tag(value)]
    for value in sent.get("tdm-reservation", []):
        found += [item("tdm-reservation", part, "header") for part in value.split(",")]
    found += [item("tdm-policy", absolute(value, url), "header") for value in sent.get("tdm-policy", [])]
    found += header_preferences(sent.get("content-usage", []))
    found += [one for value in sent.get("link", []) for one in _licences(value, url)]
    return found


def robots_tag(value: str) -> Iterator[Item]:
    """The directives of one `X-Robots-Tag` header.

    A name before a colon says to which agent the directives after it are said, until the next name or the end. The
    date of `unavailable_after` may have a comma of its own.
    """
    agent = ""
    for directive in _parts(value):
        while True:
            named = _AGENT.match(directive)
            if not named or named[1].strip().lower() in VALUED_DIRECTIVES:
                break
            agent, directive = named[1].strip(), named[2]
        name, colon, rest = directive.partition(":")
        plain = f"{name.strip().lower()}{colon}{rest}".strip()
        if plain.split(":", 1)[0].strip() not in DIRECTIVES:
            continue
        where = f"X-Robots-Tag {agent.lower()}".strip()
        found = directive_item(agent, plain, where)
        if found:
            yield found


def _parts(value: str) -> Iterator[str]:
    """What stands between commas; of a date such as `Wed, 25 Jun 2025 15:00:00 GMT` the comma is a part."""
    waiting = ""
    for part in value.split(","):
        if waiting:
            yield f"{waiting},{part}"
            waiting = ""
            continue
        after = re.search(r"unavailable_after\s*:\s*(.*)$", part, re.IGNORECASE | re.DOTALL)
        if after and _WEEKDAY.match(after[1].strip()):
            waiting = part
        elif part.strip():
            yield part
    if waiting:
        yield waiting


def _licences(value: str, url: str) -> Iterator[Item]:
    for target, attributes in _LINK.findall(value[:8_000]):
        rel = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^;,\s\"]+))", attributes, re.IGNORECASE)
        if rel and "license" in (rel[1] or rel[2] or "").lower().split():
            yield item("licence", absolute(target, url), "Link header")
