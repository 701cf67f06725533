"""Reading feeds of every kind, and what is said of what is none."""

import gzip
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.reading.feed_entries import read_feed

AT = "https://h.example/feed.xml"
RSS = b"""<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>News &amp; views</title><ttl>60</ttl><sy:updatePeriod>hourly</sy:updatePeriod>
<item><title>A &amp; B</title><link>/a</link><guid isPermaLink="false">g1</guid>
  <description>In &lt;b&gt;short&lt;/b&gt;</description>
  <content:encoded><![CDATA[<p>One</p><script>x()</script><p>Two &lt;3</p>]]></content:encoded>
  <pubDate>Thu, 01 Jan 2026 10:00:00 +0200</pubDate><category>c1</category><category>c2</category>
  <dc:creator>ann</dc:creator></item>
<item><title>Only a title</title></item>
<item><description>5 &amp;lt; 6 &amp;amp; more</description><link>https://h.example/x</link></item>
<item><pubDate>never</pubDate></item>
</channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><link rel="next" href="?page=2"/>
<entry><id>urn:1</id><title type="text">a &lt; b</title><link href="/1"/><updated>2026-01-02T00:00:00Z</updated>
  <content type="html">&lt;p&gt;Hi&lt;/p&gt;</content><author><name>bo</name></author></entry>
<entry><id>urn:2</id><content type="text">x &lt; y</content></entry></feed>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "T",
    "language": "de",
    "next_url": "/older.json",
    "items": [
        {"id": 7, "url": "/7", "content_html": "<p>a</p><p>b</p>", "tags": ["t"], "authors": [{"name": "z"}]},
        {"id": "8", "content_text": "<plain>", "date_published": "2026-01-02T00:00:00+01:00"},
        3,
    ],
}


def test_an_rss_entry_is_its_whole_content_as_text_with_what_is_said_of_it() -> None:
    entry = read_feed(RSS, AT).entries[0]
    assert (entry.key, entry.link, entry.text) == ("g1", "https://h.example/a", "One\nTwo <3")
    assert entry.metadata == {
        "title": "A & B",
        "author": "ann",
        "published": "2026-01-01T08:00:00+00:00",
        "categories": ["c1", "c2"],
    }


def test_an_entry_without_content_is_its_summary_or_its_title() -> None:
    assert [(entry.key, entry.text) for entry in read_feed(RSS, AT).entries[1:]] == [
        (None, "Only a title"),
        ("https://h.example/x", "5 < 6 & more"),
        (None, None),
    ]


def test_an_atom_entry_is_read_by_the_type_of_its_content() -> None:
    assert [(entry.key, entry.text) for entry in read_feed(ATOM, AT).entries] == [("urn:1", "Hi"), ("urn:2", "x < y")]


def test_a_json_feed_is_read() -> None:
    feed = read_feed(json.dumps(JSON_FEED).encode(), AT)
    assert [(entry.key, entry.link, entry.text) for entry in feed.entries] == [
        ("7", "https://h.example/7", "a\nb"),
        ("8", None, "<plain>"),
    ]
    assert feed.entries[0].metadata == {"author": "z", "categories": ["t"], "language": "de"}
    assert feed.entries[1].metadata == {"published": "2026-01-01T23:00:00+00:00", "language": "de"}


def test_a_feed_says_where_its_older_entries_are() -> None:
    assert read_feed(ATOM, AT).older == "https://h.example/feed.xml?page=2"
    assert read_feed(json.dumps(JSON_FEED).encode(), AT).older == "https://h.example/older.json"


def test_a_feed_says_how_long_it_wants_to_be_left_alone() -> None:
    assert read_feed(RSS, AT).wait == 3600
    assert read_feed(ATOM, AT).wait is None


NETSCAPE = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:1/rss-0.91.dtd">'
ITEM = "<item><title>a</title><link>https://h.example/1</link><description>caf&eacute;</description></item>"
OLD_FEEDS = {
    "RSS 0.91": f"{NETSCAPE}<rss version='0.91'><channel><title>T</title>{ITEM}</channel></rss>",
    "RSS 0.92 without its type": f"<rss version='0.92'><channel><title>T</title>{ITEM}</channel></rss>",
    "RSS 1.0": "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>"
    f"<channel rdf:about='x'><title>T</title></channel>{ITEM}</rdf:RDF>",
    "Atom 0.3": "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><title>T</title><entry><title>a</title>"
    "<link rel='alternate' href='https://h.example/1'/><id>https://h.example/1</id>"
    "<content type='text/html' mode='escaped'>&lt;p&gt;caf&#233;&lt;/p&gt;</content></entry></feed>",
    "JSON Feed 1": '{"version": "https://jsonfeed.org/version/1", "title": "T", "items": [{"id": "https://h.example/1",'
    ' "url": "https://h.example/1", "title": "a", "content_html": "<p>caf&eacute;</p>"}]}',
}


@pytest.mark.parametrize("name", OLD_FEEDS)
@pytest.mark.parametrize("before", ["", "\n \n", "\ufeff"])
def test_feeds_of_every_age_are_read(name: str, before: str) -> None:
    kind = "application/feed+json" if name.startswith("JSON") else None
    feed = read_feed((before + OLD_FEEDS[name]).encode(), AT, kind)
    assert (feed.title, feed.trouble) == ("T", None)
    (entry,) = feed.entries
    assert (entry.key, entry.link, entry.text) == ("https://h.example/1", "https://h.example/1", "café")


@pytest.mark.parametrize(
    "written", ["&#xD800;", "&#0;", "&#x110000;", "&#99999999999;", "&#xD800", "&#xFFFFFFFFFFFFFFFF;"]
)
def test_a_number_of_no_character_costs_no_entry(written: str) -> None:
    item = f"<item><title>a &#233; {written} b</title></item>"
    (entry,) = read_feed(f"<rss version='2.0'><channel>{item}{'</channel></rss>'}".encode(), AT).entries
    assert entry.text == "a é \ufffd b"


def test_names_that_no_parser_takes_are_said() -> None:
    body = "<rss version='2.0' xmlns:a='b\xa0c\xa0d'><channel><a:x/><item><title>t</title></item></channel></rss>"
    feed = read_feed(body.encode(), AT)
    assert feed.entries == () and (feed.trouble or "").startswith("its XML cannot be read (")


def test_a_declaration_may_stand_behind_blank_lines() -> None:
    assert read_feed(b"\n\n" + RSS, AT).trouble is None


def test_a_packed_feed_is_unpacked() -> None:
    assert len(read_feed(gzip.compress(RSS), AT).entries) == 4


def test_the_header_names_the_encoding_where_the_feed_does_not() -> None:
    body = "<rss version='2.0'><channel><item><title>é</title></item></channel></rss>".encode("windows-1252")
    feed = read_feed(body, AT, "application/rss+xml; charset=windows-1252")
    assert (feed.entries[0].text, feed.trouble) == ("é", None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it is empty"),
        (b"<!doctype html><html><title>x</title>", "it is an HTML page, no feed"),
        (b"\x0b", "it is neither RSS, Atom nor JSON Feed, and is called text/plain"),
        (b"hello", "it is neither RSS, Atom nor JSON Feed, and is called text/plain"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "it is neither RSS, Atom nor JSON Feed"),
        (b"[1]", "it is no JSON Feed: it is a list"),
        (b'{"posts": []}', 'it is no JSON Feed: it has no items; for JSON of another form, write kind = "api"'),
        (b"{", "it is no JSON Feed: expecting property name"),
        (b"<a>" * 2_000, "it is neither RSS, Atom nor JSON Feed"),
    ],
)
def test_what_is_no_feed_is_said(body: bytes, said: str) -> None:
    feed = read_feed(body, AT, "text/plain")
    assert feed.entries == () and feed.trouble is not None and feed.trouble.startswith(said)


def test_what_can_be_read_of_a_broken_feed_is() -> None:
    feed = read_feed(RSS[: RSS.index(b"</channel>")], AT)
    assert len(feed.entries) == 4
    assert feed.trouble is not None and feed.trouble.startswith("its XML is not valid")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_at_once(encoding: str) -> None:
    declared = f"<!ENTITY a '{'a' * 50_000}'>"
    body = f"<?xml version='1.0'?><!-- x --><!DOCTYPE r [{declared}]><rss version='2.0'>{'&a;' * 50_000}</rss>"
    began = time.perf_counter()
    assert read_feed(body.encode(encoding), AT).trouble == "it declares entities, which a feed has no use for"
    assert time.perf_counter() - began < 1


def test_comments_of_a_blog_s_editor_are_passed_over_at_once() -> None:
    text = "<p>x</p>\n<!-- /wp:paragraph -->\n\n<!-- wp:paragraph -->\n" * 1_000
    item = f"<item><title>t</title><description><![CDATA[{text}]]></description></item>"
    body = f"<?xml version='1.0'?><!-- generated by x --><rss version='2.0'><channel>{item}</channel></rss>"
    began = time.perf_counter()
    assert len(read_feed(body.encode(), AT).entries) == 1
    assert time.perf_counter() - began < 5


def test_an_entry_that_tells_of_entities_is_an_entry() -> None:
    told = "<![CDATA[Write <!DOCTYPE x [<!ENTITY a 'b'>]> and see]]>"
    body = f"<rss version='2.0'><channel><item><title>{told}</title></item></channel></rss>"
    assert len(read_feed(body.encode(), AT).entries) == 1


def test_an_address_in_a_feed_is_never_opened(tmp_path) -> None:
    (tmp_path / "feed.xml").write_bytes(RSS)
    assert read_feed(str(tmp_path / "feed.xml").encode(), AT).entries == ()


@given(st.binary(max_size=200))
def test_no_bytes_raise(body: bytes) -> None:
    for begun in (b"", b"<rss version='2.0'><channel><item>", b'{"items": [{"id": '):
        feed = read_feed(begun + body, AT)
        assert feed.entries or feed.trouble, "a feed without entries says why"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda i: (
            st.lists(i)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "url", "content_html", "content_text", "authors", "tags", "date_published", "title"]
                ),
                i,
            )
        ),
    )
)
def test_no_json_feed_raises_whatever_stands_in_it(item: object) -> None:
    read_feed(json.dumps({"items": [item, {"id": item, "tags": item, "authors": item, "url": item}]}).encode(), AT)
