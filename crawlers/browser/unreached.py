"""Why a page did not come into the browser, as the same errors that a fetch over HTTP ends with."""

from __future__ import annotations

import re

from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError, DownloadFailedError

from crawlers.page_error import ProxyTrouble, UnsafeAddress

NETWORK_ERROR = re.compile(r"net::(ERR_\w+)")
BROKEN_OFF = re.compile(
    "ERR_(?:CONNECTION|SOCKET|TUNNEL|PROXY_CONNECTION|EMPTY_RESPONSE|INCOMPLETE|CONTENT_LENGTH|HTTP2|TIMED_OUT"
    "|NETWORK_CHANGED|ADDRESS_UNREACHABLE)"
)


def of_egress(error: Exception) -> Exception:
    """What the egress met when it could not connect, as an error that may be tried again where that may help."""
    if isinstance(error, UnsafeAddress | CannotResolveHostError | DownloadFailedError):
        return error
    if isinstance(error, ConnectionRefusedError):
        return DownloadConnectionRefusedError("the server refused the connection")
    said = "no connection in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return DownloadFailedError(said)


def of_browser(said: str, proxy: str | None = None) -> Exception | None:
    """What the browser itself says of the network, asked through that proxy; None where it says nothing of it."""
    found = NETWORK_ERROR.search(said)
    if found is None:
        return None
    name, words = found[1], f"the browser says {found[1]}"
    if name == "ERR_CONNECTION_REFUSED":
        return DownloadConnectionRefusedError(words)
    if name == "ERR_NAME_NOT_RESOLVED":
        return CannotResolveHostError(words)
    if proxy is not None and name.startswith("ERR_CERT"):
        what = f"leads to a server that cannot prove who it is: {words}"
        return ProxyTrouble(proxy, what, perhaps_the_hosts=True)
    return DownloadFailedError(words) if BROKEN_OFF.match(name) else None
