"""Reading JSON kindly, and saying where it is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.reading.json_pages import NotJson, find, read_json, why_not_jmespath
from crawlers.reading.values import as_key, as_metadata, as_text, clean

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES.filter(lambda value: value not in (float("inf"), float("-inf"))))
def test_what_is_json_is_read_as_it_is(value: object) -> None:
    try:
        written = json.dumps(value, allow_nan=False)
    except ValueError:
        return
    assert read_json(written.encode()) == value


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_that_they_are_no_json(body: bytes) -> None:
    try:
        read_json(body, "application/json; charset=x-unknown")
    except NotJson as error:
        assert str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[NaN, Infinity, -Infinity]", [None, None, None]),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", "9223372036854775808"),
        (b"9" * 5_000, "9" * 5_000),
        (b"1e999", "1e999"),
        (b'\xef\xbb\xbf["x"]', ["x"]),
        ('["é"]'.encode("utf-16"), ["é"]),
        ('["é"]'.encode("utf-32-be"), ["é"]),
        ('["é"]'.encode("latin-1"), ["é"]),
    ],
)
def test_what_others_stumble_over_is_read(body: bytes, value: object) -> None:
    assert read_json(body, "application/json; charset=iso-8859-1") == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "it is empty"),
        (b"[1, 2", "expecting ',' delimiter at line 1, column 6"),
        (b"{'a': 1}", "expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\n<!DOCTYPE html><p>", "expecting value at line 2, column 1; it looks like HTML"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'["caf\xe9"]', "byte 5 is not UTF-8"),
    ],
)
def test_what_is_not_json_is_said_with_its_place(body: bytes, said: str) -> None:
    with pytest.raises(NotJson) as raised:
        read_json(body)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("posts[*].body", None),
        ("length(@)", None),
        ("", "it is empty"),
        ("posts[", "character 7 is not expected there"),
        ("a b", "character 3 is not expected there"),
        ("nofunc(@)", "unknown function: nofunc()"),
    ],
)
def test_a_jmespath_is_checked_before_it_is_used(expression: str, why: str | None) -> None:
    assert why_not_jmespath(expression) == why


@given(st.text(max_size=20))
def test_no_expression_raises(expression: str) -> None:
    if why_not_jmespath(expression) is None:
        find(expression, {"a": [1, "x", None]})


def test_a_function_that_cannot_work_on_a_value_finds_nothing() -> None:
    assert find("length(@)", 3) is None


@given(st.text(st.characters()))
def test_clean_text_can_be_stored_and_is_otherwise_the_same(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    if "\0" not in text and not any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        assert cleaned == text


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [
        (" a ", "a", "a"),
        ("", None, None),
        (["a", None, ["b", 3]], "a\nb\n3", None),
        ({"a": 1}, None, None),
        (7, "7", "7"),
        (7.0, "7", "7"),
        (7.5, "7.5", "7.5"),
        (float("nan"), None, None),
        (True, None, None),
        (2**70, str(2**70), str(2**70)),
        ("\ud83d\ude00", "😀", "😀"),
        ("a\ud800", "a\ufffd", "a\ufffd"),
    ],
)
def test_values_become_texts_and_keys(value: object, text: str | None, key: str | None) -> None:
    assert (as_text(value), as_key(value)) == (text, key)


def test_metadata_is_what_json_can_hold() -> None:
    deep: object = "x"
    for _ in range(20):
        deep = [deep]
    given_value = {"n": float("inf"), "big": 2**65, "bytes": b"x", "deep": deep, "\ud800": "y"}
    kept = as_metadata(given_value)
    json.dumps(kept, allow_nan=False).encode()
    assert (kept["n"], kept["big"], kept["bytes"], kept["\ufffd"]) == (None, str(2**65), None, "y")
