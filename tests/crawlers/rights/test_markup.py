"""What a page's markup says about its use, in every form that sites write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.rights.markup import markup_rights
from crawlers.rights.words import MOST_ITEMS

URL = "https://forum.example/t/1"
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def items(head: str, body: str = "<p>Text</p>") -> set[tuple[str, str, str]]:
    found = markup_rights(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", URL)
    return {(one["kind"], one["value"], one["where"]) for one in found.get("items", [])}


def json_ld(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def test_a_page_that_says_nothing_gives_nothing():
    assert markup_rights("<html><body><p>Hello</p></body></html>", URL) == {}
    assert markup_rights("", URL) == {}


def test_noai_in_the_robots_meta_is_found_in_any_case_and_among_others():
    said = items('<META NAME="Robots" CONTENT="index, NoAI, noimageai,  max-snippet:-1">')
    assert {kind for kind, _, _ in said} == {"noai", "noimageai", "max-snippet"}


def test_none_is_noindex():
    assert items('<meta name="robots" content="none">') == {("noindex", "none", "meta robots")}


def test_what_is_said_to_us_counts_as_said_to_all():
    assert items('<meta name="tilth" content="noai">') == {("noai", "noai", "meta tilth")}


def test_what_is_said_to_an_ai_agent_is_that_agents_refusal():
    assert items('<meta name="gptbot" content="noindex">') == {("ai-agent-refused", "GPTBot", "meta gptbot")}


def test_what_is_said_to_a_search_engine_forbids_us_nothing_and_is_kept():
    assert items('<meta name="googlebot" content="noindex">') == {
        ("other-agent", "googlebot: noindex", "meta googlebot")
    }


def test_words_that_are_no_directives_are_left_alone():
    assert items('<meta name="robots" content="beep, boop"><meta name="description" content="noai">') == set()


def test_a_tdm_reservation_and_its_policy_are_found():
    said = items('<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="/policies/tdm.json">')
    assert said == {
        ("tdm-reservation", "1", "meta"),
        ("tdm-policy", "https://forum.example/policies/tdm.json", "meta"),
    }


@pytest.mark.parametrize(
    ("markup", "where"),
    [
        (f'<link rel="license" href="{CC_BY}">', "link rel=license"),
        (f'<a rel="nofollow LICENSE" href="{CC_BY}">CC</a>', "a rel=license"),
        (f'<meta name="DCTERMS.license" content="{CC_BY}">', "meta dcterms.license"),
        (json_ld({"@type": "Article", "license": CC_BY}), "JSON-LD Article"),
        (json_ld({"@type": "Article", "license": {"@id": CC_BY}}), "JSON-LD Article"),
        (json_ld({"@graph": [{"@type": ["WebPage", "X"], "license": [CC_BY]}]}), "JSON-LD WebPage"),
        (json_ld([{"mainEntity": {"@type": "QAPage", "license": CC_BY}}]), "JSON-LD QAPage"),
    ],
)
def test_a_licence_of_the_page_is_found_in_each_form(markup, where):
    assert items(markup) == {("licence", CC_BY, where)}


def test_the_licence_of_a_picture_is_not_the_pages():
    said = items(json_ld({"@type": "Article", "image": {"@type": "ImageObject", "license": CC_BY}}))
    assert said == {("licence-part", CC_BY, "JSON-LD ImageObject")}


def test_a_link_to_creative_commons_alone_is_no_licence_of_the_page():
    assert items("", f'<a href="{CC_BY}">what CC BY means</a>') == {("licence-link", CC_BY, "link to Creative Commons")}


def test_a_relative_licence_becomes_absolute():
    assert items('<link rel="license" href="/terms">') == {
        ("licence", "https://forum.example/terms", "link rel=license")
    }


def test_json_ld_that_is_broken_does_not_hide_the_rest():
    broken = '<script type="application/ld+json">{"license": nope</script>'
    assert items(f'{broken}<link rel="license" href="{CC_BY}">') == {("licence", CC_BY, "link rel=license")}


def test_a_page_that_repeats_itself_stays_small_and_keeps_what_forbids():
    links = "".join(f'<a rel="license" href="/licence/{i}">x</a>' for i in range(5_000))
    found = markup_rights(f'<html><body>{links}<meta name="robots" content="noai"></body></html>', URL)["items"]
    assert len(found) == MOST_ITEMS
    assert "noai" in {one["kind"] for one in found}


def test_deep_json_ld_ends():
    deep = '{"a":' * 5_000 + '{"license":"x"}' + "}" * 5_000
    script = f'<script type="application/ld+json">{deep}</script>'
    found = markup_rights(f'<html><head><meta name="robots" content="noai"></head><body>{script}</body></html>', URL)
    assert [one["kind"] for one in found["items"]] == ["noai"]


@given(st.text(max_size=400))
def test_whatever_a_page_says_nothing_is_raised(text):
    for html, url in ((f"<html><head>{text}</head><body><p>x</p></body></html>", URL), (text, text)):
        items = markup_rights(html, url).get("items", [])
        assert len(items) <= MOST_ITEMS and all(one["kind"] and one["where"] for one in items)


@given(st.permutations(['<meta name="robots" content="noai">', f'<link rel="license" href="{CC_BY}">', "<p>x</p>"]))
def test_the_order_on_the_page_does_not_matter(parts):
    assert markup_rights("".join(parts), URL) == markup_rights("".join(sorted(parts)), URL)
