"""Which URLs belong to a source: those on the hosts of its start URLs, unless its patterns say otherwise."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from w3lib.url import canonicalize_url, safe_url_string

from crawlers.fetched_source import FetchedSource
from crawlers.page import Link

DEFAULT_PORTS = {"http": 80, "https": 443}
NOT_IN_HOST = re.compile(r"[^!-~]|[\"#/<>?@\\^`{|}]")
"""No host's name has these; one with other letters is written in ASCII (IDNA) by then."""
HOSTS_NAMED = 5


def canonical_url(url: str) -> str | None:
    """The URL as it is asked for: as written, for a server may mean something by the order of a query.

    What no URL may hold is percent-encoded; its fragment, its scheme's own port and dots in its path are resolved away,
    as a browser does. None when it is no http or https URL.
    """
    try:
        if urlsplit(url).scheme.lower() not in DEFAULT_PORTS:
            return None
        parts = urlsplit(safe_url_string(url))
        if not parts.hostname or NOT_IN_HOST.search(parts.hostname):
            return None
        user, at, host = parts.netloc.rpartition("@")
        if parts.port == DEFAULT_PORTS[parts.scheme]:  # raises on a port that is none
            host = host.rpartition(":")[0]
        return urlunsplit((parts.scheme, user + at + host, _without_dots(parts.path) or "/", parts.query, ""))
    except ValueError:
        return None


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4; dots that are percent-encoded are dots, as in the URL standard."""
    segments = path.split("/")
    plain = [segment.lower().replace("%2e", ".") if len(segment) <= len("%2e%2e") else "" for segment in segments]
    if "." not in plain and ".." not in plain:
        return path
    kept: list[str] = []
    for segment, dots in zip(segments[1:], plain[1:], strict=True):
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
    return "/" + "/".join([*kept, ""] if plain[-1] in (".", "..") else kept)


@lru_cache(maxsize=4_096)
def identity_of(url: str) -> str:
    """What the canonical URLs of one page have in common: whatever the order of its query, and how it is encoded."""
    return str(canonicalize_url(url))


@lru_cache(maxsize=4_096)  # each URL is asked about some ten times while it is fetched
def host_of(url: str) -> str:
    """`host` or `host:port`; a scheme's own port is left out, so that http and https of one host are the same."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


LISTED = "listed-sitemap"
"""The role of a sitemap on another host that robots.txt of a source's own host names (sitemaps.org, "Sitemaps & Cross
Submits"). The pages that it names are of the source where they would be anyway."""


@dataclass(frozen=True)
class Scope:
    """Says of a URL whether a source may go there."""

    source: FetchedSource
    hosts: frozenset[str] = field(init=False)
    starts: frozenset[str] = field(init=False)
    allow: tuple[tuple[re.Pattern[str], bool], ...] = field(init=False)
    deny: tuple[re.Pattern[str], ...] = field(init=False)

    def __post_init__(self) -> None:
        starts = [url for url in map(canonical_url, self.source.start) if url]
        set_ = object.__setattr__
        set_(self, "starts", frozenset(starts))
        named = [f"{scheme}://{host}" for host in self.source.hosts for scheme in DEFAULT_PORTS]
        set_(self, "hosts", frozenset(map(host_of, [*starts, *named])))
        # A pattern that begins with the scheme names the host itself.
        set_(self, "allow", tuple((re.compile(p), p.lstrip("^(?:").startswith("http")) for p in self.source.allow))
        set_(self, "deny", tuple(re.compile(p) for p in self.source.deny))

    def why_not(self, url: str, role: str = "page") -> str | None:
        """Why the source does not go to this canonical URL, in a few words; None when it does.

        What leads to pages, such as a sitemap, need not match an `allow` pattern, which is about the pages.
        """
        if url in self.starts:
            return None
        if any(pattern.search(url) for pattern in self.deny):
            return "a deny pattern matches it"
        if role == LISTED:
            return None
        if host_of(url) in self.hosts:
            if role == "page" and self.allow and not any(pattern.search(url) for pattern, _ in self.allow):
                return "no allow pattern matches it"
            return None
        if any(names_host and pattern.match(url) for pattern, names_host in self.allow):
            return None
        return f"{host_of(url)} is another host than the source's"


def all_elsewhere(source: FetchedSource, links: Sequence[Link]) -> str | None:
    """That none of the URLs that a list names belongs to its source, which is seldom meant; None where some do."""
    scope = Scope(source)
    away = [link.url for link in links if scope.why_not(link.url, link.role)]
    hosts = Counter(host for url in away if (host := host_of(url)) not in scope.hosts)
    if len(away) < len(links) or not hosts:
        return None
    named = ", ".join(f'"{host}"' for host, _ in hosts.most_common(HOSTS_NAMED))
    return f"all {len(away)} URLs in it are of other hosts; where that is meant, add hosts = [{named}]"
