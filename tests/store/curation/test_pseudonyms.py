"""A release tells the kind of personal data and which mentions are of the same, and nothing that leads back to it."""

import stat

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.curation.pii.find import finder
from store.curation.pii.spans import Span, settled
from store.curation.pseudonyms import (
    KeyUnusable,
    project_key,
    pseudonym,
    pseudonymise,
    release_transform,
    replaced,
)
from store.curation.settings import CurationSettings
from store.records import content_hash

KEY = bytes(range(32))
PATTERNS = finder(CurationSettings())
TEXTS = ["🔥 Write to Jane@example.org or jane@example.org", "Nothing personal", "card 4111 1111 1111 1111"]


def rows():
    return pa.table(
        {
            "record_id": ["a", "b", "c"],
            "group_id": ["a", "a", "b"],
            "text": TEXTS,
            "content_hash": [content_hash(text) for text in TEXTS],
            "url": ["https://forum.example/?mail=jane%40example.org", "https://forum.example/1", None],
        }
    )


def spans_in(text):
    places = st.integers(0, len(text))
    edges = st.tuples(places, places).filter(lambda pair: pair[0] != pair[1]).map(sorted)
    return st.lists(st.builds(lambda e, sure: Span(*e, "other", "other", sure), edges, st.floats(0, 1)), max_size=6)


@given(st.data(), st.text(alphabet="ab 🔥é水", min_size=1, max_size=20))
def test_what_is_in_no_span_stays_and_what_is_in_one_goes(data, text):
    spans = data.draw(spans_in(text))
    kept, last, expected = settled(spans), 0, ""
    for span in kept:
        expected += text[last : span.start] + pseudonym(text[span.start : span.end], "other", KEY)
        last = span.end
    assert replaced(text, spans, KEY) == expected + text[last:]
    assert not any(span not in kept and all(_apart(span, other) for other in kept) for span in spans)


def _apart(one, other):
    return one.end <= other.start or other.end <= one.start


def test_the_same_value_has_the_same_name_however_it_is_written_and_another_key_gives_another():
    assert pseudonym("Jane@Example.org", "email", KEY) == pseudonym("jane@example.org", "email", KEY)
    assert pseudonym("4111-1111-1111-1111", "card", KEY) == pseudonym("4111 1111 1111 1111", "card", KEY)
    assert pseudonym("a.b@c.org", "email", KEY) != pseudonym("ab@c.org", "email", KEY)
    assert pseudonym("a@b.org", "email", KEY) != pseudonym("a@b.org", "email", KEY[::-1])


def test_the_name_tells_the_kind(tmp_path):
    released = release_transform("pseudonymise", PATTERNS, tmp_path)(rows())["text"].to_pylist()
    first, again = released[0].removeprefix("🔥 Write to ").split(" or ")
    assert first == again
    assert first.startswith("<EMAIL-")
    assert released[1:2] == ["Nothing personal"]
    assert released[2].startswith("card <CARD-")


def test_no_hash_of_a_changed_row_is_made_of_the_old_text(tmp_path):
    released = release_transform("pseudonymise", PATTERNS, tmp_path)(rows())
    for row, old in zip(released.to_pylist(), rows().to_pylist(), strict=True):
        assert row["content_hash"] == content_hash(row["text"])
        assert (row["record_id"] == old["record_id"]) == (row["text"] == old["text"])


def test_a_group_keeps_its_members_together(tmp_path):
    first, second, third = release_transform("pseudonymise", PATTERNS, tmp_path)(rows()).to_pylist()
    assert first["group_id"] == second["group_id"] == first["record_id"]
    assert third["group_id"] == "b"


def test_an_address_in_a_url_goes_and_other_urls_stay(tmp_path):
    released = release_transform("pseudonymise", PATTERNS, tmp_path)(rows())
    assert released["url"].to_pylist() == [None, "https://forum.example/1", None]


def test_rows_are_changed_in_the_same_way_each_time(tmp_path):
    transform = release_transform("pseudonymise", PATTERNS, tmp_path)
    assert transform(rows()).equals(transform(rows()))
    assert transform(rows()).schema == rows().schema


def test_dropping_leaves_the_rows_without_personal_data_and_keeping_leaves_all(tmp_path):
    assert release_transform("drop", PATTERNS, tmp_path)(rows())["record_id"].to_pylist() == ["b"]
    assert release_transform("keep", PATTERNS, tmp_path) is None


def test_rows_that_hold_none_need_no_key(tmp_path):
    release_transform("pseudonymise", PATTERNS, tmp_path)(rows().slice(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_text_stays():
    table = pa.table({"text": pa.array([None], pa.string())})
    assert pseudonymise(table, [[]], KEY).equals(table)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    key = project_key(tmp_path)
    (path,) = tmp_path.iterdir()
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == ("pii.key", 0o600)
    assert project_key(tmp_path) == key
    assert project_key(_folder(tmp_path, "other")) != key


def _folder(tmp_path, name):
    (tmp_path / name).mkdir()
    return tmp_path / name


@pytest.mark.parametrize("content", [b"", b"no key", b"00" * 31, b"\xff"])
def test_a_damaged_key_is_named_and_not_replaced(tmp_path, content):
    (tmp_path / "pii.key").write_bytes(content)
    with pytest.raises(KeyUnusable, match=r"pii\.key"):
        project_key(tmp_path)
    assert (tmp_path / "pii.key").read_bytes() == content
