"""What the readers of evidence share: one item of it, and the names of directives and agents."""

from collections.abc import Iterable
from typing import TypedDict

from crawlers.manners.robots_file import AGENT
from store.ai_agents import AGENT_SPELLING

LONGEST_VALUE = 300
"""Characters; a licence or a directive that is longer is cut, so that no page makes its row large."""
MOST_ITEMS = 60
"""Of one page: more say nothing new, and a page could repeat them a million times."""


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
    return Item(kind=kind, value=" ".join(value.split())[:LONGEST_VALUE], where=where)


def in_order(items: Iterable[Item]) -> list[Item]:
    """Each item once, in an order that does not depend on the page's, and no more than `MOST_ITEMS`.

    Where there are more, licences and links are what is left out: what forbids comes first.
    """
    once = {(one["kind"], one["value"], one["where"]): one for one in items}
    kept = sorted(once, key=lambda key: (key[0].startswith("licence"), key))[:MOST_ITEMS]
    return [once[key] for key in sorted(kept)]


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
