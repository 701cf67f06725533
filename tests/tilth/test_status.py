"""`tilth status` says what is kept from people, and why, where there is any."""

import json

import pyarrow as pa
import pytest

from store.curation.traits import write_traits
from store.database import Store
from store.gone import TRAIT
from store.issues import add_issues
from store.labels import write_labels
from store.records import add_records
from tests.command_line import done
from tests.store.labelled_store import label_rows
from tests.store.test_assignments import answered, sent

KEPT_BACK = {
    "records whose text changed, to be asked about again": 1,
    "records set aside by curation": 1,
    "records whose pages are gone": 1,
}


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "garden"
    done("init", folder, "--contact", "me@example.org")
    return folder


def counts(project):
    return json.loads(done("status", "--json", project=project))["counts"]


def test_it_counts_what_is_kept_back_only_where_there_is_any(project):
    assert not KEPT_BACK.keys() & counts(project).keys()
    with Store(project / "tilth.duckdb") as store:
        old, gone = add_records(
            store, pa.table({"text": ["My beans are up", "Slugs again"]}), source_name="s"
        ).record_ids
        write_labels(store, label_rows([old], [0]))
        changed = {"text": ["My beans are eaten", "Page not found"], "supersedes": [old, None]}
        add_records(store, pa.table(changed), source_name="s")
        write_traits(store, TRAIT, "1", pa.table({"record_id": [gone], "status": [404]}))
    done("curate", project=project)
    found = counts(project)
    assert {name: found.get(name) for name in KEPT_BACK} == KEPT_BACK
    assert found["in the pool"] == 2


def test_it_says_why_an_answered_record_still_waits(project):
    with Store(project / "tilth.duckdb") as store:
        add_records(store, pa.table({"text": ["My beans are up"]}), source_name="s")
        sent(store, "r", answers_wanted=2)
        assert "another person" not in step(project, store)
        answered(store, "a-r", ("1", "r", "anna", "a", 0, "given"))
        assert "1 record was answered and waits for another person" in step(project, store)


def step(project, store):
    store.let_go()
    return json.loads(done("status", "--json", project=project))["next_step"]


def test_with_an_empty_pool_it_does_not_advise_to_ask_about_more(project):
    with Store(project / "tilth.duckdb") as store:
        doubted, other = add_records(
            store, pa.table({"text": ["My beans are up", "Slugs"]}), source_name="s"
        ).record_ids
        write_labels(store, label_rows([doubted], [0]))
        row = {"kind": "label-error", "record_id": doubted, "evidence": "{}", "score": 0.9, "given": None}
        add_issues(store, pa.Table.from_pylist([row]))
        assert "ask about more: tilth round" in step(project, store)
        write_labels(store, label_rows([doubted, other], [0, 0]))
        assert step(project, store).endswith("(tilth push --issues).")
