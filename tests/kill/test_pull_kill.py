"""A pull that is killed at any moment and run again ends where an undisturbed one ends: no answer lost, none twice."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject, open_project
from store.assignments import assignments
from store.database import Store
from tests.integration.conftest import SCHEMA, studio  # noqa: F401  # a fixture
from tests.kill.killed_run import describe, in_another_process, killed, moments, undisturbed
from tests.kill.push_pull_run import Where

MOMENTS, SEED = 20, 3
CLASSES = SCHEMA.classes


@pytest.fixture
def before(studio, tmp_path) -> Where:  # noqa: F811
    """A store that has pulled some answers; since then people gave, changed, deleted, skipped and invented some."""
    path = tmp_path / "before.duckdb"
    with closing(StudioClient(studio.url, studio.token, studio="embedded")) as client:
        with Store(path) as store:
            project = open_project(store, client, SCHEMA, "Killed pull")
        where = Where(path, studio.url, studio.token, "embedded", project.id, SCHEMA.to_json())
        assert in_another_process("push", where) == 0
        with Store(path) as store:
            tasks = assignments(store)["external_task_id"].to_pylist()
        given = [project.annotate(task, {"label": CLASSES[task % 3]}, annotator="anna") for task in tasks[:8]]
        assert in_another_process("pull", where) == 0
        answer_anew(studio, project, tasks, given)
    return where


def answer_anew(studio, project: StudioProject, tasks: list[int], given: list[int | None]) -> None:  # noqa: F811
    """Everything that can happen to answers, once."""
    server = {"base_url": studio.url, "headers": {"Authorization": f"Token {studio.token}"}, "timeout": 60}
    with httpx.Client(**server) as people:
        for answer in given[:2]:
            changed = project.kind.result(SCHEMA, {"label": CLASSES[0]})
            people.patch(f"/api/annotations/{answer}", json={"result": changed}).raise_for_status()
        people.delete(f"/api/annotations/{given[2]}").raise_for_status()
    for task in tasks[8:16]:
        project.annotate(task, {"label": CLASSES[task % 3]}, annotator="ben")
    project.annotate(tasks[0], {"label": CLASSES[1]}, annotator="ben")
    project.client.skip(tasks[16])
    project.client.skip(tasks[17])
    outside = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": ["anger"]}}]
    project.client.annotate(tasks[18], outside)
    project.client.delete_task(tasks[19])


def end_state(where: Where) -> dict[str, list]:
    """All rows but for the times at which the store received them."""
    with Store(where.store) as store:
        return {
            "annotations": store.read("SELECT * EXCLUDE received_at FROM annotations ORDER BY sequence").to_pylist(),
            "issues": store.read("SELECT * EXCLUDE found_at FROM issues ORDER BY issue_id").to_pylist(),
            "assignments": assignments(store).to_pylist(),
            "cursors": store.read("SELECT * EXCLUDE moved_at FROM cursors ORDER BY name").to_pylist(),
        }


def test_it_ends_as_an_undisturbed_pull(before, tmp_path: Path):
    def copy(name: str) -> Where:
        path = tmp_path / f"{name}.duckdb"
        shutil.copy(before.store, path)
        return replace(before, store=path)

    calm = copy("calm")
    events = undisturbed("pull", calm, tmp_path)
    wanted = end_state(calm)
    assert {row["state"] for row in wanted["annotations"]} == {"given", "cancelled", "deleted"}
    assert len(wanted["issues"]) == 1
    assert {row["state"] for row in wanted["assignments"]} == {"sent", "answered", "withdrawn", "lost"}
    ended_by_the_kill = 0
    for number, moment in enumerate(moments(events, MOMENTS, SEED, waits="httpx._client.request")):
        print(f"pull, {describe(moment, events)}", flush=True)
        where = copy(str(number))
        ended_by_the_kill += killed(in_another_process("pull", where, moment))
        assert in_another_process("pull", where) == 0
        assert end_state(where) == wanted, describe(moment, events)
    # A delay can outlast a pull that runs faster than the one it was measured on.
    assert ended_by_the_kill >= MOMENTS - 3
