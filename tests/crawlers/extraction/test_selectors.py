"""Selectors of every form: what is accepted where, and what they find."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.declaration import SourceError
from crawlers.extraction.html_page import HtmlPage
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.page import Extraction
from tests.crawlers.extraction.answers import URL, answer

SHOP = """<html><head><title>Two things</title><meta property="og:title" content="A shop">
<meta name="Shelf" content="12">
<meta property="og:image" content="/a.jpg"><meta property="og:image" content="/b.jpg">
<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
  {"@type": "WebSite", "name": "Shop"},
  {"@type": "ItemList", "itemListElement": [
    {"@type": "Product", "sku": "k1", "description": "A kettle\\nof steel", "offers": {"price": 39.0, "new": true},
     "brand": {"@type": "Brand", "name": "Olk"}},
    {"@type": "Product", "sku": "k2", "description": "A pan", "color": ["red", "blue"]}]}]}</script>
<script type="application/ld+json">{"broken": </script><script type="application/ld+json">// said
{"@type": "Thing", "kind": "late"}</script></head><body>
<div class="review" itemscope itemtype="https://schema.org/Review" id="r1"><span itemprop="author" itemscope
 itemtype="https://schema.org/Person"><b itemprop="name">Ann</b></span><p itemprop="reviewBody">Boils <i>well</i></p>
 <time itemprop="datePublished" datetime="2026-01-02">today</time></div>
<div class="review" id="r2"><p itemprop="reviewBody">Too loud</p><a itemprop="url" href="/r/2">more</a></div>
<div class="plain" id="p1"><script type="application/ld+json">{"kind": "inside"}</script><p>Plain</p></div></body>"""


def read(item: str | None, **fields: str) -> Extraction:
    key = {"key": fields.pop("key")} if "key" in fields else {}
    shape = {"item": item} if item else {}
    source = read_source({"name": "x", "start": [URL], "fields": fields, **shape, **key})
    return read_page(source, answer(SHOP))


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("json-ld:kind", ["late", "inside"]),
        ("json-ld:name", ["Shop"]),
        ("json-ld:itemListElement[].sku", ["k1", "k2"]),
        ("""json-ld:[?"@type"=='ItemList'].itemListElement[] | [0].brand""", ["Olk"]),
        ("json-ld:itemListElement[0].offers.[price, new]", ["39", "true"]),
        ("json-ld:length(name)", ["4"]),
        ("microdata:reviewBody", ["Boils well"]),
        ("microdata:author.name", ["Ann"]),
        ("og:title", ["A shop"]),
        ("og:image", ["/a.jpg", "/b.jpg"]),
        ("meta:shelf", ["12"]),
        ("meta:nothing", []),
        ("xpath://div[@class='review']/@id", ["r1", "r2"]),
        ("xpath:count(//div)", ["3"]),
        ("xpath://p[i]/text() | //div[3]/p/text()", ["Boils Plain"]),
        ("xpath://p[contains(., 'loud')]", ["Too loud"]),
        ("css-element, b", ["Ann"]),
    ],
)
def test_a_selector_of_each_form_finds_what_is_on_the_page(selector: str, found: list[str]) -> None:
    assert HtmlPage(answer(SHOP)).values(None, selector) == found


def test_json_ld_objects_can_be_the_items() -> None:
    found = read(
        "json-ld:[?\"@type\"=='ItemList'].itemListElement[]",
        key="json-ld:sku",
        text="json-ld:description",
        price="json-ld:offers.price",
        color="json-ld:color",
        shop="og:title",
    )
    first, second = found.records
    assert (first.natural_key, first.text, first.metadata) == (
        "k1",
        "A kettle\nof steel",
        {"price": "39", "shop": "A shop"},
    )
    assert (second.natural_key, second.metadata) == ("k2", {"color": ["red", "blue"], "shop": "A shop"})
    assert found.unmatched == {"color": 1, "price": 1}


def test_xpath_items_have_fields_of_their_own() -> None:
    found = read("xpath://div[@class='review']", key="xpath:./@id", text="xpath:./p", more="a::attr(href)")
    assert [(record.natural_key, record.text) for record in found.records] == [("r1", "Boils well"), ("r2", "Too loud")]


def test_microdata_is_the_items_own_whether_or_not_the_item_is_a_scope() -> None:
    found = read("div.review", text="microdata:reviewBody", day="microdata:datePublished", url="microdata:url")
    assert [record.text for record in found.records] == ["Boils well", "Too loud"]
    assert found.records[0].metadata == {"day": "2026-01-02"}
    assert found.records[1].metadata == {"url": "http://a.example/r/2"}


def test_json_ld_inside_an_item_stands_before_the_pages() -> None:
    found = read("div", text="xpath:.", kind="json-ld:kind")
    assert [record.metadata["kind"] for record in found.records] == [["late", "inside"]] * 2 + ["inside"]


def test_fields_that_are_the_pages_go_with_its_main_text() -> None:
    found = read(None, shop="og:title", kind="json-ld:kind", lost="meta:lost")
    assert found.records[0].metadata["shop"] == "A shop"
    assert found.records[0].metadata["kind"] == ["late", "inside"]
    assert found.unmatched == {"lost": 1}
    assert read(None, text="json-ld:itemListElement[1].description").records[0].text == "A pan"


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"item": "xpath://div["}, ("item",), ['"xpath://div["', "not valid XPath"]),
        ({"item": "xpath://div/@id"}, ("item",), ["must name elements"]),
        ({"item": "json-ld:[?"}, ("item",), ["not a valid JMESPath expression"]),
        ({"item": "og:title"}, ("item",), ["must name elements"]),
        ({"fields": {"text": "xpath:"}}, ("fields", "text"), ["is empty"]),
        ({"fields": {"text": "xpath:foo("}}, ("fields", "text"), ["not valid XPath"]),
        ({"fields": {"text": "p", "x": "json-ld:a..b"}}, ("fields", "x"), ["not a valid JMESPath expression"]),
        ({"fields": {"text": "p", "x": "meta:"}}, ("fields", "x"), ["is empty"]),
        ({"item": "json-ld:@"}, ("fields", "text"), ["JSON-LD objects"]),
        ({"key": "xpath:///"}, ("key",), ["not valid XPath"]),
        ({"images": "img::attr(src)"}, ("images",), ["must name elements"]),
        ({"wait_for": "xpath://p", "render": "browser"}, ("wait_for",), ["must name elements"]),
        ({"recrawl_after": "soon"}, ("recrawl_after",), ['"soon"', "no duration"]),
        ({"hosts": ["http://x/"]}, ("hosts", 0), ["no host"]),
        ({"proxy_country": "Germany"}, ("proxy_country",), ["two letters"]),
        ({"steps": [{"click": "a"}]}, ("steps",), ["needs a browser"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    change: dict[str, Any], field: tuple[str | int, ...], words: list[str]
) -> None:
    whole = {"name": "x", "start": [URL], "item": "div", "fields": {"text": "p"}, **change}
    with pytest.raises(SourceError) as caught:
        read_source(whole)
    assert caught.value.field == ("source", 0, *field)
    assert [word for word in words if word not in str(caught.value)] == []


def test_durations_are_seconds() -> None:
    given = {"0s": 0, "90m": 5_400, "12h": 43_200, "7d": 604_800, "2w": 1_209_600, "1.5h": 5_400}
    for written, seconds in given.items():
        source = read_source({"name": "x", "start": [URL], "recrawl_after": written})
        assert source.recrawl_seconds == seconds  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@graph", "@type", "name", "a", "@context"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["json-ld:name", "json-ld:[0].a", "json-ld:a[].name", "json-ld:sort(a)", "json-ld:@"]))
def test_any_json_ld_is_read_without_an_error(value: Any, selector: str) -> None:
    script = json.dumps(value).replace("<", "\\u003c")
    page = HtmlPage(answer(f'<script type="application/ld+json">{script}</script><p>x</p>'))
    assert all(isinstance(text, str) and text for text in page.values(None, selector))


@given(st.text(max_size=80))
def test_what_is_no_json_ld_says_nothing(script: str) -> None:
    cleaned = script.replace("</", "").replace("{", "").encode("utf-8", "replace").decode()
    assert HtmlPage(answer(f'<script type="application/ld+json">{cleaned}</script>')).values(None, "json-ld:a") == []
