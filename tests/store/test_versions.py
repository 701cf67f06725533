"""A text that changed is asked about again, once; its versions lie in one split, and one of them is in a snapshot."""

import json
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.assignments import GIVEN_COLUMNS, assignments, intend, mark
from store.curation.duplicates import find_duplicates
from store.curation.setting_aside import set_aside
from store.database import Store
from store.labels import write_labels
from store.pool import pool
from store.records import add_records, record_id
from store.records import content_hash as hash_of
from store.sightings import add_sightings
from store.snapshots import rebuild, take_snapshot
from store.splits import assign_splits, inherit_splits, split_counts, splits
from store.versions import outdated
from tests.store.labelled_store import MORNING, SCHEMA, label_rows

LEAK = "The watering can by the north gate leaks at the spout, has anyone got a spare"
NEAR = [LEAK + "?", LEAK + " one?", LEAK + " one now?"]
FAR = "Slugs ate all of my lettuce over night, every single leaf of it."
ELSEWHERE = LEAK + " one today?"


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def add(store, text, *, before=None, key="post 1"):
    row = {"text": [text], "natural_key": [key], "supersedes": pa.array([before], pa.string())}
    (one,) = add_records(store, pa.table(row), source_name="forum").record_ids
    find_duplicates(store)
    return one


def label(store, one, which=0):
    write_labels(store, label_rows([one], [which]))


def hold(store, one, split="holdout"):
    assign_splits(store, pa.table({"record_id": [one], "split": [split]}), origin="drawn")


def send(store, one, purpose="selected"):
    row = {"record_id": one, "purpose": purpose, "why": "", "position": 0, "answers_wanted": 1, "assignment_id": one}
    intend(store, pa.Table.from_pylist([row], schema=GIVEN_COLUMNS), studio="here", project_id=1)


def waiting(store):
    return {row["record_id"]: row["again_as"] for row in pool(store).to_pylist()}


def snapshot(store):
    return {row["record_id"]: row for row in rebuild(store, take_snapshot(store, SCHEMA).snapshot_id).to_pylist()}


@pytest.mark.parametrize("text", [NEAR[1], FAR])
def test_a_changed_text_is_asked_about_again_until_it_has_a_label(store, text):
    old = add(store, NEAR[0])
    label(store, old)
    new = add(store, text, before=old)
    (row,) = pool(store).to_pylist()
    assert (row["record_id"], row["again_as"], json.loads(row["old_value"])) == (new, "selected", {"label": "weather"})
    label(store, new, 1)
    assert waiting(store) == {}


def test_what_was_never_labelled_is_replaced_by_its_new_text_as_any_other_record(store):
    old = add(store, NEAR[0])
    new = add(store, NEAR[1], before=old)
    assert waiting(store) == {new: None}
    assert outdated(store) == {old}


def test_of_a_chain_only_the_last_text_is_asked_about_with_the_newest_label(store):
    first = add(store, NEAR[0])
    label(store, first, 0)
    second = add(store, NEAR[1], before=first)
    label(store, second, 1)
    third = add(store, FAR, before=second)
    (row,) = pool(store).to_pylist()
    assert (row["record_id"], json.loads(row["old_value"])) == (third, {"label": "sport"})


def test_a_new_text_waits_while_the_old_one_is_before_people(store):
    old = add(store, NEAR[0])
    send(store, old)
    new = add(store, NEAR[1], before=old)
    assert waiting(store) == {}
    mark(store, assignments(store)["assignment_id"].to_pylist(), "answered")
    label(store, old)
    assert waiting(store) == {new: "selected"}


def test_a_new_text_that_people_declined_is_not_asked_about_again(store):
    old = add(store, NEAR[0])
    label(store, old)
    new = add(store, FAR, before=old)
    send(store, new)
    mark(store, assignments(store)["assignment_id"].to_pylist(), "withdrawn")
    assert waiting(store) == {}


def test_a_changed_text_comes_before_a_near_equal_one_that_was_there_longer(store):
    other = add(store, ELSEWHERE, key="post 2")
    old = add(store, NEAR[0])
    label(store, old)
    assert waiting(store) == {}
    new = add(store, NEAR[1], before=old)
    assert waiting(store) == {new: "selected"}
    label(store, new)
    assert other not in waiting(store)


def test_a_changed_text_is_not_asked_about_where_a_present_near_equal_one_has_a_label(store):
    old = add(store, FAR)
    label(store, old)
    label(store, add(store, ELSEWHERE, key="post 2"))
    add(store, NEAR[1], before=old)
    assert waiting(store) == {}


def test_an_outdated_label_takes_no_other_record_along(store):
    old = add(store, NEAR[0])
    other = add(store, ELSEWHERE, key="post 2")
    label(store, old)
    new = add(store, FAR, before=old)
    assert waiting(store) == {new: "selected", other: None}


@pytest.mark.parametrize(
    ("split", "purpose"), [("holdout", "holdout"), ("test", "holdout"), ("validation", "selected")]
)
def test_a_changed_text_stays_in_the_split_of_the_old_one(store, split, purpose):
    old = add(store, NEAR[0])
    add(store, ELSEWHERE, key="post 2")
    hold(store, old, split)
    label(store, old)
    new = add(store, FAR, before=old)
    assert waiting(store) == {new: purpose}
    assert inherit_splits(store) == 1
    assert split_counts(store).to_pylist() == [{"split": split, "records": 1}]
    assert waiting(store) == {new: purpose}
    label(store, new)
    rows = snapshot(store)
    assert set(rows) == {new} and rows[new]["split"] == split
    assert {row["group_id"] for row in splits(store).to_pylist()} == {old}


def test_the_control_arm_stays_the_control_arm(store):
    old = add(store, NEAR[0])
    send(store, old, "control")
    mark(store, [old], "answered")
    label(store, old)
    new = add(store, FAR, before=old)
    assert waiting(store) == {new: "control"}


def test_a_snapshot_has_the_newest_version_that_has_a_label(store):
    old = add(store, NEAR[0])
    label(store, old)
    new = add(store, FAR, before=old)
    assert set(snapshot(store)) == {old}
    label(store, new)
    assert set(snapshot(store)) == {new}


def test_the_present_version_speaks_for_its_cluster(store):
    old = add(store, NEAR[0])
    new = add(store, NEAR[1], before=old)
    rows = store.read("SELECT DISTINCT representative_id FROM duplicates").to_pylist()
    assert rows == [{"representative_id": new}]


def see(store, place, moment, text):
    """The page at `place` says `text` at `moment`; as a crawl brings it in."""
    said = store.read(
        """
        SELECT arg_max(record_id, seen_at) AS last
        FROM sightings
        JOIN pages USING (page_id)
        WHERE url = $1
        """,
        [place],
    )["last"][0].as_py()
    own = record_id("forum", "post 1", hash_of(text))
    row = {
        "text": [text],
        "natural_key": ["post 1"],
        "supersedes": pa.array([said if said != own else None], pa.string()),
    }
    add_records(store, pa.table(row), source_name="forum")
    page = f"{place} {moment}"
    at = MORNING + timedelta(hours=moment)
    with store.transaction() as db:
        db.execute(
            "INSERT INTO pages (page_id, source_id, url, fetched_at, rendered) VALUES ($1, 's1', $2, $3, 'http')",
            [page, place, at],
        )
    add_sightings(store, pa.table({"record_id": [own], "page_id": [page], "position": [0], "seen_at": [at]}))
    return own


def test_a_text_that_returns_to_what_it_was_has_its_label_back(store):
    old = see(store, "/1", 0, NEAR[0])
    label(store, old, 0)
    new = see(store, "/1", 1, FAR)
    label(store, new, 1)
    assert set(snapshot(store)) == {new}
    assert see(store, "/1", 2, NEAR[0]) == old
    assert outdated(store) == {new} and waiting(store) == {}
    assert set(snapshot(store)) == {old}


def test_a_text_that_returns_unlabelled_is_asked_about_with_the_label_of_the_one_between(store):
    old = see(store, "/1", 0, NEAR[0])
    label(store, see(store, "/1", 1, FAR), 1)
    see(store, "/1", 2, NEAR[0])
    (row,) = pool(store).to_pylist()
    assert (row["record_id"], json.loads(row["old_value"])) == (old, {"label": "sport"})


def test_a_text_that_still_stands_on_another_page_keeps_its_label(store):
    old = see(store, "/1", 0, NEAR[0])
    see(store, "/2", 0, NEAR[0])
    label(store, old)
    new = see(store, "/1", 1, FAR)
    assert outdated(store) == set() and waiting(store) == {new: "selected"}
    label(store, new)
    assert set(snapshot(store)) == {old, new}


STEPS = st.lists(
    st.tuples(st.sampled_from(["see", "label", "hold"]), st.integers(0, 2), st.integers(0, 3)), max_size=12
)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_to_the_texts_of_a_page_they_are_in_one_split_and_one_of_them_counts(tmp_path_factory, steps):
    with Store(tmp_path_factory.mktemp("store") / "tilth.duckdb") as store:
        last = {}
        for moment, (what, place, text) in enumerate(steps):
            if what == "see":
                last[place] = see(store, f"/{place}", moment, f"{place}: {[*NEAR, FAR][text]}")
            elif place in last:
                asked = waiting(store)
                find_duplicates(store)
                if what == "label":
                    label(store, last[place], text % 3)
                elif asked.get(last[place], "") is None:
                    hold(store, last[place])
        if store.read("SELECT 1 FROM labels LIMIT 1").num_rows:
            rows = snapshot(store)
            assert len({row["natural_key"] + row["text"][:2] for row in _of(store, rows)}) == len(rows)
            placed = {row["record_id"]: row["split"] for row in splits(store).to_pylist()}
            for place in last:
                held = {placed.get(row["record_id"]) for row in _all_of(store, place)}
                assert len(held) == 1
        assert set(waiting(store)) <= set(last.values())
        assert set_aside(store).num_rows == 0


def _of(store, ids):
    return [row for row in store.read("SELECT * FROM records").to_pylist() if row["record_id"] in ids]


def _all_of(store, place):
    return [row for row in store.read("SELECT * FROM records").to_pylist() if row["text"].startswith(f"{place}: ")]
