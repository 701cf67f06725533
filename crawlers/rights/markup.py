"""What a page's own markup says about its use: robots directives, TDM reservation, licences.

Directives are those of the meta element `robots` and of its forms that name one agent, with `noai` beside
what search engines know; TDM reservation is the W3C community group's TDMRep, section "TDM Metadata in HTML Content";
licences stand in `rel=license`, in JSON-LD, in Dublin Core's meta elements and in links to Creative Commons.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from crawlers.manners.robots_file import AGENT
from crawlers.rights.words import DIRECTIVES, Item, absolute, directive_item, in_order, item
from store.ai_agents import AGENT_SPELLING

LONGEST_PAGE = 5_000_000
"""Characters; of a page that is longer, only so many are read."""
DEEPEST = 12
"""Levels of JSON-LD that are looked through."""
MOST_NODES = 20_000
"""Values of JSON-LD that are looked through."""

_AGENT_NAME = re.compile(r"(bot|spider|crawler|slurp|extended)\b", re.IGNORECASE)
_CC = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses|licences|publicdomain)/[^\s\"'<>]+", re.IGNORECASE
)
_OF_LICENCES = re.compile(r"licen|creativecommons", re.IGNORECASE)
_DUBLIN_CORE = ("dcterms.license", "dcterms.licence", "dc.license", "dcterms.rights", "dc.rights", "dcterms:license")
_SAME_PAGE = ("@graph", "mainentity", "mainentityofpage", "ispartof")


def markup_rights(html_text: str, url: str) -> dict[str, Any]:
    """All that the markup of a page says about its use, as `{"items": [{"kind", "value", "where"}, ...]}`.

    A page that says nothing gives `{}`. Broken markup and broken JSON-LD are read as far as they go; nothing is raised.

    Args:
        html_text: The page, as text.
        url: Where it came from, so that relative licences become absolute.
    """
    from lxml import etree, html

    text = html_text[:LONGEST_PAGE]
    if not text.strip():
        return {}
    try:
        # Text in a Python string has no encoding any more; a declaration of one would be refused.
        tree = html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return {}
    return rights_in(tree, text, url)


def rights_in(tree: Any, text: str, url: str) -> dict[str, Any]:
    """The same of a page that lxml has parsed already.

    Args:
        tree: Its root.
        text: What it was parsed from.
    """
    found = list(_meta(tree, url))
    # Most pages say nothing of a licence, and have many links.
    if _OF_LICENCES.search(text):
        found += [*_licence_links(tree, url), *_json_ld(tree, url)]
    kept = in_order(found)
    return {"items": kept} if kept else {}


def _meta(tree: Any, url: str) -> Iterator[Item]:
    for element in tree.iter("meta"):
        name = " ".join(str(element.get("name") or element.get("property") or "").split())
        content = str(element.get("content") or "").strip()
        key = name.lower()
        if not key or not content:
            continue
        if key in ("tdm-reservation", "tdm:reservation"):
            yield item("tdm-reservation", content, "meta")
        elif key in ("tdm-policy", "tdm:policy"):
            yield item("tdm-policy", absolute(content, url), "meta")
        elif key in _DUBLIN_CORE:
            yield item("licence", absolute(content, url) if _is_address(content) else content, f"meta {key}")
        elif _names_agent(key):
            yield from _directives(name, content)


def _names_agent(key: str) -> bool:
    return key in ("robots", AGENT) or key in AGENT_SPELLING or bool(_AGENT_NAME.search(key))


def _directives(agent: str, content: str) -> Iterator[Item]:
    for part in re.split(r"[,;]", content):
        directive = " ".join(part.split())
        if directive.split(":", 1)[0].strip().lower() in DIRECTIVES:
            found = directive_item(agent, directive.lower(), f"meta {agent.lower()}")
            if found:
                yield found


def _licence_links(tree: Any, url: str) -> Iterator[Item]:
    for element in tree.iter("a", "link", "area"):
        target = str(element.get("href") or "").strip()
        if not target:
            continue
        rel = str(element.get("rel") or "").lower().split()
        if "license" in rel or "licence" in rel:
            yield item("licence", absolute(target, url), f"{element.tag} rel=license")
        elif _CC.match(target):
            yield item("licence-link", target, "link to Creative Commons")


def _json_ld(tree: Any, url: str) -> Iterator[Item]:
    left = MOST_NODES
    for element in tree.iter("script"):
        if str(element.get("type") or "").split(";")[0].strip().lower() != "application/ld+json":
            continue
        said = element.text or ""
        if "licen" not in said.lower():
            continue
        try:
            data = json.loads(said.strip().removeprefix("<!--").removesuffix("-->"), strict=False)
        except (ValueError, RecursionError):
            continue
        queue: list[tuple[Any, bool, int]] = [(data, True, 0)]
        while queue and left:
            left -= 1
            value, of_page, depth = queue.pop()
            if depth > DEEPEST:
                continue
            if isinstance(value, list):
                queue += [(one, of_page, depth + 1) for one in value]
            elif isinstance(value, dict):
                yield from _licences_of(value, of_page, url)
                queue += [
                    (inner, of_page and key.lower() in _SAME_PAGE, depth + 1)
                    for key, inner in value.items()
                    if isinstance(inner, dict | list)
                ]


def _licences_of(node: dict[str, Any], of_page: bool, url: str) -> Iterator[Item]:
    for key in ("license", "licence", "https://schema.org/license", "http://schema.org/license"):
        given = node.get(key)
        for one in given if isinstance(given, list) else [given]:
            if isinstance(one, dict):
                one = one.get("@id") or one.get("url") or one.get("@value") or one.get("name")
            if isinstance(one, str) and one.strip():
                kind = node.get("@type", "")
                kinds = kind if isinstance(kind, list) else [kind]
                name = next((one for one in kinds if isinstance(one, str) and one), "thing")
                # The licence of a picture on the page says nothing about the page.
                whole = of_page and name not in ("ImageObject", "VideoObject", "AudioObject", "SoftwareApplication")
                value = absolute(one, url) if _is_address(one) else one
                yield item("licence" if whole else "licence-part", value, f"JSON-LD {name}")


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://", "/", "./", "../")) and " " not in text.strip()
