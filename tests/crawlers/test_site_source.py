"""Declaring a site: what is accepted, and what an error points at."""

from typing import Any

import pytest

from crawlers.kinds import read_source
from crawlers.scope import Scope, canonical_url
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
        ({"start": "http://a.example/"}, ("start",), ["should be a list"]),
        ({"max_pages": "many"}, ("max_pages",), ["'many'", "valid integer"]),
        ({"max_pages": 0}, ("max_pages",), ["greater than or equal to 1"]),
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


def test_urls_of_one_page_are_written_in_one_way() -> None:
    assert canonical_url("HTTP://A.example/x?b=2&a=1#top") == "http://a.example/x?a=1&b=2"
    assert canonical_url("mailto:me@a.example") is None
    assert canonical_url("http://a.example:99999/") is None
    assert canonical_url("http:///x") is None
