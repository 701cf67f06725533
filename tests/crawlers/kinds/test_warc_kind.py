"""Records out of WARC files."""

import gzip
import io
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from crawlers.declaration import SourceError
from crawlers.extraction.warc_pages import WarcReading, warc_pages
from crawlers.kinds import read_source
from crawlers.kinds.warc import PagesUnread, Source, batches
from crawlers.page import FoundRecord
from crawlers.reading.file_records import NoFiles
from crawlers.warc import WarcFile

AT = datetime(2026, 1, 1, tzinfo=UTC)
HTML = [("Content-Type", "text/html; charset=utf-8")]


def source(**declared: object) -> Source:
    shape = {"item": "article", "key": "::attr(id)", "fields": {"text": "p"}, "workers": 1}
    found = read_source({"name": "again", "kind": "warc", **shape, **declared})
    assert isinstance(found, Source)
    return found


def post(number: int) -> bytes:
    return f"<article id={number}><p>Post number {number}</p></article>".encode()


def kept(folder: Path, name: str = "forum", posts: int = 5) -> Path:
    warc = WarcFile(folder, name, {"software": "test"})
    for number in range(posts):
        headers = [*HTML, ("Content-Encoding", "gzip")] if number % 2 else HTML
        body = gzip.compress(post(number)) if number % 2 else post(number)
        warc.write_response(f"http://a.example/{number}", 200, headers, body, protocol="HTTP/1.1", at=AT)
    warc.close()
    return folder / warc.relative


def said(found: list[FoundRecord]) -> list[tuple[str | None, str | None, str | None]]:
    return [(record.natural_key, record.text, record.url) for record in found]


def wanted(numbers: range) -> list[tuple[str, str, str]]:
    return [(str(n), f"Post number {n}", f"http://a.example/{n}") for n in numbers]


def test_the_projects_own_pages_of_a_source_are_read_again_and_no_other_sources(tmp_path: Path) -> None:
    kept(tmp_path)
    kept(tmp_path, "forum-old", posts=9)
    (records,) = batches(source(from_source="forum"), tmp_path)
    assert said(records) == wanted(range(5))


def test_only_html_that_was_there_is_a_page_and_a_drawn_document_is_one(tmp_path: Path) -> None:
    warc = WarcFile(tmp_path, "x", {})
    warc.write_response("http://a.example/404", 404, HTML, post(404), protocol="HTTP/1.1", at=AT)
    warc.write_response("http://a.example/png", 200, [("Content-Type", "image/png")], post(1), protocol="h2", at=AT)
    warc.write_response(
        "http://a.example/robots.txt", 200, [("Content-Type", "text/plain")], b"x", protocol="h2", at=AT
    )
    warc.write_drawn("http://a.example/7", post(7), content_type="text/html; charset=utf-8", at=AT)
    warc.close()
    (records,) = batches(source(files=["warc/*.warc.gz"]), tmp_path)
    assert said(records) == wanted(range(7, 8))


def records_of_another(bodies: list[bytes], *headers: bytes) -> list[bytes]:
    """Responses as another producer writes them."""
    lines = b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: text/html", *headers])
    return [
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
        "WARC-Date: 2020-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-00000000000{number}>\r\n"
        f"Content-Length: {len(lines) + 4 + len(body)}\r\n\r\n".encode()
        + lines
        + b"\r\n\r\n"
        + body
        + b"\r\n\r\n"
        for number, body in enumerate(bodies)
    ]


@pytest.mark.parametrize("noise", [0, 50_000])
@pytest.mark.parametrize("a_member", [1, 2, 4])
def test_records_that_share_a_gzip_member_are_read_and_a_cut_in_one_is_said(
    tmp_path: Path, a_member: int, noise: int
) -> None:
    random = Random(0)
    bodies = [post(number) + random.randbytes(noise).hex().encode() for number in range(4)]
    records = records_of_another(bodies)
    packed = [gzip.compress(b"".join(records[n : n + a_member])) for n in range(0, 4, a_member)]
    path = tmp_path / "other.warc.gz"
    path.write_bytes(b"".join(packed))
    reading = WarcReading(path)
    assert [page.body for page in warc_pages(reading)] == bodies
    assert reading.trouble is None
    for cut in (3, len(packed[-1]) // 2):
        path.write_bytes(b"".join(packed)[:-cut])
        reading = WarcReading(path)
        found = [page.body for page in warc_pages(reading)]
        assert found == bodies[: len(found)]
        assert reading.trouble is not None and "breaks off" in reading.trouble


def test_deflate_without_its_head_is_undone(tmp_path: Path) -> None:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(post(1)) + deflate.flush()
    undone = post(2)  # the header of a coding that its producer took off
    for name, body in (("raw", packed), ("head", zlib.compress(post(1))), ("none", undone)):
        (tmp_path / name).write_bytes(b"".join(records_of_another([body], b"Content-Encoding: deflate")))
    assert [[page.body for page in warc_pages(WarcReading(tmp_path / name))] for name in ("raw", "head", "none")] == [
        [post(1)],
        [post(1)],
        [post(2)],
    ]


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_file_of_another_producer_is_read_chunked_revisits_and_all(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (post(1)[:9], post(1)[9:], b""))
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    undone = http.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + post(2)  # the header of a coding that was undone
    records = [("response", "1", http), ("revisit", "1", http[:60]), ("request", "1", b"GET / HTTP/1.1\r\n\r\n")]
    file = b"".join(
        packed(
            f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: <http://a.example/{key}>\r\n"
            f"WARC-Date: 2020-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype={kind}\r\n"
            f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-00000000000{key}>\r\n"
            f"Content-Length: {len(block)}\r\n\r\n".encode()
            + block
            + b"\r\n\r\n"
        )
        for kind, key, block in [*records, ("response", "2", undone)]
    )
    (tmp_path / "other.warc").write_bytes(file)
    (found,) = batches(source(files=["other.warc"]), tmp_path)
    assert said(found) == wanted(range(1, 3))


def test_zstd_is_read(tmp_path: Path) -> None:
    from fastwarc.stream_io import ZstdWriter

    path = kept(tmp_path)
    packed = io.BytesIO()
    writer = ZstdWriter(packed)
    writer.write(gzip.decompress(path.read_bytes()))
    writer.close()
    (tmp_path / "one.warc.zst").write_bytes(packed.getvalue())
    (records,) = batches(source(files=["one.warc.zst"]), tmp_path)
    assert said(records) == wanted(range(5))


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_that_is_cut_anywhere_is_read_to_its_last_whole_record_and_says_so(
    tmp_path: Path, compressed: bool
) -> None:
    path = kept(tmp_path, posts=3)
    whole = path.read_bytes() if compressed else gzip.decompress(path.read_bytes())
    cut = tmp_path / "cut.warc.gz"
    silent = 0
    for length in range(len(whole) - 1, 5, -3):
        cut.write_bytes(whole[:length])
        reading = WarcReading(cut)
        bodies = [page.body for page in warc_pages(reading)]
        assert bodies == [post(number) for number in range(len(bodies))]
        silent += reading.trouble is None
        assert reading.trouble is None or "cut.warc.gz" in reading.trouble
    assert silent <= 8  # where a record ends, or in the blank lines behind one


def test_the_records_before_a_cut_are_given_before_it_is_said(tmp_path: Path) -> None:
    path = kept(tmp_path)
    path.write_bytes(path.read_bytes()[:-50])
    found: list[FoundRecord] = []
    with pytest.raises(PagesUnread, match="breaks off; its 4 pages"):
        for batch in batches(source(files=["warc/*"]), tmp_path):
            found.extend(batch)
    assert said(found) == wanted(range(4))


def test_what_is_no_warc_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / "warc" / "a.warc.gz").write_bytes(b"nothing of the kind " * 50)
    found: list[FoundRecord] = []
    with pytest.raises(PagesUnread, match=r"a\.warc\.gz is damaged or no WARC file"):
        for batch in batches(source(files=["warc/*"]), tmp_path):
            found.extend(batch)
    assert said(found) == wanted(range(5))


def test_pages_are_chosen_by_their_urls(tmp_path: Path) -> None:
    kept(tmp_path)
    (records,) = batches(source(from_source="forum", allow=[r"/[1-3]$"], deny=["/2"]), tmp_path)
    assert [record.natural_key for record in records] == ["1", "3"]


def test_pages_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(NoFiles, match='no pages of "forum"'):
        list(batches(source(from_source="forum"), tmp_path))
    with pytest.raises(NoFiles, match=r"archive/\*"):
        list(batches(source(files=["archive/*.warc.gz"]), tmp_path))


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ({}, "files"),
        ({"files": ["a"], "from_source": "b"}, "files"),
        ({"files": ["a"], "allow": ["("]}, "allow"),
        ({"files": ["a"], "start": ["http://a.example/"]}, "start"),
        ({"files": ["a"], "fields": {"text": "p", "image": "img"}}, "fields"),
    ],
)
def test_what_is_declared_wrongly_is_named(declared: dict[str, object], field: str) -> None:
    with pytest.raises(SourceError) as caught:
        source(**declared)
    assert caught.value.field[2] == field
