"""The kind `api`: records by JMESPath, page after page, each way on, and an end to each."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.declaration import SourceError
from crawlers.kinds import api, request_headers
from crawlers.page import Extraction
from crawlers.reading.environment import NotInEnvironment
from tests.crawlers.kinds.pages import answer

URL = "https://h.example/posts"


def source(**more: object) -> api.Source:
    given_keys = {"name": "a", "start": [URL], "item": "posts", "key": "id", "fields": {"text": "body"}}
    return api.Source.declare(given_keys | more)


def read(declared: api.Source, body: Any, **more: Any) -> Extraction:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.read(declared, answer(content, role="api", **{"url": URL} | more))


def walk(declared: api.Source, pages: dict[str, Any] | Any, most: int = 50) -> tuple[list[str], str | None]:
    """The keys of all records when each link is followed, and the last error; `pages` answers by URL."""
    links, keys, asked, error = api.start(declared), [], set(), None
    while links and len(asked) < most:
        link = links.pop(0)
        if link.url in asked:
            continue
        asked.add(link.url)
        found = read(declared, pages(link.url), url=link.url, about=link.about)
        keys += [record.natural_key for record in found.records]
        links += found.links
        error = found.error or error
    return keys, error


def posts(first: int, count: int) -> list[dict[str, object]]:
    return [{"id": n, "body": f"text {n}"} for n in range(first, first + count)]


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_record_is_what_its_paths_find() -> None:
    declared = source(fields={"text": "body.text", "url": "link", "who": "user.name", "tags": "tags[*].t", "none": "x"})
    item = {
        "id": 7,
        "body": {"text": " hi "},
        "link": "/t/7",
        "user": {"name": "ann"},
        "tags": [{"t": "a"}, {"t": "b"}],
    }
    (record,) = read(declared, {"posts": [item]}).records
    assert (record.natural_key, record.text, record.url) == ("7", "hi", "https://h.example/t/7")
    assert record.metadata == {"who": "ann", "tags": ["a", "b"]}


def test_what_paths_do_not_find_is_counted() -> None:
    found = read(source(), {"posts": [{"id": 1, "body": "x"}, {"body": None}, "no object", None]})
    assert (found.items, found.empty, dict(found.unmatched)) == (4, 3, {"text": 3, "key": 3})


def test_an_answer_may_be_the_list() -> None:
    assert len(read(source(item="@"), posts(0, 3)).records) == 3


def test_one_object_is_one_record_where_its_path_is_declared() -> None:
    assert len(read(source(), {"posts": posts(0, 1)[0]}).records) == 1


def test_html_becomes_the_text_that_a_reader_sees() -> None:
    (record,) = read(
        source(html=True), {"posts": [{"id": 1, "body": "<p>a &lt; b</p><script>x</script><p>c</p>"}]}
    ).records
    assert record.text == "a < b\nc"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", "not-json: expecting value at line 1, column 1; it looks like HTML"),
        (b"3", 'item: item "posts" finds nothing, not a list'),
        (b'{"items": []}', 'item: item "posts" finds nothing, not a list; lists in it are: items'),
        (b'{"posts": "x"}', 'item: item "posts" finds a string, not a list'),
        (b"[" * 100_000, "not-json: it is nested too deep"),
    ],
)
def test_an_answer_that_is_none_is_said(body: bytes, error: str) -> None:
    assert read(source(), body).error == error


def test_the_next_url_is_followed_until_there_is_none() -> None:
    def pages(url: str) -> object:
        n = int(query(url).get("n", 0))
        return {"posts": posts(n * 2, 2), "next": f"?n={n + 1}" if n < 3 else None}

    assert walk(source(next="next"), pages) == ([str(n) for n in range(8)], None)


def test_the_link_header_is_followed() -> None:
    headers = (("link", '<https://h.example/posts?page=9>; rel="last", </posts?page=2>; rel="next"; title="a, b"'),)
    found = api.read(
        source(next_header=True), answer(json.dumps({"posts": posts(0, 1)}), role="api", url=URL, headers=headers)
    )
    assert [link.url for link in found.links] == ["https://h.example/posts?page=2"]


def test_pages_are_counted_until_one_is_empty() -> None:
    asked: list[dict[str, str]] = []

    def pages(url: str) -> object:
        asked.append(query(url))
        page = int(asked[-1]["page"])
        return {"posts": posts(page * 3, 3) if page < 3 else []}

    declared = source(page={"param": "page", "start": 0, "size_param": "n", "size": 3})
    assert walk(declared, pages) == ([str(n) for n in range(9)], None)
    assert asked == [{"page": str(page), "n": "3"} for page in range(4)]


def test_an_offset_grows_by_what_came() -> None:
    def pages(url: str) -> object:
        first = int(query(url)["offset"])
        return {"posts": posts(first, min(4, 10 - first))}

    assert walk(source(offset={"param": "offset"}), pages) == ([str(n) for n in range(10)], None)


def test_a_cursor_is_followed_until_there_is_none() -> None:
    after = {"": "a+/=", "a+/=": "b&c", "b&c": ""}

    def pages(url: str) -> object:
        here = query(url).get("after", "")
        return {"posts": posts(list(after).index(here), 1), "meta": {"cursor": after[here]}}

    assert walk(source(cursor={"param": "after", "path": "meta.cursor"}), pages) == (["0", "1", "2"], None)


@pytest.mark.parametrize("nothing", [[], None])
@pytest.mark.parametrize("way", [{"next": "next"}, {"cursor": {"param": "n", "path": "cursor"}}])
def test_an_answer_without_records_that_names_the_next_one_does_not_end_it(way: dict, nothing: object) -> None:
    def pages(url: str) -> object:
        n = int(query(url).get("n", 0))
        more = {"next": f"?n={n + 1}", "cursor": str(n + 1)} if n < 50 else {}
        return {"posts": nothing if n % 10 else posts(n, 1)} | more

    assert walk(source(**way), pages, most=100) == (["0", "10", "20", "30", "40", "50"], None)


def test_answers_without_records_end_at_last_with_a_word() -> None:
    def pages(url: str) -> object:
        n = int(query(url).get("n", 0))
        return {"posts": [] if n else posts(0, 1), "next": f"?n={n + 1}"}

    keys, error = walk(source(next="next"), pages)
    assert keys == ["0"]
    assert error == "paging: the last 20 answers had no records; the pages were not followed further"


def test_records_that_come_again_behind_answers_without_any_end_it() -> None:
    def pages(url: str) -> object:
        n = int(query(url).get("n", 0))
        return {"posts": [] if n % 2 else posts(0, 1), "next": f"?n={n + 1}"}

    keys, error = walk(source(next="next"), pages)
    assert keys == ["0", "0"] and (error or "").startswith("paging: the records are those of the page before")


def test_a_last_answer_without_records_that_names_itself_is_an_end() -> None:
    found = read(source(next="next"), {"posts": [], "next": URL}, about={"digest": "x"})
    assert found.links == () and found.error is None


def test_a_page_that_gives_the_records_of_the_one_before_ends_it_with_a_word() -> None:
    keys, error = walk(source(page={"param": "page"}), lambda _: {"posts": posts(0, 2)})
    assert len(keys) == 4
    assert error == "paging: the records are those of the page before; the pages were not followed further"


def test_a_page_whose_next_is_itself_ends_it_with_a_word() -> None:
    found = read(source(next="next"), {"posts": posts(0, 1), "next": URL})
    assert found.links == ()
    assert found.error == "paging: the next page is this page again; the pages were not followed further"


def test_pages_that_name_one_another_in_a_circle_end() -> None:
    def pages(url: str) -> object:
        n = int(query(url).get("n", 0))
        return {"posts": posts(n, 1), "next": f"?n={(n + 1) % 3}"}

    assert len(walk(source(next="next"), pages)[0]) <= 4


def test_what_an_api_says_of_its_next_page_need_not_be_a_url() -> None:
    for said in (3, [], {"a": 1}, "", "http://[", "mailto:x"):
        assert read(source(next="next"), {"posts": posts(0, 1), "next": said}).links == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda i: st.lists(i) | st.dictionaries(st.sampled_from(["posts", "id", "body", "next"]), i),
    )
)
def test_no_answer_raises(body: object) -> None:
    read(source(next="next"), json.dumps(body).encode())
    read(source(next="next"), json.dumps({"posts": [body], "next": body}).encode())


def test_a_headers_variable_is_filled_in_only_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORUM_TOKEN", "s3cret")
    declared = source(headers={"Authorization": "Bearer ${FORUM_TOKEN}"})
    assert request_headers(declared) == {"Accept": "application/json", "Authorization": "Bearer s3cret"}
    assert "s3cret" not in json.dumps(declared.declared())


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(NotInEnvironment, match='source "a": header X-Key needs the environment variable NOT_SET_HERE'):
        request_headers(source(headers={"X-Key": "${NOT_SET_HERE}"}))


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"item": "posts["}, ("item",), 'item "posts[" is not valid JMESPath: character 7 is not expected there'),
        ({"key": "a b"}, ("key",), "is not valid JMESPath"),
        ({"fields": {"text": "nofunc(@)"}}, ("fields", "text"), "unknown function"),
        ({"fields": {"who": "x"}}, ("fields",), 'needs a field "text"'),
        ({"next": "a..b"}, ("next",), "is not valid JMESPath"),
        ({"next": "n", "page": {"param": "p"}}, ("page",), "two ways to the next page"),
        ({"page": {"parm": "p"}}, ("page",), "param"),
        ({"cursor": {"param": "p", "path": "["}}, ("cursor", "path"), "is not valid JMESPath"),
        ({"headers": {"Authorization": "Bearer abc"}}, ("headers", "Authorization"), "holds a secret"),
        ({"headers": {"User-Agent": "x"}}, ("headers", "User-Agent"), "is the crawler's own"),
        ({"headers": {"X": "a\r\nY: b"}}, ("headers", "X"), "can be sent"),
        ({"start": ["https://h.example/?key=${KEY}"]}, ("start",), "a secret goes into [source.headers]"),
        ({"render": "browser"}, ("render",), "answers with JSON"),
        ({"follow": "a"}, ("follow",), "is about HTML pages"),
        ({"steps": [{"click": "a"}]}, ("steps",), "is about HTML pages, and an api answers with JSON; take it out"),
        ({"login": {"url": "https://h.example/in"}}, ("login",), "is about HTML pages"),
    ],
)
def test_a_wrong_declaration_is_said_with_its_key(wrong: dict, field: tuple, said: str) -> None:
    with pytest.raises(SourceError) as raised:
        source(**wrong)
    assert raised.value.field[: len(field)] == field
    assert said in str(raised.value)


def test_a_declaration_comes_back_as_it_was_written() -> None:
    declared = source(page={"param": "p", "size_param": "n", "size": 5}, headers={"X-Key": "${K}"}, html=True)
    assert api.Source.declare(json.loads(json.dumps(declared.declared()))) == declared
