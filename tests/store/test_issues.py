"""Issues: named by what is suspected, so that a suspicion is one row however often it is raised."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.database import Store
from store.issues import add_issues, issue_id, issues, open_issues, set_state


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as store:
        yield store


def suspicion(record="r1", score=0.5, **more):
    return {"kind": "label-error", "record_id": record, "score": score, "given": "x", "evidence": "{}", **more}


def add(store, *rows):
    return add_issues(store, pa.Table.from_pylist(list(rows)))


def test_a_suspicion_raised_twice_is_one_row(store):
    assert add(store, suspicion(), suspicion("r2")) == 2
    assert add(store, suspicion(), suspicion()) == 0
    assert issues(store).num_rows == 2


def test_an_open_issue_takes_the_newer_score(store):
    add(store, suspicion(score=0.5))
    found = issues(store)["found_at"]
    add(store, suspicion(score=0.9, evidence='{"p": 1}'))
    (row,) = issues(store).to_pylist()
    assert (row["score"], row["evidence"], row["found_at"]) == (0.9, '{"p": 1}', found[0].as_py())


@pytest.mark.parametrize("state", ["sent", "confirmed", "corrected"])
def test_what_people_looked_at_stays_as_it_is(store, state):
    add(store, suspicion(score=0.5))
    set_state(store, issues(store)["issue_id"].to_pylist(), state)
    assert add(store, suspicion(score=0.9)) == 0
    (row,) = issues(store).to_pylist()
    assert (row["state"], row["score"]) == (state, 0.5)


def test_a_dismissed_suspicion_may_come_back(store):
    add(store, suspicion())
    set_state(store, issues(store)["issue_id"].to_pylist(), "dismissed")
    assert issues(store)["closed_at"][0].as_py() is not None
    add(store, suspicion())
    (row,) = issues(store).to_pylist()
    assert (row["state"], row["closed_at"]) == ("open", None)


def test_open_issues_come_most_suspicious_first(store):
    add(store, suspicion("a", 0.2), suspicion("b", 0.9), suspicion("c", None), suspicion("d", 0.4, kind="duplicate"))
    assert open_issues(store)["record_id"].to_pylist() == ["b", "d", "a", "c"]
    assert open_issues(store, "label-error", 2)["record_id"].to_pylist() == ["b", "a"]


def test_what_is_done_keeps_its_second_look(store):
    add(store, suspicion())
    (name,) = issues(store)["issue_id"].to_pylist()
    set_state(store, [name], "sent", assignment_ids=["a7"])
    set_state(store, [name], "corrected")
    (row,) = issues(store).to_pylist()
    assert (row["assignment_id"], row["state"]) == ("a7", "corrected")


def test_a_key_tells_suspicions_of_one_value_apart(store):
    assert add(store, suspicion(key="1"), suspicion(key="2")) == 2


def test_an_empty_batch_adds_nothing(store):
    assert add_issues(store, pa.table({"kind": pa.array([], pa.string())})) == 0


names = st.text(max_size=8)


@given(names, names, names, names, names, names)
def test_different_suspicions_have_different_ids(kind, record, value, kind2, record2, value2):
    one, other = ("k" + kind, record, value), ("k" + kind2, record2, value2)
    assert (issue_id(*one) == issue_id(*other)) == (one == other)
