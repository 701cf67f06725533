"""What the readers of evidence share: one item of it, and the names of directives and agents."""

from collections.abc import Iterable
from typing import TypedDict
from urllib.parse import urljoin, urlsplit

from crawlers.manners.robots_file import AGENT
from crawlers.reading.values import clean
from store.ai_agents import AGENT_SPELLING
from store.rights import said_by

LONGEST_VALUE = 300
"""Characters; a licence or a directive that is longer is cut, so that no page makes its row large."""
MOST_ITEMS = 100
"""Of one page: more say nothing new, and a page could repeat them a million times. What `decide` reads besides licences
comes to some fifty different things."""
MORE_LICENCES = "and more licences than are kept"


class Item(TypedDict):
    """One thing that a page, its headers or its host says about the use of the page.

    `kind` is what `store.rights` decides by; `value` what was said; `where` in which header, element or file.
    """

    kind: str
    value: str
    where: str


VALUED_DIRECTIVES = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
DIRECTIVES = VALUED_DIRECTIVES | {
    *("all", "none", "index", "noindex", "follow", "nofollow", "archive", "noarchive", "nocache", "snippet"),
    *("nosnippet", "notranslate", "noimageindex", "indexifembedded", "noodp", "noydir", "noai", "noimageai", "noml"),
}
NEUTRAL_DIRECTIVES = frozenset({"all", "index", "follow", "archive", "snippet", "indexifembedded"})


def item(kind: str, value: str, where: str) -> Item:
    """An item of evidence, its words on one line and none of them endless."""
    return Item(kind=kind, value=_short(value), where=_short(where))


def absolute(target: str, url: str) -> str:
    """An address that a page or a header gives, absolute; one that is none is kept as it stands."""
    try:
        joined = urljoin(url, target.strip())
        _ = urlsplit(joined).port
    except ValueError:
        return target.strip()
    return joined


def in_order(items: Iterable[Item]) -> list[Item]:
    """Each item once, in an order that does not depend on the page's, and no more than `MOST_ITEMS`.

    Where there are more, `store.rights.decide` makes of those that are kept what it would make of all: one of each kind
    that it reads stays, then licences, and of licences that are left out it stands there that there were more.
    """
    once = {(one["kind"], one["value"], one["where"]): one for one in items}
    if len(once) > MOST_ITEMS:
        once = {(one["kind"], one["value"], one["where"]): one for one in _most_telling(once.values())}
    return [once[key] for key in sorted(once)]


def _short(text: str) -> str:
    return " ".join(clean(text).split())[:LONGEST_VALUE]


def _most_telling(items: Iterable[Item]) -> list[Item]:
    heard: set[str] = set()
    telling: list[Item] = []
    licences: list[Item] = []
    others: list[Item] = []
    for one in sorted(items, key=lambda one: (one["kind"], one["value"], one["where"])):
        said = said_by(one["kind"], one["value"])
        if said is None or said in heard:
            others.append(one)
            continue
        heard.add(said)
        (licences if one["kind"] == "licence" else telling).append(one)
    left = MOST_ITEMS - len(telling)
    if len(licences) > left:
        licences = [*licences[: max(0, left - 1)], item("licence", MORE_LICENCES, "")]
    return [*telling, *licences, *others][:MOST_ITEMS]


def directive_item(agent: str, directive: str, where: str) -> Item | None:
    """The evidence of one robots directive that is said to `agent`; None where it forbids nothing.

    What is said to all (`robots`, `*`) or to us is a kind of its own, such as `noai`; to an AI agent it is the refusal
    of that agent; to others it is kept as `other-agent`.
    """
    name = directive.split(":", 1)[0].strip().lower()
    if name in NEUTRAL_DIRECTIVES or name not in DIRECTIVES:
        return None
    if agent.lower() in ("robots", "*", "", AGENT):
        if name == "none":
            name = "noindex"
        return item(name.replace("_", "-"), directive, where)
    known = AGENT_SPELLING.get(agent.lower())
    if known and name in ("none", "noindex", "noai", "noimageai", "noml", "nosnippet", "noarchive", "nocache"):
        return item("ai-agent-refused", known, where)
    return item("other-agent", f"{agent}: {directive}", where)
