"""Sending chosen records to people: exactly those, in order, each with its prediction, each once.

Two systems change, so the intent is written first (`assignments`, state `intended`), then the tasks are imported, then
it is confirmed with their ids. What an earlier push left unconfirmed is looked up by the assignment id that stands in
each task's data, never repeated blindly: an import can end after its client died, so it is looked for until it is
quiet.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from filelock import FileLock, Timeout

from labeling.errors import PushRunning
from labeling.studio_client import MODEL_VERSION
from labeling.studio_project import StudioProject, bring_up_to_date
from labeling.studio_task import StudioTask
from labeling.twins import without_twins
from store.assignments import GIVEN_COLUMNS, assignment_id, assignments, confirm_sent, count_answers, intend
from store.cursors import cursor, drop_cursor, move_cursor
from store.database import Store
from store.errors import RequestError
from store.records import records
from store.schemas import use_schema

CHUNK = 1000
"""Tasks in one import: large enough to be fast, small enough that a cut-off one is over within about a second."""

QUIET_LOOKS = 6
"""So many equal looks in a row, `LOOK_SECONDS` apart, mean that nothing is being imported any more."""

LOOK_SECONDS = 0.5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        assignment_ids: Of the given records, in their order.
        created: Tasks that this push made.
        already_there: Given records whose task was there before.
        recovered: Tasks of an earlier push that was cut off, found and confirmed now.
        twins_removed: Unannotated second tasks that were taken away.
    """

    assignment_ids: list[str] = field(repr=False)
    created: int
    already_there: int
    recovered: int
    twins_removed: int


def push(store: Store, project: StudioProject, chosen: pa.Table, *, progress: Progress | None = None) -> Pushed:
    """Send records to people, in the table's order; records that were sent for the same purpose and round are not sent
    again.

    May be killed at any moment and called again: it ends as if it had not been.

    Args:
        chosen: `record_id`, `purpose` and `why`; where there are such `round_id`, `score`, `answers_wanted` (1),
            `model_id`, `prediction` (JSON `{"probabilities": {class: p}}`, shown to people) and `assignment_id`.
        progress: Told after each import how many of how many tasks are there.

    Raises:
        RequestError: A record is not in the store, or stands in `chosen` twice.
        PredictionError: A prediction does not fit the schema.
        ConfigEdited: The project no longer asks what the schema asks.
        PushRunning: Another process is pushing from the same store.
        ProjectGone, StudioUnreachable, StudioRefused: Label Studio cannot take them. What was intended stays so, and is
            sent by the next push.
    """
    given = _as_given(chosen)
    _check(store, project, given)
    bring_up_to_date(store, project)
    use_schema(store, project.schema)
    with _alone(store):
        cut_off = cursor(store, _name(project)) is not None
        left = _unconfirmed(store, project)["assignment_id"].to_pylist() if cut_off else []
        intend(store, given, studio=project.client.studio, project_id=project.id)
        found = _look_until_quiet(store, project, left) if left else {}
        kept, twins = without_twins(project, found)
        _recover(store, project, kept)
        created = _send(store, project, progress)
        drop_cursor(store, _name(project))
        store.let_go()
    ids = given["assignment_id"].to_pylist()
    fresh = created | set(kept)
    return Pushed(ids, len(created), sum(name not in fresh for name in ids), len(kept), twins)


def _name(project: StudioProject) -> str:
    """The cursor that stands from before the first import of a push until after its last confirmation.

    Where it does not stand, whatever is intended was never sent, and need not be looked for.
    """
    return f"pushing:{project.origin}"


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Keep a second push of the same store out; the lock goes with the process that holds it."""
    lock = FileLock(store.path.with_suffix(".push.lock"), timeout=0)
    store.let_go()
    try:
        lock.acquire()
    except Timeout as error:
        raise PushRunning(f"Another push from {store.path} is running; wait for it to end, and push again.") from error
    try:
        yield
    finally:
        lock.release()


def _as_given(chosen: pa.Table) -> pa.Table:
    rows = []
    for place, row in enumerate(chosen.to_pylist()):
        rows.append({name: row.get(name) for name in GIVEN_COLUMNS.names} | {"position": place})
        rows[-1]["answers_wanted"] = row.get("answers_wanted") or 1
        rows[-1]["assignment_id"] = row.get("assignment_id") or assignment_id(
            row["record_id"], row["purpose"], row.get("round_id")
        )
    return pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS)


def _check(store: Store, project: StudioProject, given: pa.Table) -> None:
    """Refuse the whole batch before anything is written."""
    ids = given["assignment_id"].to_pylist()
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise RequestError(
            f"Record {given['record_id'][ids.index(twice)]} is to be sent twice for the same purpose and round."
        )
    wanted = given["record_id"].to_pylist()
    missing = set(wanted) - set(records(store, wanted)["record_id"].to_pylist())
    if missing:
        raise RequestError(
            f"Record {min(missing)} is not in the store ({len(missing)} of {len(wanted)} are not). "
            "Crawl or import it first."
        )
    for shown in given["prediction"].to_pylist():
        if shown is not None:
            project.kind.prediction(project.schema, json.loads(shown))


def _unconfirmed(store: Store, project: StudioProject) -> pa.Table:
    return assignments(store, studio=project.client.studio, project_id=project.id, states=("intended",))


def _look_until_quiet(store: Store, project: StudioProject, ids: Sequence[str]) -> dict[str, list[StudioTask]]:
    """The tasks of each assignment, once nothing new appears.

    The server may still be working on an import whose client was killed: 2,000 tasks appeared 0.6 s after a look found
    none.
    """
    store.let_go()
    looks: list[int] = []
    while True:
        tasks = project.client.tasks_of(project.id, ids)
        looks.append(len(tasks))
        # Where nothing is missing, nothing can be on its way: a chunk is imported once, and whole.
        if len({task.assignment_id for task in tasks}) == len(ids):
            break
        if looks[-QUIET_LOOKS:] == looks[-1:] * QUIET_LOOKS:
            break
        time.sleep(LOOK_SECONDS)
    found = defaultdict(list)
    for task in tasks:
        if task.assignment_id is not None:
            found[task.assignment_id].append(task)
    return found


def _send(store: Store, project: StudioProject, progress: Progress | None) -> set[str]:
    """Import what is intended and not there, in order, chunk by chunk; the ids of what was imported.

    While Label Studio takes one chunk in, the one before it is confirmed and the next is made ready.
    """
    waiting = _unconfirmed(store, project)
    if not waiting.num_rows:
        return set()
    move_cursor(store, _name(project), "sending")
    sent: set[str] = set()

    def confirm(there: dict[str, int]) -> None:
        _confirm(store, there)
        sent.update(there)
        if progress is not None:
            progress(len(sent), waiting.num_rows)

    with ThreadPoolExecutor(1) as courier:
        under_way: Future[dict[str, int]] | None = None
        for start in range(0, waiting.num_rows, CHUNK):
            rows = waiting.slice(start, CHUNK).to_pylist()
            texts = records(store, [row["record_id"] for row in rows]).to_pylist()
            store.let_go()
            tasks = [_task(project, row, record) for row, record in zip(rows, texts, strict=True)]
            there = under_way.result() if under_way is not None else {}
            under_way = courier.submit(_deliver, project, rows, tasks)
            confirm(there)
        if under_way is not None:
            confirm(under_way.result())
    return sent


def _deliver(project: StudioProject, rows: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> dict[str, int]:
    """Import tasks and ask for as many answers as are wanted; the task of each assignment."""
    there = dict(
        zip([row["assignment_id"] for row in rows], project.client.import_tasks(project.id, tasks), strict=True)
    )
    for row in rows:
        if row["answers_wanted"] > 1:
            project.client.set_overlap(there[row["assignment_id"]], row["answers_wanted"])
    return there


def _task(project: StudioProject, row: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "record_id": row["record_id"],
        "assignment_id": row["assignment_id"],
        "why": row["why"],
        "url": record["url"] or "",
    }
    task: dict[str, Any] = {"data": project.kind.task_data(record) | facts}
    if row["prediction"] is not None:
        result, score = project.kind.prediction(project.schema, json.loads(row["prediction"]))
        task["predictions"] = [{"model_version": MODEL_VERSION, "result": result, "score": score}]
    return task


def _recover(store: Store, project: StudioProject, kept: dict[str, StudioTask]) -> None:
    """Confirm tasks that an earlier push left, after asking for as many answers as are wanted."""
    wanted = assignments(store, ids=list(kept)).select(["assignment_id", "answers_wanted"]).to_pylist()
    store.let_go()
    for row in wanted:
        task = kept[row["assignment_id"]]
        if task.overlap != row["answers_wanted"]:
            project.client.set_overlap(task.id, row["answers_wanted"])
    _confirm(store, {name: task.id for name, task in kept.items()})


def _confirm(store: Store, there: dict[str, int]) -> None:
    """Write down that the tasks of these assignments are there."""
    if not there:
        return
    with store.transaction():
        confirm_sent(store, pa.table({"assignment_id": list(there), "external_task_id": list(there.values())}))
        # A task can have been answered, and its answer pulled, before its push came to this.
        count_answers(store, list(there))
    store.let_go()
