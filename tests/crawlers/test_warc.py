"""Pages in WARC files: what is written is read back from its offset, byte for byte."""

import contextlib
import errno
import gzip
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.warc import Position, WarcFile

AT = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
BODIES = st.lists(st.binary(max_size=2000), min_size=1, max_size=5)


def read_at(folder: Path, position: Position) -> tuple[Any, bytes]:
    """The record that starts at a position, and its body."""
    from fastwarc.warc import ArchiveIterator

    with (folder / position.file).open("rb") as file:
        file.seek(position.offset)
        record = next(iter(ArchiveIterator(file, parse_http=True)))
        return record, record.reader.read()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(BODIES)
def test_each_body_is_read_back_from_its_own_offset(tmp_path: Path, bodies: list[bytes]) -> None:
    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    headers = [("Content-Type", "text/html"), ("Transfer-Encoding", "chunked"), ("X-Two", "a"), ("X-Two", "b")]
    positions = [warc.write_response("http://a.example/", 200, headers, b, protocol="HTTP/1.1", at=AT) for b in bodies]
    warc.close()
    for position, body in zip(positions, bodies, strict=True):
        record, read = read_at(tmp_path, position)
        assert record.headers["WARC-Target-URI"] == "http://a.example/"
        assert record.http_headers.status_code == 200
        assert "Transfer-Encoding" not in record.http_headers
        assert [v for k, v in record.http_headers.astuples() if k == "X-Two"] == ["a", "b"]
        assert read == body


def test_what_a_browser_drew_is_a_resource(tmp_path: Path) -> None:
    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    position = warc.write_drawn("http://a.example/app", b"<p>drawn", content_type="text/html; charset=utf-8", at=AT)
    warc.close()
    record, read = read_at(tmp_path, position)
    assert record.headers["WARC-Type"] == "resource"
    assert record.headers["Content-Type"] == "text/html; charset=utf-8"
    assert record.headers["WARC-Date"] == "2026-03-04T05:06:07.000890Z"
    assert read == b"<p>drawn"


def test_a_record_is_on_disk_before_its_position_is_known_and_is_a_gzip_member_of_its_own(tmp_path: Path) -> None:
    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    first = warc.write_response("http://a.example/1", 200, [], b"one", protocol="HTTP/1.1", at=AT)
    second = warc.write_response("http://a.example/2", 200, [], b"two", protocol="HTTP/1.1", at=AT)
    written = (tmp_path / first.file).read_bytes()  # the file is still open
    warc.close()
    assert gzip.decompress(written[first.offset : second.offset]).endswith(b"one\r\n\r\n")
    assert gzip.decompress(written[second.offset :]).endswith(b"two\r\n\r\n")
    assert gzip.decompress(written[: first.offset]).startswith(b"WARC/1.1\r\nWARC-Type: warcinfo")


def test_a_crawl_that_kept_nothing_leaves_no_file(tmp_path: Path) -> None:
    WarcFile(tmp_path, "forum", {}).close()
    assert not list(tmp_path.rglob("*.gz"))


def test_a_write_that_fails_in_the_middle_leaves_no_half_record(tmp_path: Path) -> None:
    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    whole = warc.write_response("http://a.example/1", 200, [], b"one", protocol="HTTP/1.1", at=AT)
    real, size = warc._file, (tmp_path / whole.file).stat().st_size

    class FullDisk:
        """Takes ten bytes, then no more."""

        def write(self, member: bytes) -> int:
            if real.tell() > size:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(real.write(member[:10]))

        truncate, seek, close = real.truncate, real.seek, real.close

    warc._file = FullDisk()
    with pytest.raises(OSError, match="No space left"):
        warc.write_response("http://a.example/2", 200, [], b"two", protocol="HTTP/1.1", at=AT)
    warc.close()
    assert (tmp_path / whole.file).stat().st_size == size
    assert read_at(tmp_path, whole)[1] == b"one"


def test_a_torn_tail_leaves_what_comes_before_it_readable_and_a_new_process_writes_elsewhere(tmp_path: Path) -> None:
    from fastwarc.warc import ArchiveIterator
    from warcio.archiveiterator import ArchiveIterator as Warcio
    from warcio.exceptions import ArchiveLoadFailed

    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    of_torn = (OSError, EOFError, zlib.error, ArchiveLoadFailed, AttributeError)
    bodies = [f"body {n} ".encode() * 200 for n in range(4)]
    positions = [warc.write_response("http://a.example/", 200, [], b, protocol="HTTP/1.1", at=AT) for b in bodies]
    warc.close()
    path = tmp_path / positions[0].file
    whole = path.read_bytes()
    for cut in range(positions[3].offset + 1, len(whole), 7):  # as SIGKILL or a full disk may leave it
        path.write_bytes(whole[:cut])
        for reader, content in ((ArchiveIterator, "reader"), (Warcio, "content_stream")):
            seen: list[bytes] = []
            # Whatever a reader says of the torn record (warcio stumbles over half a header), it gave the others first.
            with path.open("rb") as file, contextlib.suppress(*of_torn):
                for record in reader(file):
                    stream = getattr(record, content)
                    seen.append((stream() if callable(stream) else stream).read())
            assert [body for body in bodies[:3] if any(body in one for one in seen)] == bodies[:3]
    assert read_at(tmp_path, positions[2])[1] == bodies[2]
    again = WarcFile(tmp_path, "forum", {"software": "tilth"})
    assert (
        again.write_response("http://a.example/", 200, [], b"new", protocol="HTTP/1.1", at=AT).file != positions[0].file
    )
    again.close()


def test_another_reader_finds_the_digest_that_it_computes(tmp_path: Path) -> None:
    from warcio.archiveiterator import ArchiveIterator as Warcio

    warc = WarcFile(tmp_path, "forum", {"software": "tilth"})
    position = warc.write_response("http://a.example/", 200, [("X-Odd", "ü\u2019")], b"one", protocol="HTTP/1.1", at=AT)
    warc.write_drawn("http://a.example/", b"drawn", content_type="text/html; charset=utf-8", at=AT)
    warc.close()
    with (tmp_path / position.file).open("rb") as file:
        for record in Warcio(file, check_digests="raise"):
            record.content_stream().read()
