"""A push that is killed at any moment and run again ends where an undisturbed one ends, with each task once."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from labeling.studio_client import StudioClient
from labeling.studio_project import open_project
from store.assignments import assignments
from store.database import Store
from tests.integration.conftest import SCHEMA, studio  # noqa: F401  # a fixture
from tests.kill.killed_run import describe, in_another_process, killed, moments, undisturbed
from tests.kill.push_pull_run import Where

MOMENTS, SEED = 20, 2
EXTERNAL = ("project_id", "external_task_id", "created_at", "sent_at")


@pytest.fixture
def fresh(studio, tmp_path) -> Callable[[str], Where]:  # noqa: F811
    """Makes a store with a new Label Studio project, by name."""

    def make(name: str) -> Where:
        path = tmp_path / f"{name}.duckdb"
        with closing(StudioClient(studio.url, studio.token, studio="embedded")) as client, Store(path) as store:
            project = open_project(store, client, SCHEMA, f"Killed push {name}")
        return Where(path, studio.url, studio.token, "embedded", project.id, SCHEMA.to_json())

    return make


def end_state(where: Where) -> dict[str, list]:
    """All rows but for times and external ids, and what stands in Label Studio in its order."""
    with Store(where.store) as store:
        rows = assignments(store).drop_columns(EXTERNAL).to_pylist()
        known = dict(
            zip(*(assignments(store)[name].to_pylist() for name in ("assignment_id", "external_task_id")), strict=True)
        )
        schemas = store.read("SELECT schema_hash, declared FROM schemas").to_pylist()
        cursors = store.read("SELECT name FROM cursors WHERE name LIKE 'pushing:%'").to_pylist()
    tasks = httpx.get(
        f"{where.url}/api/tasks",
        params={"project": where.project_id, "fields": "all", "page_size": 1000},
        headers={"Authorization": f"Token {where.token}"},
        timeout=60,
    ).json()["tasks"]
    assert known == {task["data"]["assignment_id"]: task["id"] for task in tasks}
    shown = [
        (task["data"], task["overlap"], [(one["result"], one["score"]) for one in task["predictions"]])
        for task in sorted(tasks, key=lambda task: task["id"])
    ]
    return {"assignments": rows, "schemas": schemas, "unfinished": cursors, "tasks": shown}


def test_it_ends_as_an_undisturbed_push(fresh, tmp_path: Path):
    calm = fresh("calm")
    events = undisturbed("push", calm, tmp_path)
    wanted = end_state(calm)
    drawn = moments(events, MOMENTS, SEED, waits="labeling.studio_client.import_tasks")
    ended_by_the_kill = 0
    for number, moment in enumerate(drawn):
        print(f"push, {describe(moment, events)}", flush=True)
        where = fresh(str(number))
        ended_by_the_kill += killed(in_another_process("push", where, moment))
        assert in_another_process("push", where) == 0
        assert end_state(where) == wanted, describe(moment, events)
    # A delay can outlast a push that runs faster than the one it was measured on.
    assert ended_by_the_kill >= MOMENTS - 3
