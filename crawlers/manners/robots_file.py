"""What a robots.txt says: RFC 9309, with Crawl-delay, Request-rate and Sitemap beside it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protego import Protego

AGENT = "tilth"
"""The product token that a robots.txt can name us by."""
MOST_BYTES = 500 * 1024
"""Of a longer file the rest is not read (section 2.5)."""
NOBODY = "nobody-in-particular"
USER_AGENT = re.compile(r"\s*user[ -]?agent(?:\s*:|\s)\s*(?P<name>[^#]*)", re.IGNORECASE)


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
        rules = Protego.parse(only_groups_of(decoded(body), [agent]))
        return cls(agent, _delay(rules, agent), tuple(rules.sitemaps), rules)

    def allows(self, url: str) -> bool:
        """Whether the agent may fetch the URL."""
        return bool(self._rules.can_fetch(url, self.agent))


def robots_for_agents(robots_txt: str, url: str, agents: Sequence[str]) -> dict[str, bool]:
    """For each agent whether the file lets it fetch the URL; `*` holds for those that it does not name."""
    rules = Protego.parse(only_groups_of(robots_txt, agents))
    return {agent: bool(rules.can_fetch(url, agent)) for agent in agents}


def decoded(body: bytes) -> str:
    """The text of a file as it was sent: UTF-8 or, where a mark says so, UTF-16; without NULs and broken bytes."""
    body = body[:MOST_BYTES]
    coding = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    return body.decode(coding, "ignore").replace("\ufeff", "").replace("\0", "")


def looks_like_html(body: bytes) -> bool:
    """Whether a page stands in the place of the file."""
    return body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def only_groups_of(text: str, agents: Iterable[str]) -> str:
    """The same rules for these agents, without the names of others.

    A parser keeps the rules of a group once for each name of it: 500 KiB of names and rules would take it minutes.
    """
    tokens = [agent.lower() for agent in agents]
    lines: list[str] = []
    unnamed = False  # whether a group's names are being read, and none was of use
    named = False
    for line in text.splitlines():
        found = USER_AGENT.match(line)
        if found is None:
            if line.strip():
                if unnamed and not named:
                    lines.append(f"User-agent: {NOBODY}")
                unnamed = named = False
            lines.append(line)
            continue
        name = found["name"].strip().lower()
        if name == "*" or any((name.replace("*", "") or "*") in token for token in tokens):
            lines.append(line)
            named = True
        else:
            unnamed = True
    return "\n".join(lines)


def _delay(rules: Protego, agent: str) -> float:
    rate = rules.request_rate(agent)
    return max(rules.crawl_delay(agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)
