"""What robots.txt says of a URL beside our own verdict: about the agents of AI, and preferences for its use.

Whether we may fetch is decided by `crawlers.manners`; here the same file is read as evidence. A group is chosen as RFC
9309, section 2.2.1 says: all groups that name the agent, else those of `*`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from protego import Protego

from crawlers.manners.robots_file import AGENT, decoded, looks_like_html, only_groups_of
from crawlers.rights.aipref import preferences, signals
from crawlers.rights.path_pattern import matches, path_of, weight
from crawlers.rights.words import Item, item
from store.ai_agents import AGENT_SPELLING

MOST_RULES = 2_000
WHERE = "robots.txt"
SHUT_OUT = ("disallow:/",)

_OF_INTEREST = frozenset({"*", AGENT, *AGENT_SPELLING})
_READERS = {"content-usage": preferences, "content-signal": signals}


@dataclass(frozen=True)
class UsageRule:
    """A `Content-Usage` or `Content-Signal` line: for which paths (`""`: all), and what it says."""

    name: str
    path: str
    said: tuple[Item, ...]


@dataclass(frozen=True)
class Group:
    """A group of the file: its agents, as far as they matter here, its rules as written, and what it says about use."""

    agents: frozenset[str]
    rules: tuple[str, ...]
    usage: tuple[UsageRule, ...]


@dataclass(frozen=True)
class RobotsEvidence:
    """A robots.txt that was found, ready to be asked about many URLs.

    Attributes:
        text: The file, as `crawlers.manners.robots_file` decodes it.
    """

    text: str = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> "RobotsEvidence":
        """A file as it was sent; a page in its place says nothing."""
        return cls("" if looks_like_html(body) else decoded(body))

    @cached_property
    def named_agents(self) -> tuple[str, ...]:
        """The agents of AI that the file names, in the spelling of `store.ai_agents`."""
        named = {agent for group in self._groups for agent in group.agents}
        return tuple(sorted(AGENT_SPELLING[agent] for agent in named & AGENT_SPELLING.keys()))

    def for_url(self, url: str) -> list[Item]:
        """What the file says of the URL, as evidence."""
        found: list[Item] = []
        for rules, agents in self._alike.items():
            allowed = rules != SHUT_OUT and (not rules or bool(self._parsed.can_fetch(url, agents[0])))
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
    def _parsed(self) -> Protego:
        return Protego.parse(only_groups_of(self.text, self.named_agents))

    @cached_property
    def _alike(self) -> dict[tuple[str, ...], list[str]]:
        """The named agents by the rules that hold for them: those under the same rules fare alike."""
        found: dict[tuple[str, ...], list[str]] = {}
        for agent in self.named_agents:
            rules = {rule for group in self._groups if agent.lower() in group.agents for rule in group.rules}
            found.setdefault(tuple(sorted(rules)), []).append(agent)
        return found

    @cached_property
    def _usage(self) -> tuple[UsageRule, ...]:
        ours = any(AGENT in group.agents for group in self._groups)
        wanted = AGENT if ours else "*"
        return tuple(rule for group in self._groups if wanted in group.agents for rule in group.usage)[:MOST_RULES]

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        return tuple(group for group in _groups(self.text) if group.agents)


def _groups(text: str) -> Iterator[Group]:
    agents: set[str] = set()
    usage: list[UsageRule] = []
    rules: list[str] = []
    naming = False
    for line in text.splitlines():
        key, colon, value = line.split("#", 1)[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon or key in ("sitemap", "host"):
            continue
        if key not in ("user-agent", "useragent"):
            naming = False
            if key in _READERS and value:
                path, said = _path_and_said(value)
                usage.append(UsageRule(key, path, tuple(_READERS[key](said, WHERE))))
            elif value:
                rules.append(f"{key}:{value}")
            continue
        if not naming:
            yield Group(frozenset(agents), tuple(rules), tuple(usage))
            agents, rules, usage, naming = set(), [], [], True
        name = value.split("/", 1)[0].strip().lower()
        if name in _OF_INTEREST:
            agents.add(name)
    yield Group(frozenset(agents), tuple(rules), tuple(usage))


def _path_and_said(value: str) -> tuple[str, str]:
    if not value.startswith("/"):
        return "", value
    path, _, said = value.replace("\t", " ").partition(" ")
    return path, said.strip()
