"""Reading sitemaps: what they name, and what is refused of documents that were made to do harm."""

import gzip
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.reading.sitemap_xml import Named, newest_first, read_sitemap
from crawlers.reading.times import w3c_time

AT = "https://h.example/sitemap.xml"
URLSET = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url><loc> https://h.example/a?x=1&amp;y=2 </loc><lastmod>2026-01-02</lastmod>
    <image:image><image:loc>https://h.example/a.png</image:loc></image:image></url>
  <url><loc>https://h.example/b</loc></url>
  <url><loc>https://h.example/b</loc></url>
</urlset>"""
NAMED = ["https://h.example/a?x=1&y=2", "https://h.example/b"]


def urls(body: bytes) -> list[str]:
    sitemap = read_sitemap(body, AT)
    assert sitemap.trouble is None
    return [named.url for named in sitemap.named]


def test_a_urlset_names_each_page_once_and_no_image() -> None:
    assert urls(URLSET) == NAMED


def test_lastmod_is_when_a_page_changed() -> None:
    assert [named.changed for named in read_sitemap(URLSET, AT).named] == [datetime(2026, 1, 2, tzinfo=UTC), None]


@pytest.mark.parametrize("times", [1, 2])
def test_gzip_is_told_by_its_bytes(times: int) -> None:
    body = URLSET
    for _ in range(times):
        body = gzip.compress(body)
    assert urls(body) == NAMED


def test_gzip_files_one_after_another_are_one() -> None:
    assert urls(gzip.compress(URLSET[:100]) + gzip.compress(URLSET[100:]) + b"\0" * 512) == NAMED


def test_utf_16_is_understood() -> None:
    assert urls(URLSET.decode().replace("UTF-8", "UTF-16").encode("utf-16")) == NAMED


def test_what_stands_before_the_declaration_is_skipped() -> None:
    assert urls(b"\xef\xbb\xbf\n\n" + URLSET) == NAMED


def test_an_index_names_sitemaps() -> None:
    index = b"<sitemapindex><sitemap><loc>/part.xml.gz</loc><lastmod>2026-01</lastmod></sitemap></sitemapindex>"
    assert read_sitemap(index, AT).named == (
        Named("https://h.example/part.xml.gz", True, datetime(2026, 1, 1, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    "feed",
    [
        b"<rss version='2.0'><channel><link>https://h.example/</link><item><title>x</title>"
        b"<link>https://h.example/1</link><pubDate>Thu, 01 Jan 2026 00:00:00 GMT</pubDate></item></channel></rss>",
        b"<feed xmlns='http://www.w3.org/2005/Atom'><link href='/'/><entry><link rel='enclosure' href='/x.mp3'/>"
        b"<link href='https://h.example/1'/><updated>2026-01-01T00:00:00Z</updated></entry></feed>",
    ],
    ids=["rss", "atom"],
)
def test_a_feed_is_a_sitemap_of_its_entries(feed: bytes) -> None:
    assert read_sitemap(feed, AT).named == (Named("https://h.example/1", False, datetime(2026, 1, 1, tzinfo=UTC)),)


def test_a_text_file_names_a_page_a_line() -> None:
    assert urls(b"\xef\xbb\xbf# ours\nhttps://h.example/1\r\n\nhttps://h.example/\xe9") == [
        "https://h.example/1",
        "https://h.example/%E9",
    ]


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"hello\nworld", "it is neither XML nor a list of URLs"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "it is neither XML nor a list of URLs"),
        (b"<!doctype html><html><body>Not found</body></html>", "it is an HTML page, no sitemap"),
        (b"<?xml version='1.0'?><opml/>", "it is no sitemap: its first element is <opml>"),
        (b"<", "it is not XML"),
        (gzip.compress(URLSET)[:-40], "its gzip ends early"),
        (b"\x1f\x8b\x08\x00" + b"no gzip" * 9, "its gzip is damaged"),
        (b"<urlset>" + b"<a>" * 100_000, "its XML is not valid (Excessive depth in document"),
    ],
)
def test_what_is_no_sitemap_is_said(body: bytes, trouble: str) -> None:
    assert (read_sitemap(body, AT).trouble or "").startswith(trouble)


def test_what_was_read_before_the_xml_broke_stands() -> None:
    found = read_sitemap(b"<urlset><url><loc>https://h.example/1</loc></url><url><loc>https://h.exa", AT)
    assert [named.url for named in found.named] == ["https://h.example/1"]
    assert found.trouble is not None and found.trouble.startswith("its XML is not valid")


@pytest.mark.parametrize(
    ("loc", "url"),
    [
        (b"?a=1&b=2", "?a=1&b=2"),
        (b"?a=1&copy=2&amp;c=3&", "?a=1&copy=2&c=3&"),
        (b"caf\xe9", "caf%E9"),
        (b"\xc3\xa9\xe9", "\xe9%E9"),
        (b"a\x0b&b", "a&b"),
    ],
)
def test_a_mistake_in_one_url_costs_no_other(loc: bytes, url: str) -> None:
    entry = b"<url><loc>https://h.example/%s</loc></url>"
    rest = entry % b"?x=1&amp;y=2" + entry % b"<![CDATA[?x=3&y=4]]>"
    found = read_sitemap(b"<?xml version='1.0'?><urlset>" + entry % loc + rest + b"</urlset>", AT)
    assert [named.url for named in found.named] == [
        f"https://h.example/{path}" for path in (url, "?x=1&y=2", "?x=3&y=4")
    ]
    assert found.trouble is not None and found.trouble.startswith("its XML is not valid")


def test_a_namespace_may_be_any() -> None:
    found = read_sitemap(b"<urlset xmlns='a}b'><url><loc>https://h.example/1</loc></url></urlset>", AT)
    assert [named.url for named in found.named] == ["https://h.example/1"]


def test_a_document_in_another_encoding_is_mended_in_it() -> None:
    body = "<?xml version='1.0' encoding='windows-1252'?><urlset><url><loc>https://h.example/é?a&b</loc></url></urlset>"
    assert [named.url for named in read_sitemap(body.encode("cp1252"), AT).named] == ["https://h.example/é?a&b"]


@pytest.mark.parametrize(
    ("loc", "url"),
    [
        ("https://h.example/my file.html", "https://h.example/my%20file.html"),
        ("\n  https://h.example/\n    long\n", "https://h.example/long"),
        ("/a?u=http://other.example/", "https://h.example/a?u=http://other.example/"),
        ("//h.example/b", "https://h.example/b"),
        ("mailto:x@h.example", None),
    ],
)
def test_an_address_is_read_as_it_is_meant(loc: str, url: str | None) -> None:
    assert urls(f"<urlset><url><loc>{loc}</loc></url></urlset>".encode()) == ([url] if url else [])


LAUGHS = "<!ENTITY l0 'lol'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
HARM = {
    "billion laughs": f"<!DOCTYPE x [{LAUGHS}]><urlset><url><loc>https://h.example/&l9;</loc></url></urlset>",
    "quadratic": f"<!DOCTYPE x [<!ENTITY a '{'a' * 50_000}'>]><urlset><url><loc>https://h.example/"
    f"{'&a;' * 50_000}</loc></url></urlset>",
    "in an attribute": f"<!DOCTYPE x [<!ENTITY a '{'a' * 50_000}'>]><urlset a='{'&a;' * 20_000}'/>",
    "a file": "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
    "<urlset><url><loc>https://h.example/&f;</loc></url></urlset>",
    "a parameter entity": "<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x.dtd'> %p;]><urlset/>",
}


@pytest.mark.parametrize("name", HARM)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_at_once_and_never_expanded(name: str, encoding: str) -> None:
    tracemalloc.start()
    began = time.perf_counter()
    try:
        found = read_sitemap(HARM[name].encode(encoding), AT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.named == () and found.trouble is not None
    assert peak < 30 * 2**20 and time.perf_counter() - began < 2


def test_an_external_document_type_is_not_fetched() -> None:
    assert urls(b"<!DOCTYPE u SYSTEM 'http://127.0.0.1:1/x.dtd'>" + URLSET.split(b"\n", 1)[1]) == NAMED


def test_a_bomb_is_not_unpacked_past_the_limit() -> None:
    many = b"<urlset>" + b"<url><loc>https://h.example/1</loc></url>" + b"<a> </a>" * 1_000_000
    found = read_sitemap(gzip.compress(many), AT, largest=2**20)
    assert found.trouble == "it unpacks to over 1,048,576 bytes"
    assert len(found.named) == 1


def test_no_more_urls_are_taken_than_may_be() -> None:
    found = read_sitemap(b"\n".join(b"https://h.example/%d" % n for n in range(100)), AT, most_urls=10)
    assert len(found.named) == 10
    assert found.trouble == "it names more than 10 URLs; the rest was left out"


GROWTH = """
import resource
from crawlers.reading.sitemap_xml import read_sitemap
entry = b"<url><loc>https://h.example/%d</loc><x>" + b"y" * 1_000 + b"</x></url>"
read_sitemap(b"<urlset>" + entry % 0 + b"</urlset>", "https://h.example/")
body = b"<urlset>" + b"".join(entry % (n % 9) for n in range(40_000)) + b"</urlset>"
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert len(read_sitemap(body, "https://h.example/").named) == 9
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_document() -> None:
    ran = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 10 * 1024  # KiB, of a document of 40 MB


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    for begun in (b"", b"<urlset><url>"):
        sitemap = read_sitemap(begun + body, AT)
        assert sitemap.trouble, "neither is a whole sitemap"
        assert all(named.url for named in sitemap.named)


@given(st.lists(st.from_regex(r"https://h\.example/[a-z0-9/]{1,20}", fullmatch=True), min_size=1, max_size=20))
def test_every_url_that_is_written_is_read(given_urls: list[str]) -> None:
    written = "".join(f"<url><loc>{url}</loc></url>" for url in given_urls)
    assert urls(f"<urlset>{written}</urlset>".encode()) == list(dict.fromkeys(given_urls))


def test_the_newest_come_first_and_the_unknown_last() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    ages = [newest_first(w3c_time(said), now) for said in ("2026-01-10", "2026-01-01", "1999", "2030-01-01")]
    assert ages == [3650, 3641, 0, 3650]
    assert newest_first(None, now) == 0


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026", "2026-01-01T00:00:00+00:00"),
        ("2026-03", "2026-03-01T00:00:00+00:00"),
        ("2026-03-04", "2026-03-04T00:00:00+00:00"),
        ("2026-03-04T05:06Z", "2026-03-04T05:06:00+00:00"),
        ("2026-03-04T05:06:07.89+02:00", "2026-03-04T03:06:07+00:00"),
        ("2026-03-04 05:06:07", "2026-03-04T05:06:07+00:00"),
        ("2026-03-04t05:06:07.1234567z", "2026-03-04T05:06:07+00:00"),
        ("2026-03-04T05:06+01", "2026-03-04T04:06:00+00:00"),
        ("2026-03-04 05:06 -0100", "2026-03-04T06:06:00+00:00"),
        ("20260304", "2026-03-04T00:00:00+00:00"),
        ("20260304T050607Z", "2026-03-04T05:06:07+00:00"),
        ("Thu, 01 Jan 2026 10:00:00 +0200", "2026-01-01T08:00:00+00:00"),
        ("2026-13-01", None),
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_times_are_read_as_people_write_them(said: str, time: str | None) -> None:
    found = w3c_time(said)
    assert (found.isoformat() if found else None) == time


@given(st.text(max_size=40))
def test_no_time_raises(said: str) -> None:
    w3c_time(said)
