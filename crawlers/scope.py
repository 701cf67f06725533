"""Which URLs belong to a source: those on the hosts of its start URLs, unless its patterns say otherwise."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from w3lib.url import canonicalize_url, safe_url_string

from crawlers.fetched_source import FetchedSource
from crawlers.page import Link

DEFAULT_PORTS = {"http": 80, "https": 443}
HOSTS_NAMED = 5


def canonical_url(url: str) -> str | None:
    """The URL as w3lib writes it, without its fragment, or None when it is no http or https URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
            return None
        _ = parts.port  # raises on a port that is none
        return canonicalize_url(safe_url_string(url))
    except ValueError:
        return None


@lru_cache(maxsize=4_096)  # each URL is asked about some ten times while it is fetched
def host_of(url: str) -> str:
    """`host` or `host:port`; a scheme's own port is left out, so that http and https of one host are the same."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


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
        set_(self, "hosts", frozenset(map(host_of, starts)) | frozenset(self.source.hosts))
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
