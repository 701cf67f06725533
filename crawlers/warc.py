"""Pages byte for byte in WARC 1.1 files: one gzip member a record, each record on disk before anything points at it.

A response is kept as the server sent it, still compressed where it was; a page that a browser drew is a `resource`,
since it is no answer of any server.
"""

import gzip
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

LEVEL = 6  # warcio's own gzip uses 9: three times the work for 1 to 2% of the size


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
        from warcio.warcwriter import WARCWriter

        stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S%f}"
        self.relative = f"warc/{source_name}-{stamp}-{os.getpid()}.warc.gz"
        self._path = project_folder / self.relative
        self._about = about
        self._file: Any = None
        self._offset = 0
        self._builder = WARCWriter(BytesIO(), gzip=False, warc_version="1.1")

    def write_response(
        self, url: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, protocol: str, at: datetime
    ) -> Position:
        """Keep a response: status line, headers, body with its content coding."""
        from warcio.statusandheaders import StatusAndHeaders

        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        # The transfer coding is undone when a body arrives here; a reader would try to undo it once more.
        kept = [(name, value) for name, value in headers if name.lower() not in ("transfer-encoding", "content-length")]
        http = StatusAndHeaders(f"{status} {phrase}".strip(), [*kept, ("Content-Length", str(len(body)))], protocol)
        record = self._builder.create_warc_record(
            url, "response", payload=BytesIO(body), length=len(body), http_headers=http, warc_headers_dict=_dated(at)
        )
        return self._append(record)

    def write_drawn(self, url: str, body: bytes, *, content_type: str, at: datetime) -> Position:
        """Keep the document that a browser had drawn."""
        record = self._builder.create_warc_record(
            url,
            "resource",
            payload=BytesIO(body),
            length=len(body),
            warc_content_type=content_type,
            warc_headers_dict=_dated(at),
        )
        return self._append(record)

    @property
    def size(self) -> int:
        """Bytes that were written."""
        return self._offset

    def close(self) -> None:
        """Close the file; what was written is there already."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, record: Any) -> Position:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
            self._write(self._builder.create_warcinfo_record(self._path.name, self._about))
        position = Position(self.relative, self._offset)
        self._write(record)
        return position

    def _write(self, record: Any) -> None:
        self._builder.out = BytesIO()
        self._builder.write_record(record)
        member = gzip.compress(self._builder.out.getvalue(), LEVEL, mtime=0)
        try:
            done = self._file.write(member)
            while done < len(member):  # a raw file may take less than it is given
                done += self._file.write(member[done:])
        except OSError:
            self._file.truncate(self._offset)  # leave no half record
            self._file.seek(self._offset)
            raise
        self._offset += len(member)


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


def _dated(at: datetime) -> dict[str, str]:
    return {"WARC-Date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
