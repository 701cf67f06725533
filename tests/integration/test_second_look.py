"""Simulated annotators answer through a real Label Studio; doubtful labels go back to them and are settled."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from labeling.audit import audit
from labeling.pull import pull
from labeling.push import push
from labeling.relook import relook_assignments, settle
from labeling.resolve import resolve_labels
from labeling.simulated_annotators import AnswersGiven, SimulatedAnnotator, answer_open_tasks
from store.assignments import assignments
from store.labels import labels
from tests.integration.conftest import SCHEMA

N = 40


@pytest.fixture
def people():
    return [
        SimulatedAnnotator(name, SCHEMA.classes, care, seed=3)
        for name, care in (("ann", 0.95), ("ben", 0.8), ("cem", 0.6))
    ]


def take_in(store, project):
    pulled = pull(store, project)
    resolve_labels(store, SCHEMA)
    return pulled


def wrong_labels(store, truth):
    return sum(json.loads(row["value"])["label"] != truth[row["record_id"]] for row in labels(store).to_pylist())


def test_wrong_answers_are_found_and_corrected_in_a_second_look(store, project, chosen, people):
    rows = chosen(N)
    ids = rows["record_id"].to_pylist()
    truth = {name: SCHEMA.classes[place % 3] for place, name in enumerate(ids)}
    push(store, project, rows)
    waiting = assignments(store, states=("sent",))
    store.let_go()

    half = answer_open_tasks(project, people, truth, waiting.slice(0, N // 2))
    assert half == AnswersGiven(given=N // 2, known=0, missing=0)
    rest = answer_open_tasks(project, people, truth, waiting)
    assert rest == AnswersGiven(given=N // 2, known=N // 2, missing=0)
    assert take_in(store, project).new == N
    before = wrong_labels(store, truth)
    assert before >= 4

    probabilities = np.full((N, 3), 0.1)
    probabilities[np.arange(N), np.arange(N) % 3] = 0.8
    found = audit(store, SCHEMA, SimpleNamespace(ids=np.array(ids), probabilities=probabilities))
    assert found.flagged.num_rows == before
    again = relook_assignments(store)
    assert push(store, project, again).created == before
    assert push(store, project, again).created == 0
    assert settle(store, SCHEMA).waiting == before
    looks = assignments(store, states=("sent",))
    store.let_go()
    assert answer_open_tasks(project, people, truth, looks).given == before
    take_in(store, project)
    settled = settle(store, SCHEMA)
    assert settled.corrected + settled.confirmed == before
    assert wrong_labels(store, truth) <= before // 2
    assert {row["method"] for row in labels(store, again["record_id"].to_pylist()).to_pylist()} == {"re-look"}
