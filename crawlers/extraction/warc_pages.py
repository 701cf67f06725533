"""The pages of WARC files, as they were answered, of whatever producer.

WARC 1.0 and 1.1 (ISO 28500), plain or compressed with gzip or zstd. Responses are pages, and so are resources that are
HTML: documents that a browser drew. Revisits, which only say that a page was as before, are passed by.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from crawlers.extraction.html_text import HTML_TYPES, why_not_html
from crawlers.page import FetchedPage, Rendered

LARGEST_BODY = 32 * 2**20
"""Bytes, packed or unpacked; what is larger is no page that people would read."""
GZIP = b"\x1f\x8b"


@dataclass
class WarcReading:
    """How the reading of one file goes.

    Attributes:
        pages: How many HTML pages it gave.
        trouble: Why it could not be read to its end, as a sentence that names the file; None while all is well.
    """

    path: Path
    pages: int = 0
    trouble: str | None = None

    @property
    def what_was_read(self) -> str:
        """The end of a sentence about a trouble."""
        return f"its {self.pages} {'page' if self.pages == 1 else 'pages'} before that were read"


def warc_pages(reading: WarcReading) -> Iterator[FetchedPage]:
    """The HTML pages of a file that the server said were there (status 200 to 299), in their order.

    A file that breaks off, or is damaged, is read to its last whole record; `reading.trouble` then says so.
    """
    name = reading.path.name
    try:
        with reading.path.open("rb") as file:
            last = 0
            for record in _whole_records(file, reading):
                last = record.stream_pos
                page = _page(record)
                if page is not None:
                    reading.pages += 1
                    yield page
            if reading.trouble is None and _broken(file, last):
                reading.trouble = _broken_off(reading)
    except OSError as error:
        said = " ".join(str(error).split())
        reading.trouble = f"{name} is damaged or no WARC file ({said}); {reading.what_was_read}."


def _whole_records(file: BinaryIO, reading: WarcReading) -> Iterator[Any]:
    from fastwarc.warc import ArchiveIterator

    # Bodies are decoded elsewhere: fastwarc loses its place in the file where one is not what its coding says. It is
    # given no path, for that it would judge by its ending.
    for record in ArchiveIterator(file, parse_http=False, auto_decode="none"):
        declared = record.headers.get("Content-Length") or ""
        if declared.isdigit() and int(declared) > LARGEST_BODY:
            continue
        record.freeze()
        if not declared.isdigit() or record.content_length < int(declared):
            reading.trouble = _broken_off(reading)
            return
        yield record


def _broken_off(reading: WarcReading) -> str:
    return f"{reading.path.name} breaks off; {reading.what_was_read}."


def _page(record: Any) -> FetchedPage | None:
    from fastwarc.warc import WarcRecordType

    url = (record.headers.get("WARC-Target-URI") or "").strip("<> ")
    if not url.startswith(("http:", "https:")):
        return None
    rendered: Rendered = "http"
    headers: tuple[tuple[str, str], ...]
    if record.record_type == WarcRecordType.resource:
        status, headers, rendered = 200, (("content-type", record.headers.get("Content-Type") or ""),), "browser"
    elif record.record_type == WarcRecordType.response and record.is_http and _parsed(record):
        status = record.http_headers.status_code or 0
        headers = tuple((name.lower(), value) for name, value in record.http_headers)
    else:
        return None
    sent = dict(reversed(headers))
    kind = sent.get("content-type")
    named = (kind or "").split(";")[0].strip().lower()
    if not 200 <= status < 300 or (named and named not in HTML_TYPES):
        return None
    body = _decoded(record.reader.read(), sent)
    if body is None or why_not_html(kind, body):
        return None
    at = record.record_date or datetime.fromtimestamp(0, UTC)
    return FetchedPage(url, url, status, headers, body, rendered, "page", {}, at)


def _parsed(record: Any) -> bool:
    try:
        record.parse_http()
    except OSError:
        return False
    return record.http_headers is not None


def _decoded(body: bytes, headers: dict[str, str]) -> bytes | None:
    """The body without its transfer and content coding; None where it cannot be had, or is too large.

    Producers keep the headers of codings that they have undone: a body that is not in the coding is left as it is.
    """
    from fastwarc import stream_io

    readers = {
        "chunked": lambda packed: stream_io.ChunkedReader(packed, fsspec_args=False),
        "gzip": lambda packed: stream_io.GzipReader(packed, fsspec_args=False),
        "x-gzip": lambda packed: stream_io.GzipReader(packed, fsspec_args=False),
        "deflate": lambda packed: stream_io.GzipReader(packed, zlib=True, fsspec_args=False),
        "br": lambda packed: stream_io.BrotliReader(packed, fsspec_args=False),
        "zstd": lambda packed: stream_io.ZstdReader(packed, fsspec_args=False),
    }
    codings = f"{headers.get('content-encoding', '')},{headers.get('transfer-encoding', '')}".lower()
    for coding in reversed([one.strip() for one in codings.split(",")]):
        if coding not in readers:
            continue
        try:
            body = readers[coding](io.BytesIO(body)).read(LARGEST_BODY + 1)
        except (OSError, ValueError):
            body = _without_head(body) if coding == "deflate" else body
        if len(body) > LARGEST_BODY:
            return None
    return body


def _without_head(packed: bytes) -> bytes:
    """What some servers call deflate, without the head that it should have; what is not packed so is left as it is."""
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    with suppress(zlib.error):
        body = inflate.decompress(packed, LARGEST_BODY + 1)
        if inflate.eof or len(body) > LARGEST_BODY:
            return body
    return packed


def _broken(file: BinaryIO, last: int) -> bool:
    """Whether a gzip file ends within one of the gzip members that it is made of, or behind them in what is none.

    Of another file, what is cut can be told by the length that its last record has.

    Args:
        file: A WARC file.
        last: Where its last whole record begins, as fastwarc says. That is where a member begins, which spares going
            through those before it, unless several records share one.
    """
    for start in dict.fromkeys((last, 0)):
        file.seek(start)
        if file.read(2) == GZIP:
            file.seek(start)
            with suppress(zlib.error):
                return _ends_in_a_member(file)
        elif start == 0:
            return False
    return True


def _ends_in_a_member(file: BinaryIO) -> bool:
    """Whether the gzip members from here on end before the last of them is whole, or in what is no member.

    Raises:
        zlib.error: It is no gzip member that begins here, or one is damaged.
    """
    inflate = zlib.decompressobj(wbits=31)
    while piece := file.read(2**16):
        while piece:
            if inflate.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                inflate = zlib.decompressobj(wbits=31)
            inflate.decompress(piece, 2**20)
            piece = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
    return not inflate.eof
