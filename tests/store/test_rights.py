"""What evidence forbids, that more of it never allows more, and that decisions follow pages and policy."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.ai_agents import AI_AGENTS
from store.database import Store
from store.page_decisions import record_decisions, refresh_rights, rights_counts
from store.pool import pool
from store.records import add_records
from store.rights import (
    ALLOWED,
    DEFAULT_FORBIDS,
    ORDER,
    Permission,
    RightsPolicy,
    RightsPolicyError,
    decide,
    licence_name,
)
from tests.store.evidence_pages import LICENSED, NOAI, RESERVED, add_page

SAFE = RightsPolicy()
CC_BY = "https://creativecommons.org/licenses/by/4.0/"


def said(*pairs: tuple[str, str]) -> dict:
    return {"items": [{"kind": kind, "value": value, "where": "here"} for kind, value in pairs]}


@pytest.mark.parametrize("nothing", [None, {}, {"items": []}, said(("licence-link", CC_BY), ("robots", "allowed"))])
def test_a_page_that_forbids_nothing_may_be_fetched_labelled_and_published(nothing):
    assert decide(nothing, SAFE) == ALLOWED


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("noai", "noai", "noai"),
        ("noml", "noml", "noai"),
        ("noimageai", "noimageai", "noimageai"),
        ("tdm-reservation", "1", "tdm-reservation"),
        ("aipref", "train-ai=n", "aipref"),
        ("aipref", "train-genai=n", "aipref"),
        ("content-signal", "ai-train=no", "content-signal"),
    ],
)
def test_an_opt_out_keeps_from_publication_and_leaves_ones_own_use(kind, value, reason):
    decision = decide(said((kind, value)), SAFE)
    assert (decision.fetch, decision.label, decision.publish) == (True, True, False)
    assert decision.reasons == (reason,)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("tdm-reservation", "0"),
        ("tdm-superseded", "1"),
        ("tdm-unreadable", "1"),
        ("aipref", "train-ai=y"),
        ("aipref", "search=n"),
        ("aipref-unreadable", "train-ai=n,"),
        ("content-signal", "search=no"),
        ("other-agent", "googlebot: noai"),
        ("noindex", "noindex"),
    ],
)
def test_what_is_no_opt_out_forbids_nothing(kind, value):
    assert decide(said((kind, value)), SAFE) == ALLOWED


def test_what_robots_txt_disallows_is_not_fetched_whatever_the_policy_says():
    permitted = RightsPolicy(permissions={"forum": Permission("CC-BY-4.0", "consent")})
    for policy in (SAFE, permitted):
        decision = decide(said(("robots", "disallowed")), policy, source="forum")
        assert (decision.fetch, decision.label, decision.publish) == (False, False, False)


def test_one_shut_out_agent_is_no_opt_out_and_three_operators_are():
    one = said(("ai-agent-disallowed", "GPTBot"))
    same_firm = said(("ai-agent-disallowed", "ClaudeBot"), ("ai-agent-disallowed", "anthropic-ai"))
    searching = said(*[("ai-agent-disallowed", token) for token, _, purpose in AI_AGENTS if purpose != "training"])
    three = said(*[("ai-agent-disallowed", agent) for agent in ("GPTBot", "ClaudeBot", "CCBot")])
    assert decide(one, SAFE).publish and decide(same_firm, SAFE).publish and decide(searching, SAFE).publish
    assert decide(three, SAFE).reasons == ("ai-agents",)
    assert not decide(one, RightsPolicy(ai_operators=1)).publish


def test_a_refusal_on_the_page_counts_beside_those_in_robots_txt():
    evidence = said(("ai-agent-disallowed", "GPTBot"), ("ai-agent-refused", "CCBot"), ("ai-agent-refused", "ClaudeBot"))
    assert decide(evidence, SAFE).reasons == ("ai-agents",)


def test_a_policy_says_what_each_kind_forbids():
    strict = RightsPolicy(forbids={"noai": "label", "tdm-reservation": "fetch", "noindex": "publish"})
    assert not decide(said(("noai", "noai")), strict).label
    assert not decide(said(("tdm-reservation", "1")), strict).fetch
    assert not decide(said(("noindex", "noindex")), strict).publish
    loose = RightsPolicy(forbids={"noai": "nothing"})
    assert decide(said(("noai", "noai")), loose) == ALLOWED


@pytest.mark.parametrize("forbids", [{"noia": "publish"}, {"noai": "sell"}, {"robots": "nothing"}])
def test_a_policy_that_cannot_be_meant_is_refused_with_what_there_is(forbids):
    with pytest.raises(RightsPolicyError, match=r"there are noai|say one of nothing"):
        RightsPolicy(forbids=forbids)


def test_a_stated_permission_lifts_what_pages_of_that_source_say_and_is_named():
    policy = RightsPolicy(permissions={"forum": Permission("CC-BY-4.0", "written consent of 2026-01-01")})
    decision = decide(said(("noai", "noai")), policy, source="forum")
    assert decision.publish
    assert decision.permission == "CC-BY-4.0: written consent of 2026-01-01"
    assert not decide(said(("noai", "noai")), policy, source="blog").publish
    assert decide(said(), policy, source="forum").permission is None


@pytest.mark.parametrize(
    ("pairs", "published"),
    [
        ([], False),
        ([("licence-link", CC_BY)], False),
        ([("licence-part", CC_BY)], False),
        ([("licence", CC_BY)], True),
        ([("licence", "https://creativecommons.org/publicdomain/zero/1.0/deed.de")], True),
        ([("licence", "https://creativecommons.org/licenses/by-nc/4.0/")], False),
        ([("licence", CC_BY), ("licence", "https://forum.example/terms")], False),
        ([("licence", CC_BY), ("noai", "noai")], False),
    ],
)
def test_only_licensed_pages_are_published_where_the_policy_says_so(pairs, published):
    assert decide(said(*pairs), RightsPolicy(publish_only_licensed=True)).publish is published


def test_a_licence_of_the_list_may_be_an_address_or_one_version():
    policy = RightsPolicy(publish_only_licensed=True, licences=("https://forum.example/terms", "CC-BY-4.0"))
    assert decide(said(("licence", "https://forum.example/terms")), policy).publish
    assert decide(said(("licence", CC_BY)), policy).publish
    assert not decide(said(("licence", "https://creativecommons.org/licenses/by/3.0/")), policy).publish


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (CC_BY, "CC-BY-4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/2.5/pt/", "CC-BY-NC-SA-2.5"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "PDM-1.0"),
        ("MIT", "MIT"),
    ],
)
def test_a_creative_commons_address_has_a_short_name(address, name):
    assert licence_name(address) == name


FORBIDDING = ("noai", "noimageai", "noindex", "noarchive", "aipref", "content-signal", "tdm-reservation", "robots")
OTHERS = ("ai-agent-disallowed", "ai-agent-refused", "licence-link", "other-agent", "of another version", "")
PAIRS = st.tuples(
    st.sampled_from(FORBIDDING + OTHERS),
    st.one_of(
        st.sampled_from(["disallowed", "allowed", "1", "0", "train-ai=n", "train-ai=y", "ai-train=no", ""]),
        st.sampled_from([token for token, _, _ in AI_AGENTS]),
        st.text(max_size=5),
    ),
)
POLICIES = st.builds(
    RightsPolicy,
    forbids=st.dictionaries(st.sampled_from(sorted(DEFAULT_FORBIDS)), st.sampled_from(ORDER)),
    ai_operators=st.integers(1, 6),
    publish_only_licensed=st.booleans(),
    permissions=st.sampled_from([{}, {"forum": Permission("CC0", "ours")}]),
)


@given(st.lists(PAIRS, max_size=8), PAIRS, POLICIES, st.sampled_from(["forum", "blog"]))
def test_further_evidence_never_allows_more(pairs, more, policy, source):
    before = decide(said(*pairs), policy, source=source)
    after = decide(said(*pairs, more), policy, source=source)
    assert (after.fetch, after.label, after.publish) <= (before.fetch, before.label, before.publish)
    assert after.fetch <= before.fetch and after.label <= before.label and after.publish <= before.publish
    assert set(before.reasons) <= set(after.reasons)


@given(st.lists(PAIRS, max_size=6), st.lists(PAIRS, max_size=6), POLICIES)
def test_the_stricter_of_two_pages_holds_in_every_respect(one, other, policy):
    a, b = decide(said(*one), policy), decide(said(*other), policy)
    both = a & b
    assert (both.fetch, both.label, both.publish) == (a.fetch and b.fetch, a.label and b.label, a.publish and b.publish)
    assert set(both.reasons) == set(a.reasons) | set(b.reasons)


@given(POLICIES)
def test_a_policy_comes_back_from_what_it_declares(policy):
    assert RightsPolicy.from_declared(policy.declared).hash == policy.hash


@given(st.lists(PAIRS, max_size=8), POLICIES)
def test_what_may_be_published_may_be_labelled_and_what_may_be_labelled_fetched(pairs, policy):
    decision = decide(said(*pairs), policy)
    assert decision.publish <= decision.label <= decision.fetch


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


@pytest.fixture
def ids(store):
    return add_records(store, pa.table({"text": ["one", "two", "three", "four"]}), source_name="forum").record_ids


def test_the_strictest_page_of_a_record_holds_and_an_imported_one_is_free(store, ids):
    add_page(store, "open", [], records=ids[:2])
    add_page(store, "shut", NOAI, records=ids[1:3])
    assert refresh_rights(store, SAFE) == 2
    found = record_decisions(store, ids)
    assert {one: found[one].publish for one in found} == {ids[0]: True, ids[1]: False, ids[2]: False}
    assert ids[3] not in found


def test_pages_are_decided_once_and_again_when_the_policy_changes(store, ids):
    add_page(store, "shut", NOAI, records=ids[:1])
    assert [refresh_rights(store, SAFE), refresh_rights(store, SAFE)] == [1, 0]
    add_page(store, "next", RESERVED, records=ids[1:2])
    assert refresh_rights(store, SAFE) == 1
    strict = RightsPolicy(forbids={"noai": "label"})
    assert refresh_rights(store, strict) == 2
    assert not record_decisions(store, ids)[ids[0]].label
    assert json.loads(strict.declared)["forbids"]["noai"] == "label"


def test_a_later_answer_of_the_same_address_binds_the_records_that_stood_there(store, ids):
    add_page(store, "first", [], records=ids[:1], url="https://forum.example/t/1")
    add_page(store, "unchanged", NOAI, url="https://forum.example/t/1", day=7, status=304)
    add_page(store, "elsewhere", NOAI, url="https://forum.example/t/1", day=7, source="another source")
    refresh_rights(store, SAFE)
    assert record_decisions(store, ids)[ids[0]].reasons == ("noai",)


def test_an_earlier_answer_and_one_that_failed_do_not_bind_it(store, ids):
    add_page(store, "before", NOAI, url="https://forum.example/t/1")
    add_page(store, "shown", [], records=ids[:1], url="https://forum.example/t/1", day=1)
    add_page(store, "gone", NOAI, url="https://forum.example/t/1", day=2, status=404)
    refresh_rights(store, SAFE)
    assert record_decisions(store, ids)[ids[0]].publish


def test_an_image_is_bound_by_the_page_that_shows_it(store):
    at = "https://forum.example/gallery"
    image = pa.table({"text": pa.nulls(1, pa.string()), "modality": ["image"], "media_path": ["media/a.png"]})
    image = image.append_column("metadata", [[json.dumps({"page": at, "alt": "a cat"})]])
    (one,) = add_records(store, image, source_name="forum").record_ids
    add_page(store, "the image itself", [], records=[one])
    add_page(store, "gallery", [{"kind": "noimageai", "value": "noimageai", "where": "meta robots"}], url=at)
    refresh_rights(store, SAFE)
    assert record_decisions(store, [one])[one].reasons == ("noimageai",)


def test_a_record_that_was_read_from_elsewhere_is_bound_by_the_address_that_it_names(store):
    rows = pa.table({"text": ["one", "two"], "url": ["https://forum.example/t/1", "https://forum.example/t/2"]})
    one, other = add_records(store, rows, source_name="old crawl").record_ids
    add_page(store, "shut", NOAI, url="https://forum.example/t/1")
    refresh_rights(store, SAFE)
    assert not record_decisions(store, [one, other])[one].publish
    assert other not in record_decisions(store, [one, other])


def test_a_record_out_of_a_warc_file_is_bound_by_what_its_answer_said(store):
    with store.transaction() as db:
        db.execute("INSERT INTO sources VALUES ('w', 'archive', 'warc', '{}', now())")
    said_there = [json.dumps({"rights": {"items": NOAI}}), "{}"]
    rows = pa.table({"text": ["one", "two"], "metadata": said_there})
    one, other = add_records(store, rows, source_name="archive", source_id="w").record_ids
    assert [refresh_rights(store, SAFE), refresh_rights(store, SAFE)] == [1, 0]
    assert record_decisions(store, [one, other])[one].reasons == ("noai",)
    assert other not in record_decisions(store, [one, other])


def test_the_pool_leaves_out_what_may_not_be_labelled_and_takes_the_next_of_its_cluster(store, ids):
    with store.transaction() as db:
        for one in ids[:2]:
            db.execute("INSERT INTO duplicates VALUES ($1, $2, $2, 0.95, 'test')", [one, ids[0]])
    add_page(store, "shut", NOAI, records=[ids[0], ids[2]])
    refresh_rights(store, SAFE)
    assert set(pool(store)["record_id"].to_pylist()) == {ids[0], ids[2], ids[3]}
    refresh_rights(store, RightsPolicy(forbids={"noai": "label"}))
    assert set(pool(store)["record_id"].to_pylist()) == {ids[1], ids[3]}


def test_counts_say_by_which_evidence_records_are_held_back(store, ids):
    add_page(store, "shut", NOAI, records=ids[:2])
    add_page(store, "reserved", RESERVED + NOAI, records=ids[1:3])
    add_page(store, "free", LICENSED, records=ids[3:])
    refresh_rights(store, SAFE)
    assert rights_counts(store) == {
        "not to be labelled": 0,
        "not to be published": 3,
        "because of noai": 3,
        "because of tdm-reservation": 2,
    }


def test_an_empty_store_has_nothing_held_back(store):
    assert refresh_rights(store, SAFE) == 0
    assert rights_counts(store) == {"not to be labelled": 0, "not to be published": 0}
