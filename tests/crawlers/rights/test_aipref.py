"""AIPREF preferences as draft-ietf-aipref-vocab and -attach say they are read."""

import pytest

from crawlers.rights.aipref import preferences, signals
from crawlers.rights.robots_txt import RobotsEvidence


def values(found, kind="aipref"):
    return [one["value"] for one in found if one["kind"] == kind]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train-ai=n", ["train-ai=n"]),
        ("train-ai=y, search=n", ["search=n", "train-ai=y"]),
        ("train-ai=n;why=x, other=y", ["train-ai=n"]),
        ("train-ai;allow=n, train-ai=y", ["train-ai=y"]),
        ('train-ai=y, train-ai, search=n, search="n"', []),
        ("train-ai=no", []),
        ("train-ai", []),
        ("train-genai=n", ["train-genai=n"]),
    ],
)
def test_only_the_tokens_y_and_n_say_something_and_the_last_of_a_label_holds(text, said):
    assert values(preferences(text, "here")) == said


@pytest.mark.parametrize("text", ["Train-AI=n", "train-ai=n,", "train-ai==n", "ä"])
def test_what_is_no_dictionary_is_kept_as_unreadable(text):
    assert [one["kind"] for one in preferences(text, "here")] == ["aipref-unreadable"]


def test_content_signals_are_read_in_any_case():
    assert values(signals("search=yes, AI-Train=no,use=reference", "here"), "content-signal") == [
        "ai-train=no",
        "search=yes",
    ]


EXAMPLE = """
User-Agent: *
Allow: /
Disallow: /never/
Content-Usage: train-ai=n
Content-Usage: /ai-ok/ train-ai=y
Content-Signal: search=yes, ai-train=no

User-Agent: ExampleBot
Allow: /
Content-Usage: train-ai=y
"""


@pytest.mark.parametrize(("path", "said"), [("/test", "train-ai=n"), ("/ai-ok/test", "train-ai=y")])
def test_the_longest_matching_path_of_our_group_holds(path, said):
    found = RobotsEvidence(EXAMPLE).for_url(f"https://forum.example{path}")
    assert values(found) == [said]
    assert values(found, "content-signal") == ["ai-train=no", "search=yes"]


def test_rules_for_the_same_path_that_disagree_are_both_kept():
    text = "User-agent: *\nContent-Usage: / train-ai=y\nContent-Usage: / train-ai=n\n"
    assert values(RobotsEvidence(text).for_url("https://forum.example/x")) == ["train-ai=y", "train-ai=n"]


def test_a_group_that_names_us_takes_the_place_of_everybodys():
    text = "User-agent: *\nContent-Usage: train-ai=n\n\nUser-agent: Tilth/1.0\nContent-Usage: train-ai=y\n"
    assert values(RobotsEvidence(text).for_url("https://forum.example/x")) == ["train-ai=y"]


def test_preferences_of_another_agents_group_are_not_ours():
    text = "User-agent: ExampleBot\nContent-Usage: train-ai=n\n"
    assert RobotsEvidence(text).for_url("https://forum.example/x") == []
