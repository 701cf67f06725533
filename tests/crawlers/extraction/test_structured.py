"""JSON-LD, microdata and Open Graph in the shapes that sites give them."""

import json
from typing import Any

import pytest

from crawlers.extraction.html_page import HtmlPage
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from tests.crawlers.extraction.answers import URL, answer

RECIPE = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebPage", "name": "Page", "about": {"@id": "#ann"}},
        {"@type": "Person", "@id": "#ann", "name": "Ann Lee", "worksFor": {"@id": "#olk"}},
        {"@type": "Organization", "@id": "#olk", "name": "Olk", "owner": {"@id": "#ann"}},
        {
            "@type": "Recipe",
            "author": [{"@id": "#ann"}, {"@type": "Person", "name": "Bo Ek"}],
            "publisher": {"@id": "#nobody"},
            "recipeIngredient": ["200 g lentils", "1 onion"],
            "recipeInstructions": [{"@type": "HowToStep", "text": "Chop."}, {"@type": "HowToStep", "text": "Boil."}],
            "rating": {"ratingValue": 4.5},
        },
    ],
}
ITEMS = """<section itemscope itemtype="https://schema.org/Product" itemref="price rated"><b itemprop=name>Kettle</b>
<img itemprop=image src=/k.jpg></section><p id=price>Costs <span itemprop=price content="39.00">39</span></p>
<div id=rated itemprop=aggregateRating itemscope><i itemprop=ratingValue>4</i></div>
<section itemscope itemtype="https://schema.org/Product"><b itemprop="name alternateName">Pan</b>
<link itemprop=availability href="https://schema.org/InStock"><meta itemprop=sku content=p2>
<div itemprop=offers itemscope itemref="in"></div><data id=in itemprop=size value=24>24 cm</data></section>"""


def json_ld(value: Any) -> HtmlPage:
    return HtmlPage(answer(f'<script type="application/ld+json">{json.dumps(value)}</script>'))


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("author.name", ["Ann Lee", "Bo Ek"]),
        ("author[].name", ["Ann Lee", "Bo Ek"]),
        ("author", ["Ann Lee", "Bo Ek"]),
        ("about.name", ["Ann Lee"]),
        ("about.worksFor.owner.worksFor.name", ["Olk"]),
        ("publisher", ["#nobody"]),
        ("recipeIngredient", ["200 g lentils", "1 onion"]),
        ("recipeInstructions.text", ["Chop.", "Boil."]),
        ("rating.ratingValue", ["4.5"]),
        ('"@type"', ["WebPage", "Person", "Organization", "Recipe"]),
        ("[?\"@type\"=='Recipe'].author[1].name", ["Bo Ek"]),
        ("rating.ratingValue.no", []),
    ],
)
def test_a_path_goes_into_lists_and_to_what_an_id_stands_for(selector: str, found: list[str]) -> None:
    assert json_ld(RECIPE).values(None, f"json-ld:{selector}") == found


@pytest.mark.parametrize("author", [{"name": "Ann"}, [{"name": "Ann"}], [[{"name": "Ann"}]][0]])
def test_one_author_is_the_same_whether_or_not_in_a_list(author: Any) -> None:
    assert json_ld({"author": author}).values(None, "json-ld:author.name") == ["Ann"]


def test_objects_are_found_in_lists_and_in_graphs_that_are_objects() -> None:
    given = [{"name": "one"}, [{"name": "two"}], {"@graph": {"name": "three"}}, {"@graph": [{"name": ["a", "b"]}]}]
    assert json_ld(given).values(None, "json-ld:name") == ["one", "two", "three", "a", "b"]


def test_the_updates_of_a_live_blog_can_be_the_records() -> None:
    updates = [{"@id": f"#u{n}", "articleBody": f"Update {n}", "datePublished": f"2026-02-0{n}"} for n in (2, 1)]
    page = {"@type": "LiveBlogPosting", "headline": "Flood", "liveBlogUpdate": updates}
    source = read_source(
        {
            "name": "x",
            "start": [URL],
            "item": "json-ld:liveBlogUpdate",
            "key": 'json-ld:"@id"',
            "fields": {"text": "json-ld:articleBody", "day": "json-ld:datePublished"},
        }
    )
    script = f'<script type="application/ld+json">{json.dumps(page)}</script>'
    found = [(one.natural_key, one.text, one.metadata["day"]) for one in read_page(source, answer(script)).records]
    assert found == [("#u2", "Update 2", "2026-02-02"), ("#u1", "Update 1", "2026-02-01")]


def test_what_a_microdata_item_refers_to_elsewhere_is_its_own() -> None:
    page = HtmlPage(answer(ITEMS))
    items = page.items("section")
    for name, values in {
        "name": [["Kettle"], ["Pan"]],
        "price": [["39.00"], []],
        "aggregateRating.ratingValue": [["4"], []],
        "alternateName": [[], ["Pan"]],
        "availability": [[], ["https://schema.org/InStock"]],
        "sku": [[], ["p2"]],
        "size": [[], ["24"]],
    }.items():
        assert [page.values(item, f"microdata:{name}") for item in items] == values, name
    assert page.values(None, "microdata:price") == ["39.00"]


def test_each_open_graph_image_is_fetched_once() -> None:
    head = "".join(f'<meta property="og:image" content="{url}">' for url in ("/a.jpg", "/b.jpg", "/a.jpg"))
    head += '<meta property="og:image:width" content="300"><meta property="og:image:alt" content="A">'
    source = read_source({"name": "x", "start": [URL], "fields": {"image": "og:image", "tags": "meta:article:tag"}})
    tags = '<meta property="article:tag" content="x"><meta property="article:tag" content="y">'
    body = f"<head>{head}{tags}</head><body><main><p>Some words to be read.</p></main></body>"
    found = read_page(source, answer(body))
    assert [link.url for link in found.links] == ["http://a.example/a.jpg", "http://a.example/b.jpg"]
    assert found.records[0].metadata["tags"] == ["x", "y"]
