"""All that is known about the rights in a page, as one piece of JSON that is kept with the page.

    {"version": 1, "items": [{"kind", "value", "where"}, ...], "drafts": {"aipref": "..."}, "evidence_hash": "..."}

The same evidence gives the same bytes and the same hash, in whatever order it was found. `store.rights` decides by it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from crawlers.rights.aipref import DRAFTS
from crawlers.rights.headers import HEADERS, header_rights
from crawlers.rights.words import Item, in_order, item

_Said = tuple[tuple[str, str, str], ...]

VERSION = 1
TDM_PRIORITY = ("tdmrep.json", "header", "meta")
"""TDMRep, section "Processing priority": what stands later supersedes what stands before it."""


def page_rights(
    url: str,
    *,
    robots: str | None,
    host: Sequence[Item] = (),
    headers: Iterable[tuple[str, str]] = (),
    markup: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The evidence of a page.

    Args:
        url: Where the page was in the end, so that relative addresses become absolute.
        robots: The verdict of robots.txt on our fetching it: `allowed`, `disallowed`, `none`, `unreachable`; None where
            nobody asked.
        host: What the host's robots.txt and TDM file say of the URL (`RobotsEvidence.for_url`, `TdmFile.for_url`).
        headers: Of the answer, as sent.
        markup: What `markup_rights` gave.
    """
    found = list(host)
    if robots:
        found.append(item("robots", robots, "robots.txt"))
    found += header_rights(headers, url)
    found += _items_of(markup)
    items = in_order(_one_reservation(found))
    evidence: dict[str, Any] = {"version": VERSION, "items": items}
    if any(one["kind"].startswith("aipref") for one in items):
        evidence["drafts"] = {"aipref": DRAFTS}
    evidence["evidence_hash"] = evidence_hash(evidence)
    return evidence


def rights_of(
    meta: Mapping[str, Any], url: str, headers: Iterable[tuple[str, str]], markup: Mapping[str, Any] | None
) -> str:
    """`pages.rights` of a page that was fetched by a Scrapy request with this `meta`, or could not be.

    `meta["robots"]` is the verdict, `meta["rights"]` what `crawlers.rights.middleware` gathered of the host.
    """
    sent = tuple((name.lower(), value) for name, value in headers if name.lower() in HEADERS)
    host, said = ((meta.get("rights") or {}).get("items", ()), (markup or {}).get("items", ()))
    # Most pages of a host say the same: what they say is made into JSON once. The address matters to headers alone.
    return _row(url if sent else "", meta.get("robots"), _as_tuples(host), sent, _as_tuples(said))


@lru_cache(maxsize=4_096)
def _row(url: str, robots: str | None, host: _Said, sent: tuple[tuple[str, str], ...], markup: _Said) -> str:
    items = [item(kind, value, where) for kind, value, where in host]
    said = {"items": [{"kind": kind, "value": value, "where": where} for kind, value, where in markup]}
    return as_json(page_rights(url, robots=robots, host=items, headers=sent, markup=said))


def _as_tuples(items: Iterable[Mapping[str, Any]]) -> _Said:
    return tuple((str(one["kind"]), str(one["value"]), str(one["where"])) for one in items)


def evidence_hash(evidence: Mapping[str, Any]) -> str:
    """SHA-256 over what the evidence says, 64 hex digits."""
    said = {name: value for name, value in evidence.items() if name != "evidence_hash"}
    return hashlib.sha256(as_json(said).encode()).hexdigest()


def as_json(evidence: Mapping[str, Any]) -> str:
    """Compact JSON with its keys in order."""
    return json.dumps(evidence, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _items_of(markup: Mapping[str, Any] | None) -> list[Item]:
    given = (markup or {}).get("items", [])
    return [item(str(one["kind"]), str(one["value"]), str(one["where"])) for one in given]


def _one_reservation(found: Sequence[Item]) -> list[Item]:
    """The evidence with one place's TDM reservation in force; what it supersedes, or is none, bears another kind."""
    valid = [one for one in found if one["kind"] == "tdm-reservation" and one["value"].strip() in ("0", "1")]
    last = max((_priority(one) for one in valid), default=-1)
    kept: list[Item] = []
    for one in found:
        if one["kind"] != "tdm-reservation":
            kept.append(one)
        elif one["value"].strip() not in ("0", "1"):
            kept.append(item("tdm-unreadable", one["value"], one["where"]))
        elif _priority(one) < last:
            kept.append(item("tdm-superseded", one["value"], one["where"]))
        else:
            kept.append(one)
    return kept


def _priority(one: Item) -> int:
    return TDM_PRIORITY.index(one["where"]) if one["where"] in TDM_PRIORITY else len(TDM_PRIORITY)
