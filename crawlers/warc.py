"""Pages byte for byte in WARC 1.1 files: one gzip member a record, each record on disk before anything points at it.

https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/

A response is kept as the server sent it, still compressed where it was; a page that a browser drew is a `resource`,
since it is no answer of any server. Records are put together here: with warcio that is a tenth of a crawl's work.
"""

import base64
import gzip
import hashlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

LEVEL = 6  # 9 is three times the work for 1 to 2% of the size
PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Position:
    """Where a record starts: a file, relative to the project folder, and an offset in bytes."""

    file: str
    offset: int


class WarcFile:
    """One file that is appended to, made when its first record comes.

    Args:
        project_folder: The file lies in its `warc/`.
        source_name: Stands in the file's name, with the time and the process id: no two crawls share a file.
        about: What the file says of itself, such as the software and the user agent.
    """

    def __init__(self, project_folder: Path, source_name: str, about: dict[str, str]) -> None:
        stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"
        self.relative = f"warc/{source_name}-{stamp}-{os.getpid()}.warc.gz"
        self._path = project_folder / self.relative
        self._about = about
        self._file: Any = None
        self._offset = 0

    def write_response(
        self, url: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, protocol: str, at: datetime
    ) -> Position:
        """Keep a response: status line, headers, body with its content coding."""
        # The transfer coding is undone when a body arrives here; a reader would try to undo it once more.
        kept = [(name, value) for name, value in headers if name.lower() not in ("transfer-encoding", "content-length")]
        head = _lines(f"{protocol} {status} {PHRASES.get(status, '')}".rstrip(), [*kept, ("Content-Length", len(body))])
        named = [("WARC-Target-URI", url), ("WARC-Payload-Digest", f"sha1:{_base32(body)}")]
        return self._append("response", at, named, "application/http; msgtype=response", head + body)

    def write_drawn(self, url: str, body: bytes, *, content_type: str, at: datetime) -> Position:
        """Keep the document that a browser had drawn."""
        named = [("WARC-Target-URI", url), ("WARC-Payload-Digest", f"sha1:{_base32(body)}")]
        return self._append("resource", at, named, content_type, body)

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return self._offset

    def close(self) -> None:
        """Close the file; what was written is there already."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(
        self, kind: str, at: datetime, named: list[tuple[str, str]], content_type: str, block: bytes
    ) -> Position:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
            about = b"".join(f"{name}: {value}\r\n".encode() for name, value in self._about.items())
            file = [("WARC-Filename", self._path.name)]
            self._write("warcinfo", datetime.now(UTC), file, "application/warc-fields", about)
        position = Position(self.relative, self._offset)
        self._write(kind, at, named, content_type, block)
        return position

    def _write(self, kind: str, at: datetime, named: list[tuple[str, str]], content_type: str, block: bytes) -> None:
        headers = [
            ("WARC-Type", kind),
            ("WARC-Record-ID", f"<urn:uuid:{uuid.uuid4()}>"),
            ("WARC-Date", at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
            *named,
            ("Content-Type", content_type),
            ("Content-Length", len(block)),
        ]
        member = gzip.compress(b"".join((_lines("WARC/1.1", headers), block, b"\r\n\r\n")), LEVEL, mtime=0)
        try:
            done = self._file.write(member)
            while done < len(member):  # a raw file may take less than it is given
                done += self._file.write(member[done:])
        except OSError:
            self._file.truncate(self._offset)  # leave no half record
            self._file.seek(self._offset)
            raise
        self._offset += len(member)


def _lines(first: str, headers: Iterable[tuple[str, object]]) -> bytes:
    """A first line and headers, as HTTP and WARC write them; in Latin-1, as they came."""
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _base32(body: bytes) -> str:
    return base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()


def read_answer(path: Path, offset: int) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers (names in lower case) and body of an answer that was kept, its content coding undone.

    Raises:
        OSError: The file is not there.
        ValueError: No whole answer lies there.
    """
    from fastwarc.warc import ArchiveIterator

    with path.open("rb") as file:
        file.seek(offset)
        for record in ArchiveIterator(file, parse_http=True, auto_decode="all"):
            headers = record.http_headers if record.http_headers is not None else record.headers
            return tuple((name.lower(), value) for name, value in headers), record.reader.read()
    raise ValueError(f"{path} holds no answer at {offset}")
