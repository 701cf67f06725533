"""A fetch as a row of the store's pages."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scrapy import Request
from scrapy.http import Response, TextResponse

from crawlers.frontier.queue import Fetched
from crawlers.page import Extraction, FetchedPage
from crawlers.rights.evidence import rights_of
from crawlers.scope import canonical_url
from store.page_id import page_id

NOTHING = Extraction()
NOT_GONE_TO = ("redirect: ", "robots: ", "rights: ", "unsafe: ")
"""How errors begin that name where a redirect leads that was not followed."""


@dataclass(frozen=True)
class PageEnd:
    """What became of a page.

    Attributes:
        error: Why it could not be had or read, as `kind: a sentence`.
        unchanged: By what it is known to be as it was: `validator`, `body` or `text`.
        page: What was read, where an answer came.
        extraction: What it gave.
    """

    error: str | None = None
    unchanged: str | None = None
    page: FetchedPage | None = None
    extraction: Extraction = NOTHING


def body_of(response: Response) -> bytes:
    """What the page says: as sent, or as the browser drew it, which has no coding of its own and is kept as UTF-8."""
    if "playwright" in response.flags and isinstance(response, TextResponse):
        return response.text.encode()
    return response.body


def fetched_page(request: Request, response: Response) -> FetchedPage:
    """An answer as a source reads it."""
    meta = request.meta
    return FetchedPage(
        url=meta["asked"],
        final_url=canonical_url(response.url) or response.url,
        status=response.status,
        headers=meta.get("sent", ()),
        body=body_of(response),
        rendered="browser" if "playwright" in response.flags else "http",
        role=meta["role"],
        about=meta["about"],
        fetched_at=meta.get("fetched_at") or datetime.now(UTC),
    )


def page_row(request: Request, source_id: str, end: PageEnd, known: Fetched, *, rights: bool = True) -> dict[str, Any]:
    """The row, times as ISO 8601; without what is said of its rights where that cannot be read."""
    meta: Mapping[str, Any] = request.meta
    at = meta.get("fetched_at") or datetime.now(UTC)
    status, headers = meta.get("answer", (None, {}))
    warc, page = meta.get("warc"), end.page
    final = page.final_url if page is not None else canonical_url(request.url)
    if end.error and end.error.startswith(NOT_GONE_TO):
        final = None  # nothing came from there
    not_modified = end.unchanged == "validator" or (page is not None and status == 304)
    body = None if page is None or status == 304 else page.body
    sent = page.headers if page is not None else ()
    if page is None or status == 304:  # what is read then is an earlier answer, and what this one says counts too
        sent += tuple(headers.items())
    return {
        "page_id": page_id(source_id, meta["asked"], at),
        "url": meta["asked"],
        "final_url": final if status is not None else None,
        "fetched_at": at.isoformat(timespec="microseconds"),
        "status": status,
        "content_type": headers.get("content-type"),
        "etag": headers.get("etag"),
        "last_modified": headers.get("last-modified"),
        "body_hash": known.body_hash if not_modified else _sha256(body),
        "body_bytes": len(body) if body is not None else None,
        "seconds": meta.get("download_latency"),
        # The bytes behind what a page that was not sent again gave are those of the earlier answer.
        "warc_file": known.warc_file if not_modified else warc.file if warc else None,
        "warc_offset": known.warc_offset if not_modified else warc.offset if warc else None,
        "robots": meta.get("robots"),
        "rights": rights_of(meta, final or meta["asked"], sent, end.extraction.rights) if rights else None,
        "rendered": "browser" if meta.get("playwright") else "http",
        "depth": meta["depth"],
        "error": end.error,
        "unchanged": end.unchanged,
    }


def to_remember(row: Mapping[str, Any], source_id: str, end: PageEnd, known: Fetched) -> Fetched:
    """What the frontier keeps of a page for the next time."""
    asked = replace(known, fetched_at=datetime.fromisoformat(row["fetched_at"]).timestamp(), page_id=row["page_id"])
    if row["status"] is None or not 200 <= row["status"] < 300:  # what it was before stays known
        was_read = end.extraction is not NOTHING or (end.unchanged and end.error is None)
        return replace(
            asked,
            status=known.status if end.unchanged else row["status"],
            etag=row["etag"] or known.etag,
            last_modified=row["last_modified"] or known.last_modified,
            text_hash=end.extraction.text_hash or known.text_hash,
            source_id=source_id if was_read else known.source_id,
            gave_records=_gave(end) if end.extraction is not NOTHING else known.gave_records,
        )
    return replace(
        asked,
        status=row["status"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        body_hash=row["body_hash"],
        text_hash=known.text_hash if end.unchanged == "body" else end.extraction.text_hash,
        warc_file=row["warc_file"],
        warc_offset=row["warc_offset"],
        source_id=source_id,
        gave_records=known.gave_records if end.unchanged else _gave(end),
    )


def _gave(end: PageEnd) -> int | None:
    return None if end.error else len(end.extraction.records)


def _sha256(body: bytes | None) -> str | None:
    return hashlib.sha256(body).hexdigest() if body is not None else None
