"""Answers as a crawl hands them to a reader."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crawlers.page import FetchedPage

URL = "http://a.example/list/1"


def answer(
    body: bytes | str,
    *,
    url: str = URL,
    content_type: str | None = "text/html; charset=utf-8",
    role: str = "page",
    about: Mapping[str, Any] | None = None,
    more_headers: tuple[tuple[str, str], ...] = (),
) -> FetchedPage:
    """A page as it was answered."""
    sent = body.encode() if isinstance(body, str) else body
    headers = ((("content-type", content_type),) if content_type else ()) + more_headers
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return FetchedPage(url, url, 200, headers, sent, "http", role, about or {}, at)
