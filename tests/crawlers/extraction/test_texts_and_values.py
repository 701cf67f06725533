"""How what a selector finds is written: numbers in full, texts of one element as one, code with its lines."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.extraction.html_page import HtmlPage
from crawlers.extraction.image_links import content_images
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.reading.values import written_number
from tests.crawlers.extraction.answers import URL, answer


def page(body: str) -> HtmlPage:
    return HtmlPage(answer(body))


def json_ld(value: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_written_number_tells_it_from_every_other(number: float) -> None:
    assert float(written_number(number) or "") == float(number) if abs(number) < 1e300 else True
    assert isinstance(number, float) or written_number(number) == str(number)


def test_long_ids_by_xpath_stay_apart() -> None:
    items = "".join(f"<li data-id={number}>{number}</li>" for number in (1234567, 1234568))
    source = read_source(
        {"name": "x", "start": [URL], "item": "li", "key": "xpath:number(@data-id)", "fields": {"text": "xpath:."}}
    )
    keys = [record.natural_key for record in read_page(source, answer(items)).records]
    assert keys == ["1234567", "1234568"]


def test_a_large_price_is_written_in_full() -> None:
    assert page(json_ld({"price": 1299000.0, "low": 0.1})).values(None, "json-ld:[].[price, low][]") == [
        "1299000",
        "0.1",
    ]


@pytest.mark.parametrize("body", ["<b>free</b>", json_ld({"price": float("nan")}), json_ld({"price": float("inf")})])
def test_what_is_no_number_is_no_value_and_no_error(body: str) -> None:
    assert page(body).values(None, "xpath:number(//b)") == []
    assert page(body).values(None, "json-ld:price") == []


@pytest.mark.parametrize(
    ("selector", "texts"),
    [
        ("a.tag::text", ["machine learning", "python"]),
        ("p a.tag::text", ["machine learning", "python"]),
        ("p::text", ["Tags: and end"]),
        ("p ::text", ["Tags: machine learning and python end", "Two more words"]),
        ("p *::text", ["Tags: machine learning and python end", "Two more words"]),
        ("div > ::text", ["Tags: and end"]),
        ("a::text, i::text", ["machine learning python words"]),
        ("xpath://a/text()", ["machine learning", "python"]),
        ("xpath://p//text()", ["Tags: machine learning and python end", "Two more words"]),
        ("xpath:(//a)[2]/text()", ["python"]),
        ("xpath://a/text() | //i/text()", ["machine learning python words"]),
    ],
)
def test_the_pieces_of_one_element_are_one_text_and_those_of_two_are_two(selector: str, texts: list[str]) -> None:
    body = """<div><p>Tags: <a class=tag>machine learning</a> and <a class=tag>python</a> end</p>
    <p><b>Two <u>more</u></b> <i>words</i></p></div>"""
    assert page(body).values(None, selector) == texts


def test_inside_an_item_text_of_its_own_is_one() -> None:
    found = page("<li>one <b>two</b> three</li><li>four</li>")
    for selector in ("::text", "xpath:.//text()", "*::text"):
        assert [found.values(item, selector) for item in found.items("li")] == [["one two three"], ["four"]]
    assert [found.values(item, "xpath:text()") for item in found.items("li")] == [["one three"], ["four"]]


def test_code_keeps_its_lines_and_how_far_they_are_set_in() -> None:
    body = "<div>So:<pre><code>def f():\n    <i>if</i> x:\n\treturn  1\n\n</code></pre>and   on\nthis</div>"
    wanted = "So:\ndef f():\n    if x:\n        return  1\nand on this"
    assert page(body).values(None, "div") == [wanted]
    assert page(body).values(None, "code") == [wanted.removeprefix("So:\n").removesuffix("\nand on this")]


def test_a_sized_share_of_the_page_is_no_small_image() -> None:
    sizes = {"/share.jpg": "50%", "/small.jpg": "50", "/pixels.jpg": "63px", "/large.jpg": "640.5", "/auto.jpg": "auto"}
    body = "".join(f'<img src="{url}" width="{width}">' for url, width in sizes.items())
    found = [link.url.removeprefix("http://a.example") for link in content_images(page(body), True)]
    assert found == ["/share.jpg", "/large.jpg", "/auto.jpg"]


@pytest.mark.parametrize(
    "image",
    [
        {"@type": "ImageObject", "name": "A cat", "url": "/cat.jpg"},
        {"@type": "ImageObject", "name": "A cat", "url": "/page", "contentUrl": ["/cat.jpg"]},
        [{"@id": "/cat.jpg", "caption": "A cat"}],
        "/cat.jpg",
    ],
)
def test_an_image_that_is_an_object_is_fetched_from_where_it_says(image: Any) -> None:
    source = read_source({"name": "x", "start": [URL], "fields": {"image": "json-ld:image"}})
    links = read_page(source, answer(json_ld({"@type": "Article", "image": image}))).links
    assert [link.url for link in links] == ["http://a.example/cat.jpg"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!--\n", "\n-->"),
        ("<!-- ", " -->"),
        ("//<![CDATA[\n", "\n//]]>"),
        ("// <![CDATA[\n", "\n// ]]>"),
        ("<![CDATA[", "]]>"),
        ("/*<![CDATA[*/", "/*]]>*/"),
        ("/* <![CDATA[ */\n", "\n/* ]]> */"),
        ("", ";"),
        ("\ufeff", " ;\n"),
        ("\n<!-- said by the shop -->\n", ""),
        ("<!--//<![CDATA[\n", "\n//]]>-->"),
    ],
)
def test_json_ld_is_read_out_of_what_is_put_round_it(before: str, after: str) -> None:
    written = json.dumps({"name": "Kettle; <!-- -->", "url": "http://x//]]>"}, indent=1)
    found = page(f'<script type="application/ld+json">{before}{written}{after}</script>').json_ld
    assert found == [json.loads(written)]
