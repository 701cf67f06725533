"""Second looks at suspicious labels, from the issue to what became of it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from labeling.answers import RELOOK
from labeling.audit import audit
from labeling.relook import Settled, relook_assignments, settle
from labeling.resolve import resolve_labels
from store.annotations import GIVEN_COLUMNS, add_annotations
from store.assignments import intend, mark
from store.database import Store
from store.issues import issues
from store.labels import labels
from tests.labeling.answer_rows import SCHEMA, annotations, said

WRONG = 4


@pytest.fixture
def doubted(tmp_path):
    """A store with 4 doubted labels among 40; `r000` is the most suspicious."""
    names = [f"r{i:03d}" for i in range(40)]
    given = [SCHEMA.classes[(i + (i < WRONG)) % 3] for i in range(40)]
    probabilities = np.full((40, 3), 0.05)
    probabilities[np.arange(40), np.arange(40) % 3] = 0.9
    probabilities[0] = [0.97, 0.01, 0.02]
    with Store(tmp_path / "tilth.duckdb") as store:
        answer(store, [said(name, "ann", label, external_id=name) for name, label in zip(names, given, strict=True)])
        audit(store, SCHEMA, SimpleNamespace(ids=np.array(names), probabilities=probabilities))
        yield store


def answer(store, rows):
    add_annotations(store, annotations(rows).select(GIVEN_COLUMNS.names))
    resolve_labels(store, SCHEMA)


def send(store, limit=None):
    wanted = relook_assignments(store, limit)
    intend(store, wanted, studio="studio", project_id=1)
    return {row["record_id"]: row["assignment_id"] for row in wanted.to_pylist()}


def test_issues_go_back_the_most_suspicious_first_with_the_reason(doubted):
    wanted = relook_assignments(doubted, 3).to_pylist()
    assert [row["position"] for row in wanted] == [0, 1, 2]
    assert wanted[0]["record_id"] == "r000"
    assert wanted[0]["why"] == 'Labelled "water"; the model believes "soil" (0.97). Please look again.'
    assert {row["purpose"] for row in wanted} == {RELOOK}
    assert all(row["prediction"] is None and row["answers_wanted"] == 1 for row in wanted)


def test_nobody_is_named_in_the_reason(doubted):
    assert not any("ann" in row["why"].split() for row in relook_assignments(doubted).to_pylist())


def test_what_is_on_its_way_is_not_asked_again(doubted):
    first = relook_assignments(doubted)
    assert relook_assignments(doubted).equals(first)
    send(doubted, 1)
    assert relook_assignments(doubted)["record_id"].to_pylist() == first["record_id"].to_pylist()[1:]
    assert settle(doubted, SCHEMA) == Settled(confirmed=0, corrected=0, waiting=1)
    assert issues(doubted, states=("sent",))["record_id"].to_pylist() == ["r000"]


def test_an_answer_settles_its_issue(doubted):
    look = send(doubted)
    answer(
        doubted,
        [
            said("r000", "ben", "soil", assignment_id=look["r000"], external_id="a"),
            said("r001", "ann", json.loads(issue_of(doubted, "r001")["given"])["label"],
                 assignment_id=look["r001"], external_id="b"),
        ],
    )  # fmt: skip
    assert settle(doubted, SCHEMA) == Settled(confirmed=1, corrected=1, waiting=2)
    assert issue_of(doubted, "r000")["state"] == "corrected"
    assert issue_of(doubted, "r000")["assignment_id"] == look["r000"]
    assert issue_of(doubted, "r000")["closed_at"] is not None
    assert issue_of(doubted, "r001")["state"] == "confirmed"
    (label,) = labels(doubted, ["r000"]).to_pylist()
    assert (json.loads(label["value"]), label["method"]) == ({"label": "soil"}, "re-look")


def test_settling_again_changes_nothing(doubted):
    look = send(doubted)
    answer(doubted, [said("r000", "ben", "soil", assignment_id=look["r000"], external_id="a")])
    settle(doubted, SCHEMA)
    before = issues(doubted)
    settle(doubted, SCHEMA)
    assert issues(doubted).equals(before)


def test_a_second_look_that_was_lost_opens_its_issue_again(doubted):
    look = send(doubted)
    settle(doubted, SCHEMA)
    mark(doubted, [look["r000"]], "lost")
    settle(doubted, SCHEMA)
    assert issue_of(doubted, "r000")["state"] == "open"
    assert relook_assignments(doubted)["assignment_id"].to_pylist() == [look["r000"]]


def test_a_renamed_class_is_no_correction(doubted):
    renamed = type(SCHEMA)("text-classification", ("soil", "wet", "seed"), renamed={"water": "wet", "earth": "soil"})
    look = send(doubted, 1)
    add_annotations(
        doubted,
        annotations([said("r000", "ben", "wet", assignment_id=look["r000"], external_id="a")]).select(
            GIVEN_COLUMNS.names
        ),
    )
    resolve_labels(doubted, renamed)
    assert settle(doubted, renamed) == Settled(confirmed=1, corrected=0, waiting=0)


def issue_of(store, record):
    (row,) = [row for row in issues(store).to_pylist() if row["record_id"] == record]
    return row
