"""Push against a real Label Studio."""

import json

import httpx
import pytest

from labeling.errors import ConfigEdited, PredictionError, ProjectGone, StudioRefused, StudioUnreachable
from labeling.push import push
from labeling.studio_client import StudioClient
from labeling.studio_project import (
    StudioProject,
    bring_up_to_date,
    open_project,
    restore_config,
    start_over,
)
from store.assignments import assignments, state_counts
from store.cursors import move_cursor
from store.errors import RequestError
from store.label_schema import LabelSchema

SURE = json.dumps({"probabilities": {"praise": 0.75, "billing": 0.25}})


def test_exactly_the_chosen_records_stand_there_in_order(store, project, chosen):
    rows = chosen(7)
    pushed = push(store, project, rows)
    assert (pushed.created, pushed.already_there) == (7, 0)
    tasks = project.client.all_tasks(project.id)
    assert [task.assignment_id for task in tasks] == pushed.assignment_ids
    sent = assignments(store)
    assert sent["external_task_id"].to_pylist() == [task.id for task in tasks]
    assert set(sent["state"].to_pylist()) == {"sent"}


def test_a_task_carries_its_record_the_reason_and_the_prediction(store, project, chosen, studio):
    rows = chosen(1, prediction=SURE)
    push(store, project, rows)
    task_id = assignments(store)["external_task_id"][0].as_py()
    task = httpx.get(f"{studio.url}/api/tasks/{task_id}", headers={"Authorization": f"Token {studio.token}"}).json()
    assert task["data"]["record_id"] == rows["record_id"][0].as_py()
    assert task["data"]["text"] == "Letter 0: where is my parcel?"
    assert task["data"]["why"] == "the model is unsure"
    assert task["data"]["url"] == "https://letters.example/0"
    assert task["predictions"][0]["score"] == 0.75
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["praise"]}


def test_a_prediction_is_shown_although_an_earlier_model_made_the_first_ones(store, project, chosen, studio):
    push(store, project, chosen(1, prediction=SURE))
    push(store, project, chosen(2, round_id="r2", prediction=SURE))
    tasks = httpx.get(
        f"{studio.url}/api/tasks?project={project.id}&fields=all", headers={"Authorization": f"Token {studio.token}"}
    ).json()["tasks"]
    shown = httpx.get(
        f"{studio.url}/api/projects/{project.id}", headers={"Authorization": f"Token {studio.token}"}
    ).json()["model_version"]
    assert [task["predictions"][0]["model_version"] for task in tasks] == [shown] * 3


def test_pushing_again_makes_no_task(store, project, chosen):
    rows = chosen(5)
    push(store, project, rows)
    again = push(store, project, rows)
    assert (again.created, again.already_there) == (0, 5)
    assert len(project.client.all_tasks(project.id)) == 5


def test_a_second_look_at_a_record_is_a_second_task(store, project, chosen):
    push(store, project, chosen(2))
    again = push(store, project, chosen(2, round_id="r2"))
    assert again.created == 2
    assert len(project.client.all_tasks(project.id)) == 4


def test_answers_of_several_people_are_asked_for_where_they_are_wanted(store, project, chosen):
    push(store, project, chosen(3, answers_wanted=2))
    assert [task.overlap for task in project.client.all_tasks(project.id)] == [2, 2, 2]


def test_tasks_that_an_earlier_push_left_unconfirmed_are_found_and_not_repeated(store, project, chosen):
    rows = chosen(4)
    push(store, project, rows)
    with store.transaction() as db:
        db.execute("UPDATE assignments SET state = 'intended', external_task_id = NULL WHERE position < 3")
        move_cursor(store, f"pushing:{project.origin}", "sending")
    again = push(store, project, rows)
    assert (again.created, again.recovered) == (0, 3)
    assert len(project.client.all_tasks(project.id)) == 4
    assert state_counts(store) == {"sent": 4}


def test_an_untouched_twin_is_taken_away(store, project, chosen):
    rows = chosen(2)
    push(store, project, rows)
    name = assignments(store)["assignment_id"][0].as_py()
    twin = project.client.import_tasks(
        project.id, [{"data": {"text": "x", "why": "", "url": "", "assignment_id": name}}]
    )
    with store.transaction() as db:
        db.execute("UPDATE assignments SET state = 'intended', external_task_id = NULL")
        move_cursor(store, f"pushing:{project.origin}", "sending")
    assert push(store, project, rows).twins_removed == 1
    assert twin[0] not in [task.id for task in project.client.all_tasks(project.id)]


def test_the_project_is_made_once(store, client, project):
    again = open_project(store, client, project.schema, "Letters")
    assert again.id == project.id


def test_a_project_whose_making_was_not_confirmed_is_found_again(store, client, project):
    with store.transaction() as db:
        db.execute(
            "UPDATE cursors SET value = replace(value, $1, $2)", [f'"project_id": {project.id}', '"project_id": null']
        )
    assert open_project(store, client, project.schema, "Letters").id == project.id


def test_a_batch_with_an_unknown_record_is_refused_whole(store, project, chosen):
    rows = chosen(2).to_pylist()
    rows[1]["record_id"] = "0" * 32
    with pytest.raises(RequestError, match="not in the store"):
        push(store, project, chosen(2).from_pylist(rows))
    assert assignments(store).num_rows == 0


def test_a_prediction_outside_the_schema_is_refused_before_anything_is_sent(store, project, chosen):
    with pytest.raises(PredictionError, match='"anger"'):
        push(store, project, chosen(2, prediction=json.dumps({"probabilities": {"anger": 1.0}})))
    assert assignments(store).num_rows == 0
    assert project.client.all_tasks(project.id) == []


def test_a_stopped_label_studio_is_said_and_nothing_is_written(store, project, chosen):
    elsewhere = StudioProject(
        StudioClient("http://127.0.0.1:9", "0" * 40, studio=project.client.studio), project.id, project.schema
    )
    with pytest.raises(StudioUnreachable, match="tilth studio up"):
        push(store, elsewhere, chosen(1))
    assert assignments(store).num_rows == 0


def test_a_wrong_token_is_said(store, project, studio, chosen):
    refused = StudioProject(StudioClient(studio.url, "0" * 40), project.id, project.schema)
    with pytest.raises(StudioRefused, match="LABEL_STUDIO_API_KEY"):
        push(store, refused, chosen(1))
    assert assignments(store).num_rows == 0


def test_a_deleted_project_is_said_and_can_be_begun_anew(store, client, project, chosen):
    rows = chosen(3)
    push(store, project, rows)
    client.delete_project(project.id)
    with pytest.raises(ProjectGone, match="--new-project"):
        push(store, project, rows)
    with pytest.raises(ProjectGone):
        open_project(store, client, project.schema, "Letters")
    assert start_over(store, client) == 3
    fresh = open_project(store, client, project.schema, "Letters")
    assert push(store, fresh, rows).created == 3
    assert state_counts(store, studio=client.studio, project_id=fresh.id) == {"sent": 3}


def test_classes_edited_by_hand_stop_a_push_until_they_are_put_back(store, project, chosen):
    edited = project.client.project(project.id).config.replace('value="praise"', 'value="anger"')
    project.client.set_config(project.id, edited, "")
    with pytest.raises(ConfigEdited, match=r'lacks "praise" and has "anger"'):
        push(store, project, chosen(1))
    assert assignments(store).num_rows == 0
    restore_config(store, project)
    assert push(store, project, chosen(1)).created == 1


def test_a_class_added_to_the_schema_reaches_the_project_by_itself(store, client, project, chosen):
    grown = LabelSchema("text-classification", (*project.schema.classes, "returns"), question="What is it about?")
    push(store, StudioProject(client, project.id, grown), chosen(1))
    assert 'value="returns"' in client.project(project.id).config


def test_another_wording_of_the_question_reaches_the_project_by_itself(store, client, project):
    reworded = LabelSchema("text-classification", project.schema.classes, question="What does it speak of?")
    bring_up_to_date(store, StudioProject(client, project.id, reworded))
    assert "What does it speak of?" in client.project(project.id).config


def test_a_project_that_was_named_to_us_keeps_its_own_wording(store, client, project, chosen):
    theirs = project.client.project(project.id).config.replace("What is it about?", "Worum geht es?")
    named = client.make_project("Theirs", theirs, description="", instructions="")
    used = open_project(store, client, project.schema, "Letters", project_id=named)
    assert used.id == named
    push(store, used, chosen(1))
    assert "Worum geht es?" in client.project(named).config


def test_an_unconfirmed_project_that_asks_an_older_schema_is_brought_up_to_date(store, client, project, chosen):
    with store.transaction() as db:
        db.execute(
            "UPDATE cursors SET value = replace(value, $1, $2)",
            [f'"project_id": {project.id}', '"project_id": null'],
        )
    grown = LabelSchema("text-classification", (*project.schema.classes, "returns"), question="What is it about?")
    found = open_project(store, client, grown, "Letters")
    assert found.id == project.id
    push(store, found, chosen(1))
    assert 'value="returns"' in client.project(project.id).config
