"""The pool holds one record a cluster, and nothing that is labelled, held out or before people."""

import pyarrow as pa
import pytest

from store.assignments import GIVEN_COLUMNS, assignments, intend, mark
from store.curation.duplicates import cluster_duplicates, find_duplicates, similar_pairs
from store.database import Store
from store.pool import pool
from store.records import add_records
from store.splits import assign_splits, splits

TEXTS = [
    "The watering can by the north gate leaks at the spout, has anyone got a spare?",
    "The watering can by the north gate leaks at the spout, has anybody got a spare?",
    "Slugs ate all of my lettuce over night, every single leaf of it.",
    "When is the next meeting of the seed swap group in the old barn?",
]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


@pytest.fixture
def ids(store):
    added = add_records(store, pa.table({"text": TEXTS}), source_name="s")
    find_duplicates(store)
    return added.record_ids


def waiting(store):
    return set(pool(store)["record_id"].to_pylist())


def assignment(record_id):
    return pa.Table.from_pylist(
        [
            {
                "assignment_id": "a1",
                "record_id": record_id,
                "purpose": "selected",
                "why": "",
                "position": 0,
                "answers_wanted": 1,
            }
        ],
        schema=GIVEN_COLUMNS,
    )


def test_one_of_two_near_equal_records_is_in_the_pool(store, ids):
    assert waiting(store) == {min(ids[:2], key=lambda one: one), *ids[2:]}


def test_a_held_out_record_takes_its_whole_cluster_along(store, ids):
    other = (set(ids[:2]) - waiting(store)).pop()
    assign_splits(store, pa.table({"record_id": [other], "split": ["holdout"]}), origin="drawn")
    assert waiting(store) == set(ids[2:])


def test_a_record_before_people_is_not_in_the_pool_until_its_task_is_lost(store, ids):
    intend(store, assignment(ids[2]), studio="here", project_id=1)
    assert ids[2] not in waiting(store)
    mark(store, assignments(store)["assignment_id"].to_pylist(), "lost")
    assert ids[2] in waiting(store)


def test_a_record_stays_in_the_split_that_it_was_first_put_in(store, ids):
    assign_splits(store, pa.table({"record_id": [ids[0]], "split": ["holdout"]}), origin="drawn")
    again = assign_splits(store, pa.table({"record_id": [ids[0]], "split": ["train"]}), origin="import")
    assert again == 0
    assert splits(store)["split"].to_pylist() == ["holdout"]


def test_near_equal_texts_are_found_and_others_are_not():
    assert [(one, other) for one, other, _ in similar_pairs(TEXTS)] == [(0, 1)]


def test_clusters_have_the_same_name_in_whatever_order_records_come():
    ids = ["d", "b", "c", "a"]
    forward = cluster_duplicates(ids, TEXTS)
    backward = cluster_duplicates(ids[::-1], TEXTS[::-1])
    assert set(forward["cluster_id"].to_pylist()) == set(backward["cluster_id"].to_pylist()) == {"b"}


def test_an_empty_store_has_no_duplicates(store):
    assert find_duplicates(store).clusters == 0
