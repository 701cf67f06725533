"""What robots.txt says of a URL beside our own verdict: about the agents of AI, and preferences for its use.

Whether we may fetch is decided by `crawlers.manners`; here the same file is read as evidence. A group is chosen as RFC
9309, section 2.2.1 says: all groups that name the agent, else those of `*`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from protego import Protego

from crawlers.rights.aipref import preferences, signals
from crawlers.rights.path_pattern import matches, path_of, weight
from crawlers.rights.words import OUR_AGENT, Item, item
from store.ai_agents import AGENT_SPELLING

LONGEST_FILE = 500 * 1024
"""Characters; RFC 9309 lets a parser stop there."""
MOST_RULES = 2_000
WHERE = "robots.txt"

_LINE = re.compile(r"^[ \t]*([A-Za-z-]+)[ \t]*:[ \t]*(.*?)[ \t]*$")
_RULES = {"content-usage": "usage", "content-signal": "signal"}


@dataclass(frozen=True)
class UsageRule:
    """A `Content-Usage` or `Content-Signal` line of a group: for which paths (`""`: all), and what it says."""

    agents: frozenset[str]
    name: str
    path: str
    said: str


@dataclass(frozen=True)
class RobotsEvidence:
    """A robots.txt that was found, ready to be asked about many URLs.

    Attributes:
        text: The file; what is past `LONGEST_FILE` is not read.
    """

    text: str = field(repr=False)

    @cached_property
    def named_agents(self) -> tuple[str, ...]:
        """The agents of AI that the file names, in the spelling of `store.ai_agents`."""
        named = {agent for agents, _, _ in self._lines for agent in agents}
        return tuple(sorted(AGENT_SPELLING[agent] for agent in named & AGENT_SPELLING.keys()))

    def for_url(self, url: str) -> list[Item]:
        """What the file says of the URL, as evidence."""
        found = [
            item("ai-agent-allowed" if self._parsed.can_fetch(url, agent) else "ai-agent-disallowed", agent, WHERE)
            for agent in self.named_agents
        ]
        path = path_of(url)
        for name, read in (("usage", preferences), ("signal", signals)):
            for rule in self._strongest(name, path):
                found += read(rule.said, WHERE)
        return found

    def _strongest(self, name: str, path: str) -> list[UsageRule]:
        # Rules of equal length are all kept; the strictest of them holds (draft-ietf-aipref-attach, section 3.1).
        fitting = [rule for rule in self._usage if rule.name == name and (not rule.path or matches(rule.path, path))]
        most = max((weight(rule.path) for rule in fitting), default=0)
        return [rule for rule in fitting if weight(rule.path) == most]

    @cached_property
    def _parsed(self) -> Protego:
        return Protego.parse(self.text[:LONGEST_FILE])

    @cached_property
    def _usage(self) -> tuple[UsageRule, ...]:
        rules = [
            UsageRule(agents, _RULES[key], *_path_and_said(value))
            for agents, key, value in self._lines
            if key in _RULES and value
        ][:MOST_RULES]
        ours = any(OUR_AGENT in agents for agents, _, _ in self._lines)
        wanted = OUR_AGENT if ours else "*"
        return tuple(rule for rule in rules if wanted in rule.agents)

    @cached_property
    def _lines(self) -> Sequence[tuple[frozenset[str], str, str]]:
        return tuple(_grouped(self.text[:LONGEST_FILE]))


def _grouped(text: str) -> Iterator[tuple[frozenset[str], str, str]]:
    """Each line's agents, its key in lower case and its value; a line before any agent has none."""
    agents: set[str] = set()
    fresh = False
    for raw in text.splitlines():
        found = _LINE.match(raw.split("#", 1)[0])
        if not found:
            continue
        key, value = found[1].lower(), found[2]
        if key in ("user-agent", "useragent"):
            if not fresh:
                agents = set()
            agents.add(value.split("/", 1)[0].strip().lower())
            fresh = True
            yield frozenset(agents), "user-agent", value
        elif key not in ("sitemap", "host"):
            fresh = False
            yield frozenset(agents), key, value


def _path_and_said(value: str) -> tuple[str, str]:
    if not value.startswith("/"):
        return "", value
    path, _, said = value.replace("\t", " ").partition(" ")
    return path, said.strip()
