"""Declaring a site: what is accepted, and what an error points at."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request

from crawlers.frontier.queue import fingerprint
from crawlers.kinds import read_source
from crawlers.scope import Scope, canonical_url, host_of, identity_of
from crawlers.site_source import SiteSource, SourceError

WHOLE: dict[str, Any] = {
    "name": "forum",
    "kind": "site",
    "start": ["http://127.0.0.1:8765/page/1"],
    "follow": "a.thread, a.next",
    "allow": ["/t/", "/page/"],
    "deny": ["/private/"],
    "render": "browser",
    "wait_for": "article.post",
    "item": "article.post",
    "key": "::attr(data-post)",
    "max_pages": 100,
    "max_depth": 5,
    "fields": {"text": "p.body", "author": "a.author::text"},
}


def test_a_declaration_is_read_back_from_what_was_declared() -> None:
    source = read_source(WHOLE)
    assert read_source(source.declared()) == source
    assert SiteSource.declare(source.declared()) == source


def test_the_shortest_declaration_has_a_name_and_a_start() -> None:
    source = read_source({"name": "blog", "start": ["https://blog.example/"]})
    assert source.declared() == {"kind": "site", "name": "blog", "start": ["https://blog.example/"]}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"item": "article.post >"}, ("item",), ['"article.post >"', "not valid CSS"]),
        ({"follow": "a::text"}, ("follow",), ['"a::text"', "must name elements"]),
        ({"fields": {"text": "p:nosuch("}}, ("fields", "text"), ['"p:nosuch("', "not valid CSS"]),
        ({"key": "[[x"}, ("key",), ['"[[x"', "not valid CSS"]),
        ({"deny": ["ok", "("]}, ("deny", 1), ['"("', "not a valid regex"]),
        ({"start": []}, ("start",), ["at least one URL"]),
        ({"start": ["ftp://a.example/"]}, ("start", 0), ['"ftp://a.example/"', "not an http or https URL"]),
        ({"start": ["http://[::1/"]}, ("start", 0), ["is not a URL"]),
        ({"start": "http://a.example/"}, ("start",), ['write it as ["http://a.example/"]']),
        ({"max_pages": "many"}, ("max_pages",), ['"many"', "a whole number"]),
        ({"max_pages": 0}, ("max_pages",), ["at least 1"]),
        ({"render": "htp"}, ("render",), ["'http', 'browser' or 'auto'"]),
        ({"itm": "p"}, ("itm",), ['"itm"', 'did you mean "item"?']),
        ({"kind": "sitte"}, ("kind",), ['"sitte"', 'did you mean "site"?']),
        ({"name": "a name/with:slash"}, ("name",), ["not usable"]),
        ({"fields": {"author": "b"}}, ("fields",), ['"text"']),
        ({"item": None}, ("fields",), ["inside an item"]),
        ({"render": "http"}, ("wait_for",), ["needs a browser"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    change: dict[str, Any], field: tuple[str | int, ...], words: list[str]
) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(WHOLE | change, position=2)
    assert caught.value.field == ("source", 2, *field)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith('source "')
    for word in words:
        assert word in str(caught.value)


def test_a_missing_start_is_named() -> None:
    with pytest.raises(SourceError, match='source "x": "start" is missing'):
        read_source({"name": "x"})


def scope(**declared: Any) -> Scope:
    return Scope(read_source({"name": "x", "start": ["http://a.example:8000/start"], **declared}))


def test_a_crawl_stays_on_the_host_and_port_of_its_start() -> None:
    assert scope().why_not("http://a.example:8000/t/1") is None
    assert "another host" in str(scope().why_not("http://a.example:8001/t/1"))
    assert "another host" in str(scope().why_not("http://b.example:8000/t/1"))


def test_http_and_https_of_one_host_are_the_same_place() -> None:
    plain = Scope(read_source({"name": "x", "start": ["http://a.example/"]}))
    assert plain.why_not("https://a.example/x") is None
    assert "another host" in str(plain.why_not("https://a.example:444/x"))


def test_allow_and_deny_are_searched_in_the_url_and_the_start_is_always_inside() -> None:
    bounded = scope(allow=["/t/"], deny=["/t/7$"])
    assert bounded.why_not("http://a.example:8000/start") is None
    assert bounded.why_not("http://a.example:8000/t/1") is None
    assert bounded.why_not("http://a.example:8000/t/7") == "a deny pattern matches it"
    assert bounded.why_not("http://a.example:8000/u/1") == "no allow pattern matches it"


def test_only_a_pattern_that_names_the_host_leads_to_another_one() -> None:
    assert "another host" in str(scope(allow=["/t/"]).why_not("http://b.example/t/1"))
    assert scope(allow=["/t/", "^https?://b[.]example/t/"]).why_not("http://b.example/t/1") is None
    assert scope(allow=["^https?://b[.]example/t/"]).why_not("http://evil.example/?http://b.example/t/") is not None


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("HTTP://A.example/x?b=2&a=1#top", "http://a.example/x?b=2&a=1"),
        ("http://a.example/?123", "http://a.example/?123"),
        ("http://a.example/?topic=12.0;wap", "http://a.example/?topic=12.0;wap"),
        ("http://a.example/x?q=a%20b+c&d[]=1", "http://a.example/x?q=a%20b+c&d%5B%5D=1"),
        ("http://a.example/%7Eme/a b/\u00e9", "http://a.example/%7Eme/a%20b/%C3%A9"),
        ("http://a.example:80", "http://a.example/"),
        ("https://a.example:443/", "https://a.example/"),
        ("http://a.example:443/", "http://a.example:443/"),
        ("http://[::1]:80/a/./b/%2e%2E/c/..", "http://[::1]/a/"),
        ("mailto:me@a.example", None),
        ("http://a.example:99999/", None),
        ("http:///x", None),
        ("http://a.example/\ud83d", None),
    ],
)
def test_a_url_is_asked_for_as_it_is_written(written: str, asked: str | None) -> None:
    assert canonical_url(written) == asked


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from(list("/.%2eE?&=;:@[]#\\ ")), max_size=40))
def test_a_canonical_url_is_its_own_and_printable_ascii(rest: str) -> None:
    url = canonical_url(f"http://a.example{rest}")
    if url is not None:
        assert canonical_url(url) == url
        assert re.fullmatch("[!-~]+", url)
        assert Request(url).url == url  # Scrapy writes it in no other way
        assert identity_of(identity_of(url)) == identity_of(url)


def test_a_page_is_one_whatever_the_order_of_its_query() -> None:
    assert fingerprint("page", "http://a.example/?b=2&a=1") == fingerprint("page", "http://a.example/?a=1&b=2")
    assert fingerprint("page", "http://a.example/?a=1") != fingerprint("page", "http://a.example/?a=2")


def test_a_host_may_be_an_address_of_ipv6_and_may_name_its_own_port() -> None:
    assert host_of("http://[::1]:8080/") == "[::1]:8080"
    bounded = scope(hosts=["[::1]:8080", "b.example:443"])
    assert bounded.why_not("http://[::1]:8080/x") is None
    assert bounded.why_not("https://b.example/x") is None
