"""Which source one URL belongs to, and that source as it fetches this URL alone."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from store.errors import RequestError
from tilth.gathering import SourceUnknown, declared_sources
from tilth.project import Project

if TYPE_CHECKING:
    from crawlers.fetched_source import FetchedSource

# fmt: off
SHARED_KEYS = frozenset((
    "follow", "allow", "deny", "hosts", "wait_for", "steps", "login", "item", "key", "fields", "images",
    "min_image_side", "proxy", "proxy_country",
))
# fmt: on
"""What a page is read and followed by, whichever kind of source leads to it."""
FOR_A_BROWSER = ("wait_for", "steps", "login")
LIKELIEST = ("site", "sitemap", "feed", "api")
"""Kinds in the order in which they lead to a page on their hosts."""
SITEMAP_FILE = re.compile(r"\.(xml|txt)(\.gz)?$", re.IGNORECASE)


class NotFetched(RequestError):
    """A source whose kind reads what lies here, not pages."""


def source_for(project: Project, url: str, name: str | None) -> tuple["FetchedSource", bool]:
    """The source of that name, else the first that goes to the URL, else one that takes the main text.

    Also gives whether it is declared.

    Raises:
        SourceUnknown, NotFetched: There is none of that name that fetches pages.
    """
    from crawlers.fetched_source import FetchedSource
    from crawlers.scope import Scope, canonical_url

    sources = declared_sources(project)
    for one in sources:
        if name == one.name:
            if not isinstance(one, FetchedSource):
                raise NotFetched(f'source "{name}" is of kind "{one.kind}", which fetches no pages; crawl it at once.')
            return one, True
    if name is not None:
        known = ", ".join(one.name for one in sources) or "none"
        raise SourceUnknown(f'{project.file_path.name}: there is no source "{name}"; declared are: {known}.')
    where = canonical_url(url) or url
    fetched = sorted((one for one in sources if isinstance(one, FetchedSource)), key=lambda one: _place(one.kind))
    begins = [one for one in fetched if where in Scope(one).starts]
    goes = [one for one in fetched if _leads_to_pages(one) and Scope(one).why_not(where) is None]
    for one in (*begins, *goes):
        return one, True
    return _declared({"name": "try", "kind": "site", "start": [url]}), False


def only(source: "FetchedSource", url: str, rendered: str) -> "FetchedSource":
    """The source, to fetch this one URL, `http` or by the `browser`."""
    declared = source.declared()
    if not (source.kind == "api" or _is_start(source, url)):
        # A page that a sitemap or a feed leads to is read by the same keys as a site's.
        declared = {key: value for key, value in declared.items() if key in (*SHARED_KEYS, "name")} | {"kind": "site"}
    for way in ("page", "offset"):
        if way in declared:
            declared[way] = _begins_at(declared[way], url)
    if rendered == "http":
        declared = {key: value for key, value in declared.items() if key not in FOR_A_BROWSER}
    return _declared(declared | {"start": [url], "render": rendered, "max_pages": 1, "max_depth": 0})


def role_of(source: "FetchedSource") -> str:
    """What the start pages of a source are read as."""
    from crawlers.kinds import kind_module

    return str(getattr(kind_module(source.kind), "ROLE", "page"))


def _place(kind: str) -> int:
    return LIKELIEST.index(kind) if kind in LIKELIEST else len(LIKELIEST)


def _leads_to_pages(source: "FetchedSource") -> bool:
    return source.kind != "feed" or bool(getattr(source, "full_text", False))


def _is_start(source: "FetchedSource", url: str) -> bool:
    from crawlers.scope import canonical_url

    if source.kind == "site" or canonical_url(url) in map(canonical_url, source.start):
        return True
    return source.kind == "sitemap" and SITEMAP_FILE.search(urlsplit(url).path) is not None


def _begins_at(way: Mapping[str, Any], url: str) -> dict[str, Any]:
    """How an API counts, from where the URL is."""
    asked = dict(parse_qsl(urlsplit(url).query)).get(way["param"], "")
    return {**way, "start": int(asked)} if asked.isdecimal() and len(asked) < 19 else dict(way)


def _declared(declared: Mapping[str, Any]) -> "FetchedSource":
    from crawlers.fetched_source import FetchedSource
    from crawlers.kinds import read_source

    source = read_source(declared)
    assert isinstance(source, FetchedSource)
    return source
