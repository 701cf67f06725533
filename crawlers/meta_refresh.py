"""Redirects that a page's markup asks for, looked for only in pages that have any."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.http import Response

LOOKED_AT = 4_096
"""Characters, as many as Scrapy looks at; in UTF-16 or UTF-32 they are more bytes, with zeros between."""


class MetaRefresh(MetaRefreshMiddleware):
    """Scrapy's own, which decodes every page to look for one; hardly any has one."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The page, or the request for where it leads."""
        head = response.body[: 4 * LOOKED_AT].replace(b"\0", b"").lower()
        if b"refresh" not in head:
            return response
        found: Request | Response = super().process_response(request, response)
        return found
