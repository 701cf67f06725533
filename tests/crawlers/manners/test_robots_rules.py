"""The rules of robots.txt, case by case: what a file makes of a path, by both who read it.

The cases are ours; what they hold to is RFC 9309, sections 2.1, 2.2 and 5, and, where it is silent, what the large
search engines say of their own crawlers.
"""

import pytest

from crawlers.manners.robots_file import RobotsFile
from crawlers.rights.robots_txt import RobotsEvidence

SITE = "https://h.example"


def for_us(text: str, path: str) -> bool:
    return RobotsFile.read(text.encode()).allows(SITE + path)


def for_gptbot(text: str, path: str) -> bool | None:
    """The same asked about GPTBot, in whose place the files name tilth."""
    named = text.replace("tilth", "GPTBot").replace("Tilth", "gptbot").replace("TILTH", "GPTBOT")
    found = {one["value"]: one["kind"] for one in RobotsEvidence.read(named.encode()).for_url(SITE + path)}
    return found["GPTBot"] == "ai-agent-allowed" if "GPTBot" in found else None


WHO = {
    "the token alone": "User-agent: tilth\nDisallow: /x",
    "the token in capitals": "USER-AGENT: TILTH\nDISALLOW: /x",
    "a version behind it": "User-agent: tilth/1.0\nDisallow: /x",
    "a whole user agent": "User-agent: tilth (+https://h.example/bot)\nDisallow: /x",
    "words behind it": "User-agent: tilth bot\nDisallow: /x",
    "a star behind it": "User-agent: tilth*\nDisallow: /x",
    "a comment behind it": "User-agent: tilth# ours\nDisallow: /x",
    "blanks around it": "  User-agent :\t tilth \n  Disallow : /x",
    "no blank": "User-agent:tilth\nDisallow:/x",
    "no colon": "User-agent tilth\nDisallow /x",
    "several names over the rules": "User-agent: tilth\nUser-agent: b\nDisallow: /x",
    "several names, ours last": "User-agent: b\nUser-agent: tilth\nDisallow: /x",
    "an empty line between names": "User-agent: tilth\n\nUser-agent: b\nDisallow: /x",
    "a comment between names": "User-agent: tilth\n# and\nUser-agent: b\nDisallow: /x",
    "a Sitemap between names": "User-agent: tilth\nSitemap: https://h.example/s.xml\nUser-agent: b\nDisallow: /x",
    "an unknown line between names": "User-agent: tilth\nShoe-size: 42\nUser-agent: b\nDisallow: /x",
    "a Sitemap between rules": "User-agent: tilth\nDisallow: /y\nSitemap: https://h.example/s.xml\nDisallow: /x",
    "an unknown line between rules": "User-agent: tilth\nDisallow: /y\nShoe-size: 42\nDisallow: /x",
    "a line of nothing between rules": "User-agent: tilth\nDisallow: /y\nhello there\nDisallow: /x",
    "a comment between rules": "User-agent: tilth\nDisallow: /y\n# and\nDisallow: /x",
    "an empty line between rules": "User-agent: tilth\nDisallow: /y\n\nDisallow: /x",
    "an empty Disallow between rules": "User-agent: tilth\nDisallow:\nDisallow: /x",
    "two groups are one": "User-agent: tilth\nDisallow: /x\n\nUser-agent: *\nAllow: /\n\nUser-agent: tilth\nAllow: /y",
    "a delay before the rules": "User-agent: tilth\nCrawl-delay: 1\nDisallow: /x",
    "rules of nobody before": "Allow: /x\nUser-agent: tilth\nDisallow: /x",
    "ours over everybody's": "User-agent: *\nAllow: /\n\nUser-agent: tilth\nDisallow: /x",
    "ours before everybody's": "User-agent: tilth\nDisallow: /x\n\nUser-agent: *\nAllow: /",
    "CR alone": "User-agent: tilth\rDisallow: /x\r",
    "CRLF": "User-agent: tilth\r\nDisallow: /x\r\n",
    "a byte order mark": "\ufeffUser-agent: tilth\nDisallow: /x",
    "no end of line": "User-agent: tilth\nDisallow: /x",
    "misspelt": "Useragent: tilth\nDissallow: /x",
}


@pytest.mark.parametrize("case", WHO)
def test_a_group_that_names_an_agent_holds(case: str) -> None:
    assert not for_us(WHO[case], "/x/1") and for_us(WHO[case], "/z")
    assert for_gptbot(WHO[case], "/x/1") is False and for_gptbot(WHO[case], "/z") is True


NOT_US = {
    "part of the token": "User-agent: til\nDisallow: /x",
    "one letter": "User-agent: t\nDisallow: /x",
    "more than the token": "User-agent: tilth-images\nDisallow: /x",
    "another in front": "User-agent: bot tilth\nDisallow: /x",
    "no name": "User-agent:\nDisallow: /x",
    "a star in front": "User-agent: *tilth\nDisallow: /x",
    "no group": "Disallow: /x",
    "an empty Disallow": "User-agent: tilth\nDisallow:\n\nUser-agent: *\nDisallow: /x",
    "no rules": "User-agent: *\nDisallow: /x\n\nUser-agent: tilth",
    "a name without a value ends a group": "User-agent: tilth\nAllow: /\nUser-agent:\nDisallow: /x",
    "nothing": "",
    "the rule is a comment": "User-agent: tilth\n# Disallow: /x",
}


@pytest.mark.parametrize("case", NOT_US)
def test_what_is_not_said_to_an_agent_does_not_hold(case: str) -> None:
    assert for_us(NOT_US[case], "/x/1")
    assert for_gptbot(NOT_US[case], "/x/1") in (True, None)


def test_everybodys_group_holds_for_who_is_not_named() -> None:
    for star in ("*", "* ", "* # all", "* and all"):
        assert not for_us(f"User-agent: {star}\nDisallow: /x\n\nUser-agent: other\nDisallow: /", "/x")


MATCHES = [
    ("/", "/", True),
    ("/", "/any/thing?x=1", True),
    ("/fish", "/fish", True),
    ("/fish", "/fish.html", True),
    ("/fish", "/fish/salmon.html", True),
    ("/fish", "/fishheads/yummy?id=1", True),
    ("/fish", "/Fish", False),
    ("/fish", "/catfish", False),
    ("/fish*", "/fishheads", True),
    ("/fish*", "/fish", True),
    ("/fish*", "/catfish", False),
    ("/fish/", "/fish", False),
    ("/fish/", "/fish/?id=1", True),
    ("fish", "/fish", False),
    ("*.php", "/a/b.php5?x", True),
    ("/*.php", "/index.php", True),
    ("/*.php", "/windows.PHP", False),
    ("/*.php$", "/folder/file.php", True),
    ("/*.php$", "/file.php?x=1", False),
    ("/*.php$", "/file.php/", False),
    ("/fish*.php", "/fishheads/cat.php?x", True),
    ("/fish*.php", "/Fish.php", False),
    ("/a$", "/a", True),
    ("/a$", "/ab", False),
    ("/$", "/", True),
    ("/$", "/page", False),
    ("/*/b/*/d", "/a/b/c/d", True),
    ("/*/b/*/d", "/a/b/d", False),
    ("/**a", "/xa", True),
    ("/a$b", "/a$b", True),
    ("/a?b=c", "/a?b=c&d", True),
    ("/*?", "/a?b", True),
    ("/*?", "/a", False),
    ("/*?x=*&y=", "/a?x=1&y=2", True),
    ("/a%3Cd.html", "/a%3Cd.html", True),
    ("/a%3cd.html", "/a%3Cd.html", True),
    ("/a<d.html", "/a%3Cd.html", True),
    ("/a%3Cd.html", "/a<d.html", True),
    ("/a%2Fb", "/a%2Fb", True),
    ("/a%2fb", "/a%2Fb", True),
    ("/a%2Fb", "/a/b", False),
    ("/a/b", "/a%2Fb", False),
    ("/~joe", "/%7Ejoe/index.html", True),
    ("/%7Ejoe", "/~joe/index.html", True),
    ("/foo/bar/ツ", "/foo/bar/%E3%83%84", True),
    ("/foo/bar/%E3%83%84", "/foo/bar/ツ", True),
    ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", True),
    ("/%62%61%7A", "/baz", True),
    ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", True),
    ("/path/foo-%24", "/path/foo-$", True),
    ("/a b", "/a%20b", True),
    ("/100%", "/100%", True),
    ("/x\x0by", "/x", False),
    ("/x\u2028Allow: /", "/x", False),
]


@pytest.mark.parametrize(("pattern", "path", "matched"), MATCHES)
def test_a_pattern_matches_what_the_rfc_says(pattern: str, path: str, matched: bool) -> None:
    text = f"User-agent: tilth\nDisallow: {pattern}\n"
    assert for_us(text, path) is not matched
    assert for_gptbot(text, path) is not matched


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("Allow: /a/b\nDisallow: /a", "/a/b/c", True),
        ("Allow: /a\nDisallow: /a/b", "/a/b/c", False),
        ("Allow: /p\nDisallow: /", "/page", True),
        ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
        ("Disallow: /folder\nAllow: /folder", "/folder/page", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        ("Allow: /page\nDisallow: /*.ph", "/page.php5", True),
        ("Allow: /$\nDisallow: /", "/", True),
        ("Allow: /$\nDisallow: /", "/page.htm", False),
        ("Disallow: /\nAllow: /%E3%83%84", "/ツ", True),
        ("Allow: /x", "/y", True),
    ],
)
def test_the_longest_match_holds_and_of_two_alike_the_one_that_allows(rules: str, path: str, allowed: bool) -> None:
    text = f"User-agent: tilth\n{rules}\n"
    assert for_us(text, path) is allowed
    assert for_gptbot(text, path) is allowed


def test_the_file_itself_is_allowed() -> None:
    assert for_us("User-agent: *\nDisallow: /\n", "/robots.txt")


def test_sitemaps_are_listed_wherever_they_stand() -> None:
    a, b = "https://h.example/a.xml", "https://h.example/b.xml"
    text = f"Sitemap: {a}\nUser-agent: *\nsitemap : {b} # two\nDisallow: /\nSitemap:\n"
    assert RobotsFile.read(text.encode()).sitemaps == (a, b)


def test_an_agent_with_digits_in_its_name_is_told() -> None:
    said = RobotsEvidence("User-agent: AI2Bot/2.0\nUser-agent: img2dataset\nDisallow: /\n").for_url(SITE + "/a")
    assert {one["value"]: one["kind"] for one in said} == dict.fromkeys(
        ["AI2Bot", "img2dataset"], "ai-agent-disallowed"
    )
