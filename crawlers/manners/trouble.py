"""Which answers and errors pass by themselves, and how a request waits for that in the frontier."""

from __future__ import annotations

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    ResponseDataLossError,
)

from crawlers.page_error import KeptConnectionBroke, ProxyTrouble
from crawlers.scope import host_of

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be others a little later."""
UNREACHED = (CannotResolveHostError, DownloadConnectionRefusedError)
"""No connection: whatever else is asked of the host will fare no better."""
BROKEN = (DownloadFailedError, ResponseDataLossError)
"""No whole answer: the host's trouble, or that of a page which its server cannot make."""
OF_ANOTHER_TRY = ("download_slot", "download_latency", "answer", "warc", "fetched_at")


def broke_off(error: BaseException) -> bool:
    """Whether a connection gave no whole answer.

    A proxy is no host, and every server ends the connections that it kept. A host that said nothing for the whole time
    of a page is not meant: it is not asked twice more.
    """
    return isinstance(error, BROKEN) and not isinstance(error, ProxyTrouble | KeptConnectionBroke)


def came_from_elsewhere(request: Request) -> bool:
    """Whether redirects led the request to another host than it was asked of."""
    hops: list[str] = request.meta.get("redirect_urls") or []
    return bool(hops) and host_of(hops[0]) != host_of(request.url)


def put_back(request: Request, not_before: float, *, tries: int | None = None) -> Request:
    """A copy for the scheduler: to be asked at `not_before` (epoch seconds) or later.

    Args:
        request: As it was sent, or was about to be.
        not_before: Goes into the copy's meta.
        tries: How often it was sent in vain; None leaves the number as it is, where it was not sent.
    """
    again = request.replace(dont_filter=True)
    for name in OF_ANOTHER_TRY:
        again.meta.pop(name, None)
    again.meta["not_before"] = not_before
    if tries is not None:
        again.meta["tries"] = tries
    return again
