"""What the readers of evidence share: one item of it, and the names of directives and agents."""

from collections.abc import Iterable
from typing import TypedDict

OUR_AGENT = "tilth"
"""The product token that robots.txt, `X-Robots-Tag` and meta elements may name us by."""

LONGEST_VALUE = 300
"""Characters; a licence or a directive that is longer is cut, so that no page makes its row large."""
MOST_ITEMS = 60
"""Of one page: more say nothing new, and a page could repeat them a million times."""


class Item(TypedDict):
    """One thing that a page, its headers or its host says about the use of the page.

    `kind` is one of `store.rights.KINDS`; `value` what was said; `where` in which header, element or file.
    """

    kind: str
    value: str
    where: str


AI_AGENTS_AS_OF = "2026-11"
AI_AGENTS: tuple[tuple[str, str, str], ...] = (
    ("GPTBot", "OpenAI", "training"),
    ("OAI-SearchBot", "OpenAI", "search"),
    ("ChatGPT-User", "OpenAI", "reading"),
    ("ClaudeBot", "Anthropic", "training"),
    ("anthropic-ai", "Anthropic", "training"),
    ("Claude-Web", "Anthropic", "training"),
    ("Claude-SearchBot", "Anthropic", "search"),
    ("Claude-User", "Anthropic", "reading"),
    ("CCBot", "Common Crawl", "training"),
    ("Google-Extended", "Google", "training"),
    ("Google-CloudVertexBot", "Google", "reading"),
    ("Applebot-Extended", "Apple", "training"),
    ("meta-externalagent", "Meta", "training"),
    ("FacebookBot", "Meta", "training"),
    ("meta-externalfetcher", "Meta", "reading"),
    ("Bytespider", "ByteDance", "training"),
    ("Amazonbot", "Amazon", "training"),
    ("PerplexityBot", "Perplexity", "search"),
    ("Perplexity-User", "Perplexity", "reading"),
    ("cohere-ai", "Cohere", "training"),
    ("cohere-training-data-crawler", "Cohere", "training"),
    ("AI2Bot", "Ai2", "training"),
    ("Ai2Bot-Dolma", "Ai2", "training"),
    ("Diffbot", "Diffbot", "training"),
    ("omgili", "Webz.io", "training"),
    ("webzio-extended", "Webz.io", "training"),
    ("Timpibot", "Timpi", "training"),
    ("DeepSeekBot", "DeepSeek", "training"),
    ("PanguBot", "Huawei", "training"),
    ("PetalBot", "Huawei", "search"),
    ("MistralAI-User", "Mistral", "reading"),
    ("img2dataset", "img2dataset", "training"),
    ("LAIONDownloader", "LAION", "training"),
    ("YouBot", "You.com", "search"),
    ("DuckAssistBot", "DuckDuckGo", "search"),
)
"""User agents that stand for AI: product token, who runs it, and what its pages are for, as of `AI_AGENTS_AS_OF`."""

AI_AGENT_TOKENS = {token.lower(): token for token, _, _ in AI_AGENTS}
TRAINING_OPERATOR = {token: operator for token, operator, purpose in AI_AGENTS if purpose == "training"}

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
    if agent.lower() in ("robots", "*", "", OUR_AGENT):
        if name == "none":
            name = "noindex"
        return item(name.replace("_", "-"), directive, where)
    known = AI_AGENT_TOKENS.get(agent.lower())
    if known and name in ("none", "noindex", "noai", "noimageai", "noml", "nosnippet", "noarchive", "nocache"):
        return item("ai-agent-refused", known, where)
    return item("other-agent", f"{agent}: {directive}", where)
