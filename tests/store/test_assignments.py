"""Assignments: intended, sent, answered, declined, lost."""

import pyarrow as pa
import pytest

from store.annotations import add_annotations
from store.assignments import (
    GIVEN_COLUMNS,
    assignment_id,
    assignments,
    confirm_sent,
    count_answers,
    half_answered,
    intend,
    mark,
    state_counts,
    want_at_most,
)
from store.database import Store
from tests.store.test_annotations import answers


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def wanted(*records, answers_wanted=1):
    rows = [
        {
            "assignment_id": f"a-{record}",
            "record_id": record,
            "purpose": "selected",
            "why": "unsure",
            "position": place,
            "answers_wanted": answers_wanted,
        }
        for place, record in enumerate(records)
    ]
    return pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS)


def sent(store, *records, answers_wanted=1):
    intend(store, wanted(*records, answers_wanted=answers_wanted), studio="s", project_id=1)
    ids = [f"a-{record}" for record in records]
    confirm_sent(store, pa.table({"assignment_id": ids, "external_task_id": list(range(len(ids)))}))


def answered(store, assignment, *given):
    rows = answers(*given).to_pylist()
    add_annotations(
        store, answers().from_pylist([{**row, "assignment_id": assignment} for row in rows], answers().schema)
    )
    count_answers(store, [assignment])
    return assignments(store, ids=[assignment])["state"][0].as_py()


def test_the_same_choice_has_the_same_id_and_another_round_another():
    assert assignment_id("r", "selected", "1") == assignment_id("r", "selected", "1")
    assert (
        len(
            {
                assignment_id("r", "selected", "1"),
                assignment_id("r", "relook", "1"),
                assignment_id("r", "selected", None),
            }
        )
        == 3
    )


def test_intending_again_leaves_what_is_known_alone(store):
    assert intend(store, wanted("r", "q"), studio="s", project_id=1) == 2
    confirm_sent(store, pa.table({"assignment_id": ["a-r"], "external_task_id": [7]}))
    assert intend(store, wanted("r", "q"), studio="s", project_id=1) == 0
    assert state_counts(store) == {"intended": 1, "sent": 1}


def test_they_come_in_the_order_in_which_they_were_intended(store):
    intend(store, wanted("z", "a"), studio="s", project_id=1)
    intend(store, wanted("m"), studio="s", project_id=1)
    assert assignments(store)["record_id"].to_pylist() == ["z", "a", "m"]


def test_a_lost_one_is_intended_anew_where_it_is_sent_now(store):
    sent(store, "r")
    mark(store, ["a-r"], "lost")
    assert intend(store, wanted("r"), studio="t", project_id=2) == 1
    (row,) = assignments(store).to_pylist()
    assert (row["studio"], row["project_id"], row["external_task_id"], row["state"]) == ("t", 2, None, "intended")


def test_as_many_people_as_wanted_make_it_answered(store):
    sent(store, "r", answers_wanted=2)
    assert answered(store, "a-r", ("1", "r", "anna", "a", 0, "given")) == "sent"
    assert answered(store, "a-r", ("2", "r", "anna", "b", 1, "given")) == "sent"
    assert answered(store, "a-r", ("3", "r", "ben", "a", 2, "given")) == "answered"
    assert answered(store, "a-r", ("3", "r", "ben", "a", 3, "deleted")) == "sent"


def test_one_that_people_declined_is_withdrawn_until_someone_answers(store):
    sent(store, "r")
    assert answered(store, "a-r", ("1", "r", "anna", "a", 0, "cancelled")) == "withdrawn"
    assert answered(store, "a-r", ("2", "r", "ben", "a", 1, "given")) == "answered"


def test_an_answer_to_what_is_only_intended_leaves_it_so(store):
    intend(store, wanted("r"), studio="s", project_id=1)
    assert answered(store, "a-r", ("1", "r", "anna", "a", 0, "given")) == "intended"


def of_round(store, record, round_id):
    rows = [row | {"round_id": round_id} for row in wanted(record, answers_wanted=2).to_pylist()]
    intend(store, pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS), studio="s", project_id=1)
    confirm_sent(store, pa.table({"assignment_id": [f"a-{record}"], "external_task_id": [1]}))


def test_a_round_that_wants_fewer_answers_has_those_that_came(store):
    of_round(store, "r", "1")
    of_round(store, "q", "2")
    for record in "rq":
        answered(store, f"a-{record}", (record, record, "anna", "a", 0, "given"))
    want_at_most(store, "1", 1)
    rows = assignments(store).to_pylist()
    assert {row["record_id"]: (row["answers_wanted"], row["state"]) for row in rows} == {
        "r": (1, "answered"),
        "q": (2, "sent"),
    }


def test_records_that_wait_for_another_person_are_counted(store):
    sent(store, "one", "none", "both", "declined", answers_wanted=2)
    answered(store, "a-one", ("1", "one", "anna", "a", 0, "given"))
    answered(store, "a-both", ("2", "both", "anna", "a", 0, "given"), ("3", "both", "ben", "a", 0, "given"))
    answered(store, "a-declined", ("4", "declined", "anna", "a", 0, "cancelled"))
    assert half_answered(store) == 1
