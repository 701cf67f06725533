"""Answers that no server gave, for reading."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crawlers.page import FetchedPage

NOW = datetime(2026, 1, 10, tzinfo=UTC)


def answer(
    body: bytes | str,
    *,
    role: str,
    url: str = "https://h.example/x",
    about: Mapping[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> FetchedPage:
    """An answer of 200 with this body."""
    content = body.encode() if isinstance(body, str) else body
    return FetchedPage(url, url, 200, headers, content, "http", role, about or {}, NOW)
