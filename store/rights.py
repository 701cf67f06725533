"""What the evidence of rights allows: a policy says what each kind of it forbids, and `decide` applies it.

Three things can be done with a page: fetch it, have people label it, publish it. Whatever forbids an earlier one
forbids those after it. Evidence only ever forbids; what is not forbidden is allowed, and a permission that somebody has
stated lifts what the page says, except robots.txt.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from store.ai_agents import TRAINING_OPERATOR
from store.errors import RequestError

Act = Literal["nothing", "publish", "label", "fetch"]
"""The earliest thing that a kind of evidence forbids."""
Signal = Literal[
    "robots",
    "noai",
    "noimageai",
    "tdm-reservation",
    "aipref",
    "content-signal",
    "ai-agents",
    "noindex",
    "noarchive",
    "nosnippet",
    "no-licence",
]
SIGNALS: tuple[str, ...] = get_args(Signal)
ORDER: tuple[str, ...] = get_args(Act)
RULES_VERSION = 1
"""Goes into a policy's hash: raise it when `decide` comes to another answer, so that pages are decided anew."""

DEFAULT_FORBIDS: Mapping[str, Act] = {
    "noai": "publish",
    "noimageai": "publish",
    "tdm-reservation": "publish",
    "aipref": "publish",
    "content-signal": "publish",
    "ai-agents": "publish",
    "noindex": "nothing",
    "noarchive": "nothing",
    "nosnippet": "nothing",
}
DEFAULT_AI_OPERATORS = 3
DEFAULT_LICENCES = ("CC0", "PDM", "CC-BY", "CC-BY-SA")
SAID_IN_WORDS: Mapping[str, str] = {
    "robots": "robots.txt disallows the page",
    "noai": "the page asks AI to keep out (noai)",
    "noimageai": "the page asks image AI to keep out (noimageai)",
    "tdm-reservation": "text and data mining is reserved (TDMRep)",
    "aipref": "training of AI is disallowed (AIPREF)",
    "content-signal": "training of AI is disallowed (Content-Signal)",
    "ai-agents": "the agents of AI are shut out",
    "noindex": "the page asks not to be indexed (noindex)",
    "noarchive": "the page asks not to be copied (noarchive)",
    "nosnippet": "the page asks not to be quoted (nosnippet)",
    "no-licence": "the page has no licence that the project allows",
}
"""What a reason means, for a person."""

_DIRECTIVES: Mapping[str, Signal] = {
    "noai": "noai",
    "noml": "noai",
    "noimageai": "noimageai",
    "noindex": "noindex",
    "noarchive": "noarchive",
    "nocache": "noarchive",
    "nosnippet": "nosnippet",
}
# What AIPREF calls training, now and in earlier drafts; `bots` was every automated use.
_TRAINING = frozenset({"train-ai", "train-genai", "ai", "genai", "tdm", "bots", "foundation-model-production"})
_CC_URL = re.compile(
    r"^https?://(?:www\.)?creativecommons\.org/(licen[sc]es|publicdomain)/([a-z+-]+)(?:/([0-9.]+))?", re.IGNORECASE
)


class RightsPolicyError(RequestError):
    """A rights policy says something that cannot be meant."""


@dataclass(frozen=True)
class Permission:
    """What somebody who may has allowed for a source.

    Attributes:
        licence: Under which terms.
        note: Who said so and when, such as "written consent of 2026-01-01".
    """

    licence: str
    note: str


@dataclass(frozen=True)
class RightsPolicy:
    """What a project takes evidence to mean. The defaults allow labelling for one's own use, and keep from publication
    what a site asks machines or AI to keep out of.

    Attributes:
        forbids: By kind of evidence, the earliest act that it forbids; what is not named has its default. `robots` is
            not among them: what robots.txt disallows is never fetched.
        ai_operators: From how many operators on the shutting out of their training agents counts as shutting out AI.
        publish_only_licensed: Publish only what bears a licence of `licences`, and none beside it.
        licences: Names as `licence_name` gives them; one without a version stands for all of them.
        permissions: By source.
    """

    forbids: Mapping[str, Act] = field(default_factory=dict)
    ai_operators: int = DEFAULT_AI_OPERATORS
    publish_only_licensed: bool = False
    licences: tuple[str, ...] = DEFAULT_LICENCES
    permissions: Mapping[str, Permission] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for signal, act in self.forbids.items():
            if signal not in DEFAULT_FORBIDS:
                known = ", ".join(DEFAULT_FORBIDS)
                raise RightsPolicyError(f'[rights] forbids: "{signal}" is no kind of evidence; there are {known}.')
            if act not in ORDER:
                raise RightsPolicyError(f'[rights] forbids: {signal} = "{act}"; say one of {", ".join(ORDER)}.')

    @classmethod
    def from_declared(cls, declared: str) -> "RightsPolicy":
        """The policy whose `declared` this is."""
        told = json.loads(declared)
        return cls(
            forbids={signal: act for signal, act in told["forbids"].items() if signal != "robots"},
            ai_operators=told["ai_operators"],
            publish_only_licensed=told["publish_only_licensed"],
            licences=tuple(told["licences"]) if told["publish_only_licensed"] else DEFAULT_LICENCES,
            permissions={name: Permission(**one) for name, one in told["permissions"].items()},
        )

    def forbidden_by(self, signal: str) -> Act:
        """The earliest act that a kind of evidence forbids."""
        if signal == "robots":
            return "fetch"
        if signal == "no-licence":
            return "publish"
        return self.forbids.get(signal, DEFAULT_FORBIDS[signal])

    @cached_property
    def declared(self) -> str:
        """All of it as canonical JSON, defaults included."""
        told: dict[str, Any] = {
            "rules": RULES_VERSION,
            "forbids": {signal: self.forbidden_by(signal) for signal in ("robots", *DEFAULT_FORBIDS)},
            "ai_operators": self.ai_operators,
            "publish_only_licensed": self.publish_only_licensed,
            "licences": sorted(self.licences) if self.publish_only_licensed else [],
            "permissions": {name: asdict(self.permissions[name]) for name in sorted(self.permissions)},
        }
        return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `declared`, 64 hex digits."""
        return hashlib.sha256(self.declared.encode()).hexdigest()


@dataclass(frozen=True)
class Decision:
    """What may be done with a page.

    Attributes:
        reasons: The kinds of evidence that forbid something, in the order of `SIGNALS`; empty where all is allowed.
        permission: The note of the permission that lifted something; None where none was needed.
    """

    fetch: bool
    label: bool
    publish: bool
    reasons: tuple[str, ...] = ()
    permission: str | None = None

    def __and__(self, other: "Decision") -> "Decision":
        """The stricter of both, in every respect."""
        notes = [note for note in (self.permission, other.permission) if note]
        return Decision(
            self.fetch and other.fetch,
            self.label and other.label,
            self.publish and other.publish,
            tuple(one for one in SIGNALS if one in self.reasons or one in other.reasons),
            "; ".join(dict.fromkeys(notes)) or None,
        )


ALLOWED = Decision(True, True, True)


def decide(evidence: Mapping[str, Any] | None, policy: RightsPolicy, *, source: str = "") -> Decision:
    """What may be done with a page that this evidence is of.

    Further evidence never allows more, but for one thing: under `publish_only_licensed` a licence that is found allows
    publication. What is not understood says nothing.

    Args:
        evidence: As `pages.rights` keeps it: `{"items": [{"kind", "value", "where"}, ...]}`; None: there is none.
        source: The source's name, for its permission.
    """
    items = list((evidence or {}).get("items", ()))
    found = signals(items, policy)
    permission = policy.permissions.get(source)
    lifted = {signal for signal in found if signal != "robots"} if permission else set()
    forbidding = {signal: policy.forbidden_by(signal) for signal in found - lifted}
    reasons = tuple(one for one in SIGNALS if forbidding.get(one, "nothing") != "nothing")
    earliest = max((ORDER.index(act) for act in forbidding.values()), default=0)
    needed = any(policy.forbidden_by(signal) != "nothing" for signal in lifted)
    return Decision(
        fetch=earliest < ORDER.index("fetch"),
        label=earliest < ORDER.index("label"),
        publish=earliest < ORDER.index("publish"),
        reasons=reasons,
        permission=f"{permission.licence}: {permission.note}" if permission and needed else None,
    )


def signals(items: Iterable[Mapping[str, Any]], policy: RightsPolicy) -> set[str]:
    """The kinds of evidence (`SIGNALS`) that the items amount to."""
    found: set[str] = set()
    refused: set[str] = set()
    licences: list[str] = []
    for one in items:
        said = said_by(str(one.get("kind", "")), str(one.get("value", "")))
        kind, _, more = (said or "").partition(": ")
        if kind == "ai-agents":
            refused.add(more)
        elif kind == "licence":
            licences.append(more)
        elif kind in SIGNALS and not more:
            found.add(kind)
    if len(refused) >= policy.ai_operators:
        found.add("ai-agents")
    if policy.publish_only_licensed and not (licences and all(is_allowed(one, policy) for one in licences)):
        found.add("no-licence")
    return found


def said_by(kind: str, value: str) -> str | None:
    """What an item of evidence says here, None where that is nothing; items that say the same count once.

    That is a kind of `SIGNALS`, `ai-agents: <operator>` or `licence: <as the page says it>`; and `<kind>: <value>` of
    what forbids nothing but is an answer too: that the TDM reservation is none, that robots.txt allows the page.
    """
    value = value.strip()
    if kind in _DIRECTIVES:
        return _DIRECTIVES[kind]
    if kind == "robots":
        return "robots" if value == "disallowed" else f"robots: {value}"
    if kind == "tdm-reservation" and value in ("0", "1"):
        return "tdm-reservation" if value == "1" else "tdm-reservation: 0"
    if kind == "aipref" and value.endswith("=n") and value.removesuffix("=n") in _TRAINING:
        return "aipref"
    if kind == "content-signal" and value == "ai-train=no":
        return "content-signal"
    if kind in ("ai-agent-disallowed", "ai-agent-refused") and value in TRAINING_OPERATOR:
        return f"ai-agents: {TRAINING_OPERATOR[value]}"
    return f"licence: {value}" if kind == "licence" else None


def licence_name(said: str) -> str:
    """A short name for a licence as a page says it: `CC-BY-4.0` for the address of that licence; others as they are."""
    found = _CC_URL.match(said.strip())
    if not found:
        return said.strip()
    place, name, version = found[1].lower(), found[2].lower(), found[3]
    if place == "publicdomain":
        name = {"zero": "CC0", "mark": "PDM"}.get(name, f"CC-{name.upper()}")
    else:
        name = f"CC-{name.upper()}"
    return f"{name}-{version.strip('.')}" if version else name


def is_allowed(said: str, policy: RightsPolicy) -> bool:
    """Whether a licence that a page says is one of the policy's."""
    name = licence_name(said).lower()
    without_version = re.sub(r"-[0-9][0-9.]*$", "", name)
    return any(one.strip().lower() in (name, without_version, said.strip().lower()) for one in policy.licences)
