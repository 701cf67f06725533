"""What robots.txt says of a URL beside our own verdict: about the agents of AI, and preferences for its use.

Whether we may fetch is decided by `crawlers.manners`; here the same file is read as evidence, by the same rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from protego import Protego

from crawlers.manners.robots_file import (
    AGENT,
    Group,
    Line,
    decoded,
    groups_of,
    lines_for,
    lines_of,
    looks_like_html,
    rules_of,
)
from crawlers.rights.aipref import preferences, signals
from crawlers.rights.path_pattern import matches, path_of, weight
from crawlers.rights.words import Item, item
from store.ai_agents import AGENT_SPELLING

WHERE = "robots.txt"
SHUT_OUT = ("disallow", "/")

_READERS = {"content-usage": preferences, "content-signal": signals}


@dataclass(frozen=True)
class UsageRule:
    """A `Content-Usage` or `Content-Signal` line: for which paths (`""`: all), and what it says."""

    name: str
    path: str
    said: tuple[Item, ...]


@dataclass(frozen=True)
class RobotsEvidence:
    """A robots.txt that was found, ready to be asked about many URLs.

    Attributes:
        text: The file, as `crawlers.manners.robots_file` decodes it.
    """

    text: str = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> "RobotsEvidence":
        """A file as it was sent, read to its end here and now; a page in its place says nothing."""
        found = cls("" if looks_like_html(body) else decoded(body))
        found.for_url("https://a.example/")
        return found

    @cached_property
    def named_agents(self) -> tuple[str, ...]:
        """The agents of AI that the file names, in the spelling of `store.ai_agents`."""
        named = {name for group in self._groups for name in group.names & AGENT_SPELLING.keys()}
        return tuple(sorted(AGENT_SPELLING[name] for name in named))

    def for_url(self, url: str) -> list[Item]:
        """What the file says of the URL, as evidence."""
        found: list[Item] = []
        for agents, fare in self._fares:
            allowed = fare if isinstance(fare, bool) else bool(fare.can_fetch(url, agents[0]))
            found += [item("ai-agent-allowed" if allowed else "ai-agent-disallowed", agent, WHERE) for agent in agents]
        if self._usage:
            path = path_of(url)
            found += [one for name in _READERS for rule in self._strongest(name, path) for one in rule.said]
        return found

    def _strongest(self, name: str, path: str) -> list[UsageRule]:
        # Rules of equal length are all kept; the strictest of them holds (draft-ietf-aipref-attach, section 3.1).
        fitting = [rule for rule in self._usage if rule.name == name and (not rule.path or matches(rule.path, path))]
        most = max((weight(rule.path) for rule in fitting), default=0)
        return [rule for rule in fitting if weight(rule.path) == most]

    @cached_property
    def _fares(self) -> list[tuple[list[str], Protego | bool]]:
        """The named agents by how they fare: a verdict on every page, or the rules that hold for them."""
        alike: dict[tuple[Line, ...], list[str]] = {}
        for agent in self.named_agents:
            rules = {line for line in lines_for(self._groups, agent) if line[0] in ("allow", "disallow") and line[1]}
            alike.setdefault(tuple(sorted(rules)), []).append(agent)
        return [(agents, _fare(rules)) for rules, agents in alike.items()]

    @cached_property
    def _usage(self) -> tuple[UsageRule, ...]:
        said = [(key, value) for key, value in lines_for(self._groups, AGENT) if key in _READERS and value]
        return tuple(_usage_rule(key, value) for key, value in said)

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        return tuple(groups_of(lines_of(self.text)))


def _fare(rules: Sequence[Line]) -> Protego | bool:
    if not rules:
        return True
    if SHUT_OUT in rules and all(key == "disallow" for key, _ in rules):
        return False
    return rules_of(rules)


def _usage_rule(name: str, value: str) -> UsageRule:
    path, said = "", value
    if value.startswith("/"):
        path, _, said = value.replace("\t", " ").partition(" ")
    return UsageRule(name, path, tuple(_READERS[name](said.strip(), WHERE)))
