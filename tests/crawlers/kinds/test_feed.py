"""The kind `feed`: entries as records, or as the pages that they link to."""

import pytest

from crawlers.declaration import SourceError
from crawlers.kinds import feed
from tests.crawlers.kinds.pages import answer

RSS = (
    "<rss version='2.0'><channel><title>News</title>"
    "<item><guid isPermaLink='false'>1</guid><link>https://h.example/1</link><description>first</description></item>"
    "<item><guid isPermaLink='false'>2</guid><link>https://h.example/2</link><title>second</title></item>"
    "<item><guid isPermaLink='false'>3</guid></item></channel></rss>"
)
ATOM = (
    "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='next' href='/older'/>"
    "<entry><id>1</id><summary>x</summary></entry></feed>"
)


def source(**more: object) -> feed.Source:
    return feed.Source.declare({"name": "f", "start": ["https://h.example/feed.xml"], **more})


def test_entries_are_records_by_their_own_ids() -> None:
    found = feed.read(source(), answer(RSS, role="feed"))
    assert [(r.position, r.natural_key, r.text, r.url) for r in found.records] == [
        (0, "1", "first", "https://h.example/1"),
        (1, "2", "second", "https://h.example/2"),
    ]
    assert (found.items, found.empty, found.links, found.error) == (3, 1, (), None)


def test_a_record_keeps_what_is_said_of_the_entry_and_the_feeds_name() -> None:
    assert feed.read(source(), answer(RSS, role="feed")).records[1].metadata == {"title": "second", "feed": "News"}


def test_with_full_text_the_pages_of_the_entries_are_asked_for() -> None:
    found = feed.read(source(full_text=True), answer(RSS, role="feed"))
    assert found.records == ()
    assert [(link.url, link.role) for link in found.links] == [
        ("https://h.example/1", "page"),
        ("https://h.example/2", "page"),
    ]


def test_entries_that_all_lie_on_hosts_of_others_are_said_with_what_to_do() -> None:
    page = answer(RSS.replace("//h.example/1", "//a.example/1").replace("//h.example", "//b.example"), role="feed")
    said = 'feed: all 2 URLs in it are of other hosts; where that is meant, add hosts = ["a.example", "b.example"]'
    assert feed.read(source(full_text=True), page).error == said
    assert feed.read(source(full_text=True, hosts=["b.example"]), page).error is None
    assert feed.read(source(), page).error is None  # no page of theirs is wanted


def test_a_page_of_an_entry_is_read_as_that_of_a_site() -> None:
    declared = source(full_text=True, item="p", fields={"text": "b"})
    found = feed.read(declared, answer("<p><b>one</b>", role="page", headers=(("content-type", "text/html"),)))
    assert [record.text for record in found.records] == ["one"]


def test_what_the_feed_says_of_an_entry_stands_beside_what_its_page_says() -> None:
    declared = source(full_text=True, item="p", fields={"text": "b", "author": "i"})
    page = answer(
        "<p><b>one</b><i>bo</i>",
        role="page",
        headers=(("content-type", "text/html"),),
        about={"entry": {"author": "ann", "title": "T"}},
    )
    assert feed.read(declared, page).records[0].metadata == {"author": "bo", "title": "T"}


@pytest.mark.parametrize(("older", "links"), [(True, ["https://h.example/older"]), (False, [])])
def test_older_entries_are_asked_for_only_where_that_is_declared(older: bool, links: list[str]) -> None:
    found = feed.read(source(older=older), answer(ATOM, role="feed"))
    assert [link.url for link in found.links] == links


def test_the_same_entries_have_the_same_hash_whatever_else_changed() -> None:
    first, second = (feed.read(source(), answer(body, role="feed")) for body in (RSS, RSS.replace("News", "Old news")))
    assert first.text_hash == second.text_hash is not None


def test_what_is_no_feed_is_an_error_of_that_page() -> None:
    found = feed.read(source(), answer("<html>", role="feed"))
    assert (found.error or "").startswith("feed: it is an HTML page, no feed")


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"every": "1m"}, ("every",), "less than 5 minutes"),
        ({"every": "soon"}, ("every",), "is no duration"),
        ({"item": "p", "fields": {"text": "b"}}, ("item",), "add full_text = true"),
        ({"follow": "a"}, ("follow",), "add full_text = true"),
        ({"key": "b"}, ("key",), "add full_text = true"),
    ],
)
def test_a_wrong_declaration_is_said_with_its_key(wrong: dict, field: tuple, said: str) -> None:
    with pytest.raises(SourceError) as raised:
        source(**wrong)
    assert raised.value.field == field
    assert said in str(raised.value)
