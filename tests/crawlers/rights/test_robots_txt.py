"""What robots.txt says about the agents of AI."""

import time

from hypothesis import given
from hypothesis import strategies as st

from crawlers.manners.robots_file import RobotsFile
from crawlers.rights.robots_txt import RobotsEvidence
from store.ai_agents import AI_AGENTS


def agents(text: str, path: str = "/t/1") -> dict[str, str]:
    found = RobotsEvidence(text).for_url(f"https://forum.example{path}")
    return {one["value"]: one["kind"].removeprefix("ai-agent-") for one in found if one["kind"].startswith("ai-agent")}


def test_only_agents_that_the_file_names_are_evidence():
    text = "User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nDisallow: /private/\n"
    assert agents(text) == {"GPTBot": "disallowed"}


def test_an_agent_may_be_kept_from_some_paths_only():
    text = "User-agent: gptbot\nUser-agent: CCBot\nDisallow: /private/\n"
    assert agents(text, "/t/1") == {"GPTBot": "allowed", "CCBot": "allowed"}
    assert agents(text, "/private/1") == {"GPTBot": "disallowed", "CCBot": "disallowed"}


def test_several_agents_over_one_rule_are_all_named():
    text = "User-agent: GPTBot\n# and\nUser-agent: ClaudeBot\nUser-agent: Googlebot\nDisallow: /\n"
    assert agents(text) == {"GPTBot": "disallowed", "ClaudeBot": "disallowed"}


def test_an_html_page_in_its_place_says_nothing():
    assert agents("<html><body>User-agent GPTBot is not welcome</body></html>") == {}


@given(st.text(max_size=300))
def test_whatever_the_file_says_nothing_is_raised(text):
    said = RobotsEvidence(f"User-agent: *\n{text}").for_url("https://forum.example/x?y=%zz")
    assert all(one["kind"] and one["where"] for one in said)


@given(
    st.lists(st.sampled_from(["Disallow: /", "Disallow:", "Allow: /", "Disallow: /t", "Crawl-delay: 1"]), max_size=4)
)
def test_every_agent_fares_as_if_it_had_read_the_file_itself(rules):
    text = "\n".join(["User-agent: GPTBot", "User-agent: CCBot", *rules, "", "User-agent: ClaudeBot", *rules[1:]])
    url = "https://forum.example/t/1"
    files = {agent: RobotsFile.read(text.encode(), agent) for agent in ("GPTBot", "CCBot", "ClaudeBot")}
    assert agents(text) == {agent: "allowed" if file.allows(url) else "disallowed" for agent, file in files.items()}


def test_a_long_file_about_many_agents_is_read_once_and_then_asked_quickly():
    names = "".join(f"User-agent: {token}\n" for token, _, _ in AI_AGENTS)
    rules = "".join(f"Disallow: /x{n}\n" for n in range(15_000))
    own = "".join(f"User-agent: {token}\nDisallow: /{token}\n" for token, _, _ in AI_AGENTS[:6])
    evidence = RobotsEvidence.read((names + rules + own).encode())
    began = time.process_time()
    found = [evidence.for_url(f"https://forum.example/{n}") for n in range(20)]
    assert time.process_time() - began < 2 and len(found[0]) == len(AI_AGENTS)


def test_the_last_preference_of_a_long_file_holds_too():
    rules = "".join(f"Content-Usage: /{n}/ train-ai=y\n" for n in range(10_000))
    evidence = RobotsEvidence(f"User-agent: *\n{rules}Content-Usage: /last/ train-ai=n\n")
    assert [one["value"] for one in evidence.for_url("https://forum.example/last/1")] == ["train-ai=n"]
