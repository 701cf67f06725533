"""Why a page could not be had, as `kind: a sentence`; the kind is one word, so that errors can be counted."""

import re

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)

UNPACKERS = frozenset({"zlib", "gzip", "brotli"})
"""Modules whose errors say that a body cannot be unpacked."""


class DisallowedByRobots(IgnoreRequest):
    """robots.txt does not allow the URL."""


class RightsForbid(IgnoreRequest):
    """The project's policy does not let a page be fetched of which its host says this."""


class OutOfScope(IgnoreRequest):
    """A redirect leads to where the source does not go."""


class UnsafeAddress(IgnoreRequest):
    """The host is at an address that is not global, and the source does not name it."""


class UntrustedServer(IgnoreRequest):
    """The server cannot prove who it is."""


class ProxyTrouble(DownloadFailedError):
    """A proxy did not do its part.

    Attributes:
        proxy: Its address, without credentials.
        perhaps_the_hosts: It may as well be the trouble of the host that was asked through it.
    """

    def __init__(self, proxy: str, what: str, *, perhaps_the_hosts: bool = False) -> None:
        super().__init__(f"the proxy {proxy} {what}")
        self.proxy = proxy
        self.perhaps_the_hosts = perhaps_the_hosts


class KeptConnectionBroke(DownloadFailedError):
    """A connection that was kept from an earlier request had ended when this one was sent; nothing was answered."""


class NoProxyLeft(IgnoreRequest):
    """No proxy can be used for the request, now or later."""


class LoginFailed(Exception):
    """A source's login did not work; its pages are not fetched without it."""


class SessionOver(LoginFailed):
    """The session of a source's login had ended when a page was fetched; another one may be begun."""


class BrowserLost(Exception):
    """The browser died or hung while it drew the page; another one may draw it."""


def describe(error: BaseException, *, url: str, timeout: float, max_bytes: int) -> str:
    """What happened to the fetch of `url`, in words for a person."""
    said = str(error)
    if isinstance(error, DisallowedByRobots):
        return f"robots: robots.txt disallows {url}"
    if isinstance(error, RightsForbid):
        return f"rights: {said}; [rights] in tilth.toml forbids to fetch it"
    if isinstance(error, OutOfScope):
        return f"redirect: it leads to {url}, and {said}"
    if isinstance(error, UnsafeAddress):
        return f"unsafe: {said}"
    if isinstance(error, UntrustedServer):
        return f"tls: {said}"
    if isinstance(error, ProxyTrouble | NoProxyLeft):
        return f"proxy: {said}"
    if isinstance(error, DownloadTimeoutError):
        return f"timeout: no whole answer within {timeout:g} s"
    if isinstance(error, DownloadConnectionRefusedError | CannotResolveHostError | ResponseDataLossError):
        return f"connection: {of_connection(error)}"
    if isinstance(error, DownloadCancelledError):
        return f"too-large: the body is over {max_bytes:,} bytes"
    if isinstance(error, IgnoreRequest):
        return _of_scrapy(said, max_bytes)
    if isinstance(error, LoginFailed):
        return f"login: {said}"
    if isinstance(error, BrowserLost):
        return f"browser: {said}"
    if type(error).__module__ in UNPACKERS:
        return "extract: its body is not packed as its Content-Encoding says"
    if isinstance(error, DownloadFailedError | OSError):
        return f"connection: {of_connection(error)}"
    if type(error).__module__.startswith("playwright"):
        return _of_browser(said, timeout)
    return f"other: {type(error).__name__}: {_short(said)}"


def of_connection(error: BaseException) -> str:
    """How an exchange with a server failed, as a clause."""
    if isinstance(error, DownloadConnectionRefusedError):
        return "the server refused the connection"
    if isinstance(error, CannotResolveHostError):
        return "the host's name is not known"
    if isinstance(error, ResponseDataLossError):
        return "the answer broke off"
    return _short(str(error)) or type(error).__name__


def _of_scrapy(said: str, max_bytes: int) -> str:
    if "redirect" in said:
        return "redirect: too many redirects"
    if "decompression" in said:
        return f"too-large: the body unpacks to over {max_bytes:,} bytes"
    return f"other: {_short(said)}"


def _of_browser(said: str, timeout: float) -> str:
    network = re.search(r"net::(ERR_\w+)", said)
    if "Timeout" in said and "exceeded" in said:
        return f"timeout: the browser had no whole page within {timeout:g} s"
    if network and network[1] == "ERR_TOO_MANY_REDIRECTS":
        return "redirect: too many redirects"
    if network and network[1].startswith(("ERR_SSL", "ERR_CERT")):
        return f"tls: the server could not prove who it is; the browser says {network[1]}"
    if network and network[1].startswith(("ERR_CONNECTION", "ERR_NAME", "ERR_ADDRESS", "ERR_EMPTY")):
        return f"connection: the browser says {network[1]}"
    return f"browser: {_short(said)}"


def _short(said: str) -> str:
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return first[:200]
