"""From a page to its records and links."""

import html
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.extraction.html_text import html_text, why_not_html
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.page import Extraction
from crawlers.site_source import SiteSource
from tests.crawlers.extraction.answers import URL, answer

# Letters, digits, punctuation, symbols of any script, and spaces: what HTML can hold and a reader can see.
WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=60)


def site(**declared: Any) -> SiteSource:
    shape = (
        {"item": "article", "key": "::attr(data-post)", "fields": {"text": "p.body"}} if "item" not in declared else {}
    )
    return read_source({"name": "x", "start": [URL], **shape, **declared})


def extract(source: SiteSource, url: str, body: bytes, content_type: str | None = None) -> Extraction:
    return read_page(source, answer(body, url=url, content_type=content_type))


def article(key: str, text: str, more: str = "") -> str:
    return f'<article data-post="{key}">{more}<p class="body">{html.escape(text)}</p></article>'


@given(st.lists(WORDS, max_size=8))
def test_every_item_with_text_is_a_record_with_its_own_key(texts: list[str]) -> None:
    page = "".join(article(str(i), text) for i, text in enumerate(texts))
    found = extract(site(), URL, page.encode(), "text/html; charset=utf-8")
    wanted = [(str(i), " ".join(text.split())) for i, text in enumerate(texts) if text.split()]
    assert [(r.natural_key, r.text) for r in found.records] == wanted
    assert found.items == len(texts)
    assert found.empty == len(texts) - len(wanted)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    found = extract(site(follow="a"), URL, body, None)
    assert all(record.text and record.text.strip() for record in found.records)
    assert len(found.records) + found.empty == found.items


def test_a_selector_without_a_pseudo_element_gives_the_whole_text_with_blocks_as_lines() -> None:
    page = article("1", "", more="<p class=body>one <b>bold</b>er<br>two<script>no()</script>   three<!-- no --></p>")
    assert extract(site(), URL, page.encode()).records[0].text == "one bolder\ntwo three"


def test_several_matches_of_the_text_field_are_all_kept() -> None:
    page = "<article><p class=body>first</p><p class=body>second</p></article>"
    assert extract(site(), URL, page.encode()).records[0].text == "first\nsecond"


def test_other_fields_become_metadata_as_found() -> None:
    fields = {"text": "p.body", "author": "a::text", "date": "time::attr(datetime)", "tags": "i", "none": "u"}
    page = article("7", "hello", "<a> Ann </a><time datetime='2026-01-01'>new year</time><i>x</i><i>y</i>")
    found = extract(site(item="article", fields=fields), URL, page.encode())
    assert found.records[0].metadata == {"author": "Ann", "date": "2026-01-01", "tags": ["x", "y"]}
    assert found.unmatched == {"none": 1}


def test_an_item_without_its_key_is_counted_and_has_none() -> None:
    found = extract(site(), URL, b"<article><p class=body>hello</p></article>")
    assert found.records[0].natural_key is None
    assert found.unmatched == {"key": 1}


def test_links_are_resolved_cleaned_and_given_once() -> None:
    page = """<base href="/t/"><a class=go href="1#x">a</a><li class=go><a href="../u?b=2&a=1">b</a></li>
    <a class=go href=" 1 ">again</a><a class=go href="2" rel="external nofollow">no</a><a href="3">not asked for</a>
    <a class=go href="mailto:x@y">m</a><a class=go href="http://[">bad</a><a class=go>none</a>"""
    links = extract(site(follow=".go"), URL, page.encode()).links
    assert [link.url for link in links] == ["http://a.example/t/1", "http://a.example/u?b=2&a=1"]


def test_without_follow_no_link_is_given() -> None:
    assert extract(site(), URL, b'<a href="/x">x</a>').links == ()


def test_without_an_item_the_main_text_is_the_record_named_by_the_pages_url() -> None:
    body = "".join(f"<p>Paragraph {i} of a long enough main text that a reader would come for.</p>" for i in range(5))
    head = "<title>A title</title><meta name=author content='Ann Lee'>"
    page = f"<html><head>{head}</head><body><nav>Menu</nav><main><h1>A title</h1>{body}</main></body></html>"
    found = extract(read_source({"name": "x", "start": [URL]}), URL + "#part", page.encode())
    (record,) = found.records
    assert record.natural_key == URL
    assert "Paragraph 4" in record.text and "Menu" not in record.text
    assert record.metadata["title"] == "A title" and record.metadata["author"] == "Ann Lee"


def test_a_page_without_main_text_gives_no_record_and_is_counted() -> None:
    found = extract(read_source({"name": "x", "start": [URL]}), URL, b"<html><body></body></html>")
    assert (found.records, found.items, found.empty) == ((), 1, 1)


def test_the_character_set_is_found_as_a_browser_finds_it() -> None:
    text = "Überweisung 50 €"
    declared = b'<meta charset="iso-8859-1">' + text.encode("cp1252")
    assert text in html_text("text/html", declared)  # to a browser, latin-1 means windows-1252
    assert text in html_text("text/html; charset=utf-8", b'<meta charset="windows-1252">' + text.encode())
    assert text in html_text(None, text.encode())
    assert text in html_text(None, text.encode("cp1252"))
    assert text in html_text("text/html", text.encode("utf-16"))


def test_what_is_no_html_is_told_apart() -> None:
    assert why_not_html("text/html; charset=utf-8", b"<p>x") is None
    assert why_not_html("application/xhtml+xml", b"<p>x") is None
    assert why_not_html("text/html; charset=utf-16", "<p>x".encode("utf-16-le")) is None
    assert why_not_html("application/pdf", b"%PDF") == "it is application/pdf"
    assert why_not_html("text/html", b" \n") == "its body is empty"
    assert "binary data" in str(why_not_html("text/html", b"\x89PNG\x00\x01"))
    assert why_not_html(None, b"just words") == "it has no markup"


def test_a_page_that_nests_deeper_than_python_does_is_read() -> None:
    deep = "<article data-post=1><p class=body>" + "<b>" * 1500 + "deep" + "</b>" * 1500
    assert extract(site(), URL, deep.encode()).records[0].text == "deep"


def test_a_page_with_few_words_gives_those_of_its_main_part() -> None:
    found = extract(read_source({"name": "x", "start": [URL]}), URL, b"<nav>Menu</nav><main><p>Closed.</p></main>")
    assert [record.text for record in found.records] == ["Closed."]


def test_metadata_of_a_page_has_its_language_and_its_canonical_address_which_is_not_its_key() -> None:
    head = "<title>T</title><link rel=canonical href='/one'><meta name=description content='About it'>"
    page = f"<html lang=de-AT><head>{head}</head><body><main><p>Ein kurzer Text.</p></main></body></html>"
    (record,) = extract(read_source({"name": "x", "start": [URL]}), URL, page.encode()).records
    assert record.natural_key == URL
    assert record.metadata["canonical"] == "http://a.example/one"
    assert record.metadata["language"] == "de-AT"
    assert record.metadata["description"] == "About it"


def test_a_change_of_the_furniture_is_no_change_of_the_text_and_a_change_of_a_text_is() -> None:
    first = extract(site(), URL, ("<nav>a</nav>" + article("1", "same")).encode()).text_hash
    again = extract(site(), URL, ("<nav>b</nav><i>7</i>" + article("1", "same", more="<u>x</u>")).encode()).text_hash
    assert first is not None and first == again
    assert extract(site(), URL, article("1", "other").encode()).text_hash != first
    assert extract(site(), URL, article("2", "same").encode()).text_hash != first
    assert extract(site(), URL, b"<p>no item").text_hash is None


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        ("text/plain", b"words", "it is text/plain"),
        ("application/json", b"{}", "it is application/json"),
        ("application/pdf", b"%PDF-1.7", "it is application/pdf"),
        ("text/html", b"", "its body is empty"),
        ("text/html", b"\x00\x01\x02", "it holds binary data"),
    ],
)
def test_what_is_no_page_is_an_error(content_type: str, body: bytes, why: str) -> None:
    assert str(extract(site(), URL, body, content_type).error).startswith(f"not-html: {why}")


def test_without_extract_links_are_followed_and_nothing_is_a_record() -> None:
    found = extract(site(follow="a", extract=False), URL, (article("1", "x") + "<a href=/2>2</a>").encode())
    assert (len(found.records), len(found.links), found.error) == (0, 1, None)


def test_links_can_be_named_by_xpath() -> None:
    page = b"<a href=/1>one</a><a href=/2>next page</a>"
    found = extract(site(follow="xpath://a[contains(., 'next')]"), URL, page)
    assert [link.url for link in found.links] == ["http://a.example/2"]


def test_what_the_markup_says_about_its_use_is_kept() -> None:
    assert extract(site(), URL, b"<meta name=robots content=noai><p>x").rights
    assert extract(site(), URL, b"<p>x").rights == {}


def test_a_short_page_gives_its_main_part_without_the_menu() -> None:
    page = """<nav><ul><li><a href=/>Home</a></li><li><a href=/all>All</a></li></ul></nav><main><h1>Closed</h1>
    <p>The pool is closed today.</p><button>Reply</button></main><footer>Imprint</footer>"""
    found = extract(read_source({"name": "x", "start": [URL]}), URL, page.encode())
    assert [record.text for record in found.records] == ["Closed\nThe pool is closed today."]


def test_a_page_that_is_a_record_has_one_key_whatever_the_order_of_its_query() -> None:
    body = "".join(f"<p>Paragraph {i} of a long enough main text that a reader would come for.</p>" for i in range(5))
    source, page = read_source({"name": "x", "start": [URL]}), f"<main>{body}</main>".encode()
    keys = {extract(source, f"{URL}?{query}", page).records[0].natural_key for query in ("b=2&a=1", "a=1&b=2")}
    assert keys == {f"{URL}?a=1&b=2"}


@pytest.mark.parametrize(
    ("head", "header", "follows"),
    [
        ("<meta name=robots content='noindex, NoFollow'>", "", False),
        ("<meta name=tilth content=none>", "", False),
        ("<meta name=googlebot content=nofollow>", "", True),
        ("<meta name=robots content='noindex'>", "", True),
        ("", "nofollow", False),
        ("", "googlebot: nofollow", True),
        ("", "", True),
    ],
)
def test_a_page_that_asks_that_its_links_not_be_followed_leads_nowhere(head: str, header: str, follows: bool) -> None:
    page = answer(f"{head}<a href=/x>x</a>", more_headers=(("x-robots-tag", header),) if header else ())
    read = read_page(site(follow="a"), page)
    assert [link.url for link in read.links] == ["http://a.example/x"] * follows
    assert read.nofollow is not follows
    assert not read_page(site(), page).nofollow, "nothing would be followed anyway"
