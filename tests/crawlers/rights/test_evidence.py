"""The evidence of a page as it is kept: whole, in a stable order, with its hash."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crawlers.kinds import warc
from crawlers.page import FetchedPage
from crawlers.rights.aipref import DRAFTS
from crawlers.rights.evidence import as_json, evidence_hash, page_rights, rights_of
from crawlers.rights.markup import markup_rights
from crawlers.rights.robots_txt import RobotsEvidence
from crawlers.rights.tdmrep import TdmFile
from crawlers.rights.words import MOST_ITEMS, in_order, item
from store.ai_agents import AI_AGENTS
from store.rights import RightsPolicy, decide

URL = "https://forum.example/t/1"
RESERVED = TdmFile.parse(b'[{"location": "/", "tdm-reservation": 1}]')


def kinds(evidence: dict) -> set[tuple[str, str]]:
    return {(one["kind"], one["value"]) for one in evidence["items"]}


def test_every_source_of_evidence_is_in_it():
    robots = RobotsEvidence("User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nContent-Usage: train-ai=n\n")
    evidence = page_rights(
        URL,
        robots="allowed",
        host=[*robots.for_url(URL), *RESERVED.for_url(URL)],
        headers=[("X-Robots-Tag", "noai")],
        markup=markup_rights('<html><head><link rel="license" href="/terms"></head></html>', URL),
    )
    assert kinds(evidence) == {
        ("robots", "allowed"),
        ("ai-agent-disallowed", "GPTBot"),
        ("aipref", "train-ai=n"),
        ("tdm-reservation", "1"),
        ("noai", "noai"),
        ("licence", "https://forum.example/terms"),
    }
    assert evidence["drafts"] == {"aipref": DRAFTS}


def test_a_header_supersedes_the_file_and_the_page_supersedes_both():
    evidence = page_rights(URL, robots=None, host=RESERVED.for_url(URL), headers=[("tdm-reservation", "0")])
    assert kinds(evidence) == {("tdm-reservation", "0"), ("tdm-superseded", "1")}
    markup = markup_rights('<html><head><meta name="tdm-reservation" content="1"></head></html>', URL)
    evidence = page_rights(URL, robots=None, headers=[("tdm-reservation", "0")], markup=markup)
    assert kinds(evidence) == {("tdm-reservation", "1"), ("tdm-superseded", "0")}


def test_a_reservation_that_is_neither_0_nor_1_supersedes_nothing():
    evidence = page_rights(URL, robots=None, host=RESERVED.for_url(URL), headers=[("tdm-reservation", "maybe")])
    assert kinds(evidence) == {("tdm-reservation", "1"), ("tdm-unreadable", "maybe")}


def test_two_headers_that_disagree_are_both_in_force():
    evidence = page_rights(URL, robots=None, headers=[("tdm-reservation", "0"), ("tdm-reservation", "1")])
    assert kinds(evidence) == {("tdm-reservation", "0"), ("tdm-reservation", "1")}


def test_a_page_without_evidence_says_so_in_few_bytes():
    assert len(rights_of({}, URL, [], {})) < 120


def test_what_the_request_gathered_is_in_the_row():
    told = json.loads(rights_of({"robots": "none", "rights": {"items": RESERVED.for_url(URL)}}, URL, [], None))
    assert kinds(told) == {("robots", "none"), ("tdm-reservation", "1")}


def test_records_out_of_a_warc_file_carry_what_their_answer_said():
    source = warc.Source.declare(
        {"name": "archive", "kind": "warc", "files": ["a.warc.gz"], "item": "body", "fields": {"text": "p"}}
    )
    at = datetime(2026, 11, 21, tzinfo=UTC)
    body = b"<html><body><p>Some text of a post</p></body></html>"
    headers = (("content-type", "text/html"), ("x-robots-tag", "noai"))
    page = FetchedPage(URL, URL, 200, headers, body, "http", "page", {}, at)
    (record,) = warc.read(source, page).records
    assert kinds(record.metadata["rights"]) == {("noai", "noai")}


ITEMS = st.lists(
    st.builds(
        item,
        st.sampled_from(["noai", "licence", "aipref", "tdm-reservation"]),
        st.sampled_from(["0", "1", "train-ai=n"]),
        st.sampled_from(["header", "meta", "robots.txt"]),
    ),
    max_size=8,
)


@given(ITEMS, st.randoms())
def test_the_same_evidence_in_another_order_has_the_same_bytes_and_hash(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    one, other = page_rights(URL, robots=None, host=items), page_rights(URL, robots=None, host=shuffled)
    assert as_json(one) == as_json(other)
    assert one["evidence_hash"] == evidence_hash(one) == other["evidence_hash"]


def test_half_a_character_costs_no_page():
    said = '{"@type": "WebPage\\ud83d", "license": "https://x.example/\\ud83d"}'
    markup = markup_rights(f'<script type="application/ld+json">{said}</script>', URL)
    kept = json.loads(rights_of({}, URL, [], markup))
    assert [(one["value"], one["where"]) for one in kept["items"]] == [
        ("https://x.example/\ufffd", "JSON-LD WebPage\ufffd")
    ]


def test_an_opt_out_is_kept_whatever_else_the_page_says():
    agents = "".join(f"User-agent: {token}\n" for token, _, _ in AI_AGENTS) + "Allow: /\n"
    others = "".join(
        f'<meta name="{name}" content="nofollow, noarchive, max-snippet: {n}">'
        for n, name in enumerate(["bingbot", "slurp", "xbot", "ybot"] * 20)
    )
    page = f'<html><head>{others}<meta name="tdm-reservation" content="1"></head></html>'
    host = RobotsEvidence(agents).for_url(URL)
    evidence = page_rights(URL, robots="allowed", host=host, markup=markup_rights(page, URL))
    assert ("tdm-reservation", "1") in kinds(evidence)
    assert decide(evidence, RightsPolicy()).publish is False


AGENTS = [token for token, _, _ in AI_AGENTS]
SAID = st.one_of(
    st.tuples(st.sampled_from(["noai", "noml", "noarchive", "nocache", "nosnippet", "max-snippet"]), st.just("x")),
    st.tuples(st.sampled_from(["tdm-reservation", "tdm-superseded"]), st.sampled_from(["0", "1", "maybe"])),
    st.tuples(st.just("aipref"), st.sampled_from(["train-ai=n", "train-ai=y", "search=n", "bots=n"])),
    st.tuples(st.just("content-signal"), st.sampled_from(["ai-train=no", "search=yes"])),
    st.tuples(st.sampled_from(["ai-agent-allowed", "ai-agent-refused", "other-agent"]), st.sampled_from(AGENTS)),
    st.tuples(st.sampled_from(["licence", "licence-link"]), st.sampled_from(["CC0", "CC-BY-4.0", "mine", "theirs"])),
)
ITEMS = st.lists(
    st.builds(lambda said, where: item(*said, str(where)), SAID, st.integers(0, 9)),
    min_size=MOST_ITEMS // 2,
    max_size=3 * MOST_ITEMS,
)


@given(ITEMS, st.booleans(), st.sampled_from([1, 3, 15]))
def test_what_is_left_out_changes_no_decision(items, licensed, operators):
    policy = RightsPolicy(
        forbids={"noarchive": "label", "nosnippet": "fetch"}, publish_only_licensed=licensed, ai_operators=operators
    )
    kept = in_order(items)
    assert len(kept) <= MOST_ITEMS
    assert decide({"items": kept}, policy) == decide({"items": items}, policy)
    assert in_order(kept) == kept


def test_a_licence_that_is_left_out_allows_nothing():
    items = [item("licence", "CC-BY-4.0", "a"), *(item("licence", f"zz {n}", "a") for n in range(2 * MOST_ITEMS))]
    all_but_one = [one["value"] for one in items][:-1]
    policy = RightsPolicy(publish_only_licensed=True, licences=tuple(all_but_one))
    assert decide({"items": in_order(items)}, policy).publish is False
