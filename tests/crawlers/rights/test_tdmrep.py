"""The TDM file of a host, and the patterns that it and robots.txt are written in."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.rights.path_pattern import matches, path_of
from crawlers.rights.tdmrep import TdmFile

EXAMPLE = [
    {"location": "/directory-a/", "tdm-reservation": 1},
    {
        "location": "/directory-b/html/",
        "tdm-reservation": 1,
        "tdm-policy": "https://provider.example/policies/policy.json",
    },
    {"location": "/directory-b/images/*.jpg", "tdm-reservation": 0},
]


def reservation(told: object, path: str) -> str | None:
    file = TdmFile.parse(json.dumps(told).encode())
    found = file.for_url(f"https://provider.example{path}") if file else []
    return next((one["value"] for one in found if one["kind"] == "tdm-reservation"), None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/directory-a/x.pdf", "1"),
        ("/directory-b/html/a/b.html", "1"),
        ("/directory-b/images/a.jpg", "0"),
        ("/directory-b/images/a.png", None),
        ("/", None),
    ],
)
def test_the_example_of_the_specification(path, value):
    assert reservation(EXAMPLE, path) == value


def test_a_policy_comes_along_where_rights_are_reserved():
    file = TdmFile.parse(json.dumps(EXAMPLE).encode())
    said = {one["kind"]: one["value"] for one in file.for_url("https://provider.example/directory-b/html/x")}
    assert said == {"tdm-reservation": "1", "tdm-policy": "https://provider.example/policies/policy.json"}


def test_the_first_rule_that_matches_holds():
    rules = [{"location": "/a/open", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]
    assert reservation(rules, "/a/open/1") == "0"
    assert reservation(rules[::-1], "/a/open/1") == "1"


@pytest.mark.parametrize("value", [2, "yes", None, True, [1]])
def test_another_value_than_0_or_1_is_no_rule(value):
    assert reservation([{"location": "/", "tdm-reservation": value}], "/") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[", b"3", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_tdm_file_is_as_if_there_were_none(body):
    assert TdmFile.parse(body) is None


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/", "/anything", True),
        ("/fish", "/fish.html", True),
        ("/fish", "/Fish.asp", False),
        ("/fish*", "/fishheads/yummy.html?id=anything", True),
        ("/*.php$", "/folder/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/fish*.php", "/fishheads/catfish.php?parameters", True),
        ("/this/path/exactly$", "/this/path/exactly", True),
        ("/this/path/exactly$", "/this/path/exactly/not", False),
        ("/path/foo-%24", "/path/foo-%24", True),
        ("/%7ejoe/", "/~joe/index.html", True),
        ("/ä", "/%c3%a4/x", True),
        ("*", "/x", True),
        ("/a*b*b$", "/ab", False),
    ],
)
def test_patterns_match_as_robots_txt_means_them(pattern, path, fits):
    assert matches(pattern, path_of(f"https://provider.example{path}")) == fits


def test_a_pattern_of_many_stars_takes_no_time():
    began = time.perf_counter()
    assert not matches("/" + "*a" * 5_000 + "b$", "/" + "a" * 20_000)
    assert time.perf_counter() - began < 1


@given(st.text("ab*$/", max_size=8), st.text("ab/", max_size=8))
def test_a_pattern_matches_what_its_regular_expression_would(pattern, rest):
    pattern, path = f"/{pattern.replace('$', '')}", f"/{rest}"
    for ending in ("", "$"):
        expected = re.match(".*".join(map(re.escape, pattern.split("*"))) + ending.replace("$", r"\Z"), path)
        assert matches(pattern + ending, path) == bool(expected)


def test_a_policy_whose_address_is_none_is_kept_as_it_stands():
    file = TdmFile.parse(b'[{"location": "/", "tdm-reservation": 1, "tdm-policy": "http://[x"}]')
    assert file is not None
    said = [(one["kind"], one["value"]) for one in file.for_url("https://provider.example/a")]
    assert said == [("tdm-reservation", "1"), ("tdm-policy", "http://[x")]


@pytest.mark.parametrize("location", ['"/\\ud83d"', '"/\\u0000"', '"http://[x"'])
def test_a_location_that_no_url_has_fails_no_page(location):
    file = TdmFile.parse(f'[{{"location": {location}, "tdm-reservation": 1}}]'.encode())
    assert file is None or file.for_url("https://provider.example/a") == []


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_reservation_of_any_type_is_read(value):
    file = TdmFile.parse(json.dumps([{"location": "/", "tdm-reservation": value}]).encode())
    said = file.for_url("https://provider.example/a") if file else []
    assert all(isinstance(one["value"], str) for one in said)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/a%3Cd", "/a<d"),
        ("/a<d", "/a%3cd"),
        ("/path/foo-%24", "/path/foo-$"),
        ("/file-with-a-%2A.html$", "/file-with-a-*.html"),
        ("/ツ", "/%E3%83%84"),
        ("/%62%61z", "/baz"),
        ("/x?a=b:c", "/x?a=b%3Ac"),
    ],
)
def test_a_pattern_matches_however_it_or_the_path_is_spelt(pattern, path):
    assert matches(pattern, path_of(f"https://h.example{path}"))


def test_an_escaped_slash_is_no_slash():
    assert not matches("/a%2Fb", path_of("https://h.example/a/b"))
    assert not matches("/a/b", path_of("https://h.example/a%2Fb"))


def test_the_last_rule_of_the_longest_file_holds_too():
    told = [{"location": f"/{n}/", "tdm-reservation": 0} for n in range(10_000)]
    body = json.dumps([*told, {"location": "/last/", "tdm-reservation": 1}], separators=(",", ":")).encode()
    assert len(body) < 500 * 1024
    file = TdmFile.parse(body)
    assert file is not None
    assert [one["value"] for one in file.for_url("https://provider.example/last/1")] == ["1"]
