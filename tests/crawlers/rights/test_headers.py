"""What headers say about the use of a page."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.rights.headers import header_rights

URL = "https://forum.example/t/1"


def said(*headers: tuple[str, str]) -> set[tuple[str, str, str]]:
    return {(one["kind"], one["value"], one["where"]) for one in header_rights(headers, URL)}


def test_noai_and_noimageai_for_everybody():
    assert said(("X-Robots-Tag", "noai, noimageai")) == {
        ("noai", "noai", "X-Robots-Tag"),
        ("noimageai", "noimageai", "X-Robots-Tag"),
    }


def test_an_agents_name_holds_until_the_next_one():
    assert said(("x-robots-tag", "googlebot: noindex, nofollow, GPTBot: noai, tilth: noai")) == {
        ("other-agent", "googlebot: noindex", "X-Robots-Tag googlebot"),
        ("other-agent", "googlebot: nofollow", "X-Robots-Tag googlebot"),
        ("ai-agent-refused", "GPTBot", "X-Robots-Tag gptbot"),
        ("noai", "noai", "X-Robots-Tag tilth"),
    }


def test_a_second_header_begins_anew_for_everybody():
    assert ("noai", "noai", "X-Robots-Tag") in said(("X-Robots-Tag", "googlebot: noindex"), ("X-Robots-Tag", "noai"))


@pytest.mark.parametrize("date", ["Wed, 25 Jun 2025 15:00:00 GMT", "25 Jun 2025 15:00:00 PST", "2025-06-25"])
def test_the_comma_of_a_date_does_not_end_it(date):
    assert said(("X-Robots-Tag", f"unavailable_after: {date}, noai")) == {
        ("unavailable-after", f"unavailable_after: {date}", "X-Robots-Tag"),
        ("noai", "noai", "X-Robots-Tag"),
    }


def test_values_with_a_colon_are_no_agents():
    kinds = {kind for kind, _, _ in said(("X-Robots-Tag", "max-snippet:-1, max-image-preview: large, noai"))}
    assert kinds == {"max-snippet", "max-image-preview", "noai"}


def test_a_tdm_reservation_and_its_policy():
    assert said(("tdm-reservation", "1"), ("tdm-policy", "/tdm.json")) == {
        ("tdm-reservation", "1", "header"),
        ("tdm-policy", "https://forum.example/tdm.json", "header"),
    }


def test_content_usage_of_several_headers_is_one_dictionary():
    assert said(("Content-Usage", "train-ai=y"), ("content-usage", "search=y, train-ai=n")) == {
        ("aipref", "train-ai=n", "Content-Usage header"),
        ("aipref", "search=y", "Content-Usage header"),
    }


def test_a_licence_in_a_link_header_is_found_among_others():
    value = '</style.css>; rel=preload; as=style, </terms>; title="a, b"; rel="license nofollow"'
    assert said(("Link", value)) == {("licence", "https://forum.example/terms", "Link header")}


@given(st.sampled_from(["X-Robots-Tag", "Link", "Content-Usage", "tdm-reservation", "tdm-policy"]), st.text())
def test_whatever_a_header_says_nothing_is_raised(name, value):
    found = header_rights([(name, value)], URL)
    assert all(one["kind"] and one["where"] for one in found)
    assert json.dumps(found, ensure_ascii=False).encode(), "what cannot be encoded cannot be kept"


@pytest.mark.parametrize("broken", ["http://[x", "//h.example:port/"])
def test_an_address_that_is_none_is_kept_as_it_stands(broken):
    assert said(("Link", f"<{broken}>; rel=license"), ("tdm-policy", broken)) == {
        ("licence", broken, "Link header"),
        ("tdm-policy", broken, "header"),
    }
