"""A round's answers go to labelled records too, through a real Label Studio."""

import json

import pytest

from active_learning.draw import Drawn
from active_learning.opened_again import open_again, opened, opened_states
from labeling.pull import pull
from labeling.push import push
from labeling.resolve import resolve_labels
from labeling.second_opinion import open_for_more
from store.assignments import assignments
from store.labels import labels
from store.rounds import begin_round, move_round
from tests.integration.conftest import SCHEMA


@pytest.fixture
def answered(store, project, chosen, client):
    """Three records that ann answered; their assignments."""
    client.ensure_users(["ann", "ben"])
    rows = chosen(3)
    push(store, project, rows)
    give(store, project, "ann", ["billing", "delivery", "praise"])
    return assignments(store).to_pylist()


def give(store, project, who, classes, only=None):
    for row, name in zip(assignments(store).to_pylist(), classes, strict=True):
        if only is None or row["assignment_id"] in only:
            project.annotate(row["external_task_id"], {"label": name}, annotator=who)
    store.let_go()
    pull(store, project)
    resolve_labels(store, SCHEMA)


def test_a_task_that_was_answered_is_opened_for_one_more_and_answered_again(store, project, answered):
    first = answered[0]
    current = begin_round(store, first_step="push", strategy="auto", size=1, seed=0)
    drawn = [Drawn(first["record_id"], "second-opinion", "Why.", 0.3, 2, assignment=first["assignment_id"], opens=True)]
    with store.transaction():
        current = move_round(store, current.round_id, "push", open_again(store, drawn))
    for _ in range(2):  # as after a kill
        assert open_for_more(store, project, opened(current)) == 1
    overlaps = {task.assignment_id: task.overlap for task in project.client.all_tasks(project.id)}
    assert overlaps == {row["assignment_id"]: 1 + (row is first) for row in answered}
    pull(store, project)
    assert opened_states(store, current) == ["sent"]
    give(store, project, "ben", ["billing", "delivery", "praise"], only={first["assignment_id"]})
    assert opened_states(store, current) == ["answered"]
    (label,) = labels(store, [first["record_id"]]).to_pylist()
    assert (json.loads(label["value"])["label"], label["annotators"], label["method"]) == ("billing", 2, "vote")


def test_a_task_that_was_deleted_is_passed_over(store, project, answered):
    project.client.delete_task(answered[1]["external_task_id"])
    assert open_for_more(store, project, {answered[1]["assignment_id"]: 2}) == 0
    assert open_for_more(store, project, {}) == 0
