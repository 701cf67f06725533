"""What a robots.txt says: RFC 9309, with Crawl-delay, Request-rate and Sitemap beside it."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from protego import Protego

AGENT = "tilth"
"""The product token that a robots.txt can name us by."""
MOST_BYTES = 500 * 1024
"""Of a longer file the rest is not read (section 2.5)."""
EVERYBODY = "*"
OF_RULES = frozenset(
    {"allow", "disallow", "crawl-delay", "request-rate", "visit-time", "content-usage", "content-signal"}
)
"""What stands in a group. Other lines are as if they were not there (section 2.2.4)."""
MISSPELT = frozenset({"dissallow", "dissalow", "disalow", "diasllow", "disallaw"})
OF_SITEMAPS = frozenset({"sitemap", "sitemaps", "site-map"})
OF_NAMES = frozenset({"user-agent", "useragent"})

_KEYS = sorted(OF_RULES | MISSPELT | OF_SITEMAPS | OF_NAMES, key=len, reverse=True)
_LINE = re.compile(rf"\s*(?P<key>{'|'.join(_KEYS).replace('-', '[ -]')})(?:\s*:|\s|$)(?P<value>.*)", re.I | re.DOTALL)
_END_OF_LINE = re.compile(r"\r\n?|\n")
# No path has these, and Python takes some of them for ends of lines.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_TOKEN = re.compile(r"[A-Za-z_-]*")
_TOKEN_WITH_DIGITS = re.compile(r"[A-Za-z0-9_-]*")

Line = tuple[str, str]
"""Its key in lower case, and its value."""


@dataclass(frozen=True)
class Group:
    """A group of a file: whom it names, as `names_in` gives it, and its lines in order."""

    names: frozenset[str]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class RobotsFile:
    """A robots.txt, read for one agent.

    Attributes:
        agent: For whom it was read.
        delay: Seconds that it asks for between two requests, the longer of Crawl-delay and Request-rate; 0 for none.
        sitemaps: The URLs that it lists, as they stand there.
    """

    agent: str
    delay: float
    sitemaps: tuple[str, ...]
    _rules: Protego

    @classmethod
    def read(cls, body: bytes, agent: str = AGENT) -> RobotsFile:
        """Read a file as it was sent. What is no rule is passed over, so that HTML in its place has none."""
        lines = list(lines_of(decoded(body)))
        rules = rules_of(lines_for(list(groups_of(lines)), agent))
        sitemaps = tuple(value for key, value in lines if key in OF_SITEMAPS and value)
        return cls(agent, _delay(rules, agent), sitemaps, rules)

    def allows(self, url: str) -> bool:
        """Whether the agent may fetch the URL."""
        return bool(self._rules.can_fetch(url, self.agent))


def decoded(body: bytes) -> str:
    """The text of a file as it was sent: UTF-8 or, where a mark says so, UTF-16; without NULs.

    A byte that is not UTF-8 is percent-encoded, as it is in a URL: left out, it would make the rule another one.
    """
    body = whole_lines(body)
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = body.decode("utf-16", "ignore")
    else:
        text = _NO_UTF8.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", body.decode("utf-8", "surrogateescape"))
    return text.replace("\ufeff", "").replace("\0", "")


def whole_lines(body: bytes) -> bytes:
    """At most `MOST_BYTES` of a file, without the line in which it is cut: half a rule is another rule."""
    if len(body) <= MOST_BYTES:
        return body
    return without_last_line(body[:MOST_BYTES])


def without_last_line(body: bytes) -> bytes:
    """What stands before the line that a file breaks off in."""
    return body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]


def looks_like_html(body: bytes) -> bool:
    """Whether a page stands in the place of the file."""
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def lines_of(text: str) -> Iterator[Line]:
    """The lines that mean something, also with a blank in the place of a colon."""
    for line in _END_OF_LINE.split(text):
        found = _LINE.match(line.split("#", 1)[0])
        if found is not None:
            key = found["key"].lower().replace(" ", "-")
            yield "disallow" if key in MISSPELT else key, _CONTROLS.sub(_escaped, found["value"].strip())


def groups_of(lines: Iterable[Line]) -> Iterator[Group]:
    """The groups of a file (section 2.1): names, then rules until the next name; rules before any name are nobody's."""
    names: set[str] = set()
    rules: list[Line] = []
    naming = False
    for key, value in lines:
        if key in OF_NAMES:
            if not naming:
                yield Group(frozenset(names), tuple(rules))
                names, rules, naming = set(), [], True
            names |= names_in(value)
        elif key in OF_RULES:
            naming = False
            rules.append((key, value))
    yield Group(frozenset(names), tuple(rules))


def names_in(said: str) -> set[str]:
    """Whom the value of a `User-agent` line names, in lower case: `*`, or a product token (section 2.2.1).

    A token is the letters, `_` and `-` that the value begins with, so that `tilth/1.0` names `tilth`. Some agents have
    digits in theirs, so what it is with digits is named too.
    """
    if said == EVERYBODY or (said.startswith(EVERYBODY) and said[1].isspace()):
        return {EVERYBODY}
    found = (pattern.match(said) for pattern in (_TOKEN, _TOKEN_WITH_DIGITS))
    return {token[0].lower() for token in found if token and token[0]}


def lines_for(groups: Sequence[Group], agent: str) -> list[Line]:
    """The lines that hold for an agent: of all groups that name it, else of those for everybody (section 2.2.1)."""
    name = agent.lower()
    wanted = name if any(name in group.names for group in groups) else EVERYBODY
    return [line for group in groups if wanted in group.names for line in group.lines]


def rules_of(lines: Iterable[Line]) -> Protego:
    """A parser that knows these lines alone, for whoever it is asked about."""
    return Protego.parse("\n".join([f"User-agent: {EVERYBODY}", *(f"{key}: {value}" for key, value in lines)]))


def _escaped(control: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in control[0].encode())


def _delay(rules: Protego, agent: str) -> float:
    rate = rules.request_rate(agent)
    try:
        between = rate.seconds / rate.requests if rate else 0.0
    except OverflowError:
        between = sys.float_info.max
    return max(rules.crawl_delay(agent) or 0.0, between)
