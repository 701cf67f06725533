"""The kind `sitemap`: what it starts with, which pages and sitemaps it goes on to, and where it ends."""

import datetime

import pytest

from crawlers.declaration import SourceError
from crawlers.kinds import sitemap
from crawlers.page import Link
from crawlers.scope import Scope
from tests.crawlers.kinds.pages import answer

INDEX = "<sitemapindex><sitemap><loc>https://h.example/s1.xml</loc></sitemap></sitemapindex>"


def source(**more: object) -> sitemap.Source:
    return sitemap.Source.declare({"name": "s", "start": ["https://h.example/"], **more})


def test_a_site_stands_for_its_sitemap_where_its_robots_txt_names_none() -> None:
    declared = source(start=["https://h.example", "https://h.example/maps/a.xml", "https://h.example/sitemap.xml"])
    assert [link.url for link in sitemap.start(declared)] == [
        "https://h.example/maps/a.xml",
        "https://h.example/sitemap.xml",
    ]
    assert sitemap.sites(declared) == ["https://h.example"]
    (own,) = sitemap.of_site(declared, "https://h.example", ["http://[x", "ftp://h.example/a.xml"])
    assert own == Link("https://h.example/sitemap.xml", "sitemap", sitemap.SITEMAPS_FIRST, {"index_depth": 0})


def test_a_site_stands_for_the_sitemaps_that_its_robots_txt_names_also_on_another_host() -> None:
    named = ["https://h.example/b.xml", "https://cdn.example/c.xml", "/d.xml", "https://h.example/b.xml", "/old/e.xml"]
    links = sitemap.of_site(source(deny=["/old/"]), "https://h.example/", named)
    assert [(link.url, link.role) for link in links] == [
        ("https://h.example/b.xml", "sitemap"),
        ("https://cdn.example/c.xml", "listed-sitemap"),
        ("https://h.example/d.xml", "sitemap"),
    ]
    many = [f"https://h.example/{n}.xml" for n in range(1_000)]
    assert len(sitemap.of_site(source(), "https://h.example/", many)) == sitemap.MOST_LISTED


def test_what_a_sitemap_on_another_host_names_is_held_against_the_bounds() -> None:
    declared = source()
    index = INDEX.replace("https://h.example/s1.xml", "https://cdn.example/s1.xml")
    there = answer(index, role="listed-sitemap", url="https://cdn.example/index.xml")
    (part,) = sitemap.read(declared, there).links
    assert (part.url, part.role) == ("https://cdn.example/s1.xml", "listed-sitemap")
    assert Scope(declared).why_not(part.url, part.role) is None
    pages = answer(
        "https://cdn.example/p\nhttps://h.example/p", role="listed-sitemap", url="https://cdn.example/s1.xml"
    )
    inside = [
        link.url for link in sitemap.read(declared, pages).links if not Scope(declared).why_not(link.url, link.role)
    ]
    assert inside == ["https://h.example/p"]


def test_an_index_of_the_sources_own_host_opens_no_other() -> None:
    index = INDEX.replace("https://h.example/s1.xml", "https://cdn.example/s1.xml")
    (part,) = sitemap.read(source(), answer(index, role="sitemap")).links
    assert Scope(source()).why_not(part.url, part.role)


def test_the_pages_that_changed_last_come_first_and_sitemaps_before_them() -> None:
    body = (
        "<urlset><url><loc>https://h.example/old</loc><lastmod>2025-01-10</lastmod></url>"
        "<url><loc>https://h.example/new</loc><lastmod>2026-01-09</lastmod></url>"
        "<url><loc>https://h.example/unknown</loc></url></urlset>"
    )
    links = sitemap.read(source(), answer(body, role="sitemap")).links
    nested = sitemap.read(source(), answer(INDEX, role="sitemap")).links
    ordered = sorted([*links, *nested], key=lambda link: -link.priority)
    assert [link.url.rsplit("/", 1)[1] for link in ordered] == ["s1.xml", "new", "old", "unknown"]


def test_pages_that_have_not_changed_since_are_left_out() -> None:
    body = (
        "<urlset><url><loc>https://h.example/old</loc><lastmod>2025-12-31</lastmod></url>"
        "<url><loc>https://h.example/new</loc><lastmod>2026-01-01</lastmod></url>"
        "<url><loc>https://h.example/unknown</loc></url></urlset>"
    )
    links = sitemap.read(source(changed_since="2026-01-01"), answer(body, role="sitemap")).links
    assert [link.url for link in links] == ["https://h.example/new", "https://h.example/unknown"]


def test_changed_since_may_be_a_date_of_toml() -> None:
    declared = source(changed_since=datetime.date(2026, 1, 1))
    assert sitemap.Source.declare(declared.declared()) == declared


def test_an_index_leads_to_its_sitemaps_one_level_deeper() -> None:
    (link,) = sitemap.read(source(), answer(INDEX, role="sitemap", about={"index_depth": 1})).links
    assert link == Link("https://h.example/s1.xml", "sitemap", sitemap.SITEMAPS_FIRST, {"index_depth": 2})


def test_indexes_in_indexes_end_and_say_so() -> None:
    found = sitemap.read(source(), answer(INDEX, role="sitemap", about={"index_depth": 3}))
    assert found.links == ()
    assert found.error == (
        "sitemap: sitemaps in it (1) lie under more than 3 indexes; raise max_index_depth where that is meant"
    )


def test_what_is_no_sitemap_is_an_error_of_that_page() -> None:
    found = sitemap.read(source(), answer("<html>", role="sitemap"))
    assert found.error == "sitemap: it is an HTML page, no sitemap"


def test_a_page_is_read_as_that_of_a_site() -> None:
    declared = source(item="p", fields={"text": "b"})
    found = sitemap.read(
        declared, answer("<p><b>one</b><p><b>two</b>", role="page", headers=(("content-type", "text/html"),))
    )
    assert [record.text for record in found.records] == ["one", "two"]


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"changed_since": "last week"}, ("changed_since",), 'changed_since "last week" is no date'),
        ({"max_index_depth": 99}, ("max_index_depth",), "at most 10"),
        ({"start": []}, ("start",), "start is empty"),
        ({"changedsince": "2026"}, ("changedsince",), 'did you mean "changed_since"?'),
    ],
)
def test_a_wrong_declaration_is_said_with_its_key(wrong: dict, field: tuple, said: str) -> None:
    with pytest.raises(SourceError) as raised:
        source(**wrong)
    assert raised.value.field == field
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, 'sitemap: all 2 URLs in it are of other hosts; where that is meant, add hosts = ["www.h.example"]'),
        ({"hosts": ["www.h.example"]}, None),
        ({"allow": ["https://www"]}, None),
    ],
)
def test_a_sitemap_of_another_host_alone_is_said(more: dict, error: str | None) -> None:
    body = "https://www.h.example/1\nhttps://www.h.example/2"
    assert sitemap.read(source(**more), answer(body, role="sitemap")).error == error
