"""Pull from a real Label Studio: what people do there, and what the store then holds."""

import json
import uuid
from contextlib import closing

import httpx
import pytest

from labeling.errors import ProjectGone, StudioRefused, StudioUnreachable
from labeling.pull import pull
from labeling.push import push
from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject
from store.annotations import current_annotations, history
from store.assignments import assignments, state_counts
from store.issues import issues


@pytest.fixture
def sent(store, project, chosen):
    """Six records sent to people: their task ids."""
    push(store, project, chosen(6))
    tasks = assignments(store)["external_task_id"].to_pylist()
    store.let_go()
    return tasks


@pytest.fixture
def server(studio):
    """Label Studio's own API, as its page uses it."""
    with httpx.Client(
        base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60
    ) as connection:
        yield connection


def values(store):
    return [json.loads(value)["label"] for value in current_annotations(store)["value"].to_pylist()]


def test_answers_come_back_with_who_gave_them_and_under_which_schema(store, project, sent):
    project.annotate(sent[0], {"label": "praise"}, annotator="anna", lead_time=2.5)
    assert pull(store, project).new == 1
    (row,) = current_annotations(store).to_pylist()
    task = assignments(store).to_pylist()[0]
    assert (row["annotator"], row["lead_time"], row["value"]) == ("anna", 2.5, '{"label": "praise"}')
    assert (row["record_id"], row["assignment_id"]) == (task["record_id"], task["assignment_id"])
    assert (row["origin"], row["schema_hash"]) == (project.origin, project.schema.hash)
    assert task["state"] == "answered"


def test_pulling_again_brings_nothing(store, project, sent):
    project.annotate(sent[0], {"label": "praise"})
    pull(store, project)
    again = pull(store, project)
    assert (again.new, again.changed, again.deleted) == (0, 0, 0)
    assert len(values(store)) == 1


def test_a_changed_answer_is_kept_beside_the_old(store, project, sent, server):
    answer = project.annotate(sent[0], {"label": "praise"})
    pull(store, project)
    server.patch(
        f"/api/annotations/{answer}", json={"result": project.kind.result(project.schema, {"label": "billing"})}
    ).raise_for_status()
    assert pull(store, project).changed == 1
    assert values(store) == ["billing"]
    record = assignments(store)["record_id"][0].as_py()
    assert [json.loads(row["value"])["label"] for row in history(store, record).to_pylist()] == ["praise", "billing"]


def test_a_deleted_answer_is_marked_and_asked_for_again(store, project, sent, server):
    answer = project.annotate(sent[0], {"label": "praise"})
    pull(store, project)
    server.delete(f"/api/annotations/{answer}").raise_for_status()
    assert pull(store, project).deleted == 1
    assert values(store) == []
    assert state_counts(store) == {"sent": 6}
    record = assignments(store)["record_id"][0].as_py()
    assert history(store, record)["state"].to_pylist() == ["given", "deleted"]


def test_one_of_two_answers_that_is_deleted_is_marked(store, project, chosen, server):
    push(store, project, chosen(1, answers_wanted=2))
    task = assignments(store)["external_task_id"][0].as_py()
    gone = project.annotate(task, {"label": "praise"}, annotator="anna")
    project.annotate(task, {"label": "billing"}, annotator="ben")
    pull(store, project)
    assert state_counts(store) == {"answered": 1}
    server.delete(f"/api/annotations/{gone}").raise_for_status()
    assert pull(store, project).deleted == 1
    assert values(store) == ["billing"]
    assert state_counts(store) == {"sent": 1}


def test_a_task_waits_until_as_many_people_as_wanted_have_answered(store, project, chosen):
    push(store, project, chosen(1, answers_wanted=2))
    task = assignments(store)["external_task_id"][0].as_py()
    project.annotate(task, {"label": "praise"}, annotator="anna")
    pull(store, project)
    assert state_counts(store) == {"sent": 1}
    project.annotate(task, {"label": "billing"}, annotator="ben")
    pull(store, project)
    assert state_counts(store) == {"answered": 1}


def test_a_skipped_task_is_marked_and_not_waited_for(store, project, sent):
    project.client.skip(sent[0])
    assert pull(store, project).cancelled == 1
    assert values(store) == []
    assert state_counts(store) == {"sent": 5, "withdrawn": 1}


def test_an_answer_outside_the_schema_becomes_an_issue_and_no_annotation(store, project, sent):
    result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["anger"]}}]
    project.client.annotate(sent[0], result)
    assert pull(store, project).outside_schema == 1
    assert values(store) == []
    (found,) = issues(store, kind="outside-schema").to_pylist()
    assert json.loads(found["given"]) == {"label": "anger"}
    assert '"anger" is not a class of the schema' in json.loads(found["evidence"])["why"]
    assert pull(store, project).outside_schema == 0


def test_a_task_deleted_by_hand_is_lost_and_its_answer_stays(store, project, sent):
    project.annotate(sent[0], {"label": "praise"})
    pull(store, project)
    project.client.delete_task(sent[0])
    project.client.delete_task(sent[1])
    assert pull(store, project).lost == 2
    assert values(store) == ["praise"]
    assert state_counts(store) == {"lost": 2, "sent": 4}


def test_a_lost_task_is_sent_again_when_its_record_is_pushed_again(store, project, chosen):
    rows = chosen(3)
    push(store, project, rows)
    project.client.delete_task(assignments(store)["external_task_id"][1].as_py())
    pull(store, project)
    again = push(store, project, rows)
    assert (again.created, again.already_there) == (1, 2)
    assert state_counts(store) == {"sent": 3}


def test_tasks_that_people_brought_in_themselves_are_left_alone(store, project, sent):
    project.client.import_tasks(project.id, [{"data": {"text": "mine", "why": "", "url": ""}}])
    mine = project.client.all_tasks(project.id)[-1].id
    project.annotate(mine, {"label": "praise"})
    brought = pull(store, project)
    assert (brought.new, brought.lost, brought.not_ours) == (0, 0, 1)
    assert mine in [task.id for task in project.client.all_tasks(project.id)]


def test_an_answer_with_a_name_of_its_own_is_given_once(store, project, sent):
    name = str(uuid.uuid4())
    assert project.annotate(sent[0], {"label": "praise"}, unique_id=name) is not None
    assert project.annotate(sent[0], {"label": "praise"}, unique_id=name) is None
    assert pull(store, project).new == 1


def test_classes_edited_by_hand_are_said_and_the_answers_still_come(store, project, sent):
    project.annotate(sent[0], {"label": "billing"})
    config = project.client.project(project.id).config
    project.client.set_config(project.id, config.replace('value="praise"', 'value="anger"'), "")
    brought = pull(store, project)
    assert brought.new == 1
    assert 'lacks "praise"' in (brought.config_edited or "")


def test_a_deleted_project_is_said_and_its_answers_stay(store, project, sent):
    project.annotate(sent[0], {"label": "praise"})
    pull(store, project)
    project.client.delete_project(project.id)
    with pytest.raises(ProjectGone, match=f"Project {project.id} is no longer"):
        pull(store, project)
    assert values(store) == ["praise"]


def test_a_stopped_label_studio_is_said(store, project):
    with closing(StudioClient("http://127.0.0.1:9", "0" * 40)) as nowhere, pytest.raises(StudioUnreachable):
        pull(store, StudioProject(nowhere, project.id, project.schema))


def test_a_wrong_token_is_said(store, project, studio):
    with closing(StudioClient(studio.url, "0" * 40)) as wrong, pytest.raises(StudioRefused):
        pull(store, StudioProject(wrong, project.id, project.schema))
