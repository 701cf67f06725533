"""Redirects that a page's markup asks for, looked for only in pages that have any."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.http import Response
from scrapy.settings import BaseSettings

from crawlers.scope import canonical_url, identity_of

LONGEST_DELAY = 10
"""Seconds: a page that stays longer is there to be read, and not only on the way to another."""
LOOKED_AT = 4_096
"""Characters, as many as Scrapy looks at; in UTF-16 or UTF-32 they are more bytes, with zeros between."""


class MetaRefresh(MetaRefreshMiddleware):
    """Scrapy's own, which decodes every page to look for one, and leaves a page that only shows itself anew."""

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        self._maxdelay = LONGEST_DELAY + 1

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The page, or the request for where it leads."""
        head = response.body[: 4 * LOOKED_AT].replace(b"\0", b"").lower()
        if b"refresh" not in head:
            return response
        found: Request | Response = super().process_response(request, response)
        if isinstance(found, Request) and _page(found.url) == _page(response.url):
            return response
        return found


def _page(url: str) -> str | None:
    canonical = canonical_url(url)
    return identity_of(canonical) if canonical else None
