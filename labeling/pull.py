"""Bringing answers back: only what changed, into the append-only annotations.

Label Studio moves a task's `updated_at` whenever an answer to it is given, changed or deleted. A cursor per project
remembers how far that was read; it moves in the transaction that keeps the last answers read. Reading something twice
changes nothing, so each pull reads again a little of what lies before the cursor: an answer's time is taken before it
is committed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from labeling.studio_project import StudioProject, edits
from labeling.studio_task import StudioAnswer, StudioTask
from labeling.twins import without_twins
from store.annotations import DELETED, GIVEN_COLUMNS, add_annotations, standing
from store.assignments import assignments, confirm_sent, count_answers, mark
from store.cursors import cursor, move_cursor
from store.database import Store
from store.errors import LabelError
from store.issues import add_issues
from store.schemas import use_schema

OVERLAP = timedelta(seconds=60)
"""How far before the cursor a pull reads again; SQLite under load has kept a writer waiting for many seconds."""

BEGINNING = "1970-01-01T00:00:00.000000Z"

_SEEN = pa.schema([("assignment_id", pa.string()), ("external_task_id", pa.int64())])


@dataclass(frozen=True)
class Pulled:
    """What a pull brought.

    Attributes:
        new: Answers that were not known.
        changed: New revisions of known answers.
        deleted: Answers that were taken back.
        cancelled: Among `new` and `changed`, tasks that a person declined to answer.
        outside_schema: Answers that the schema does not allow; they are in `issues`.
        lost: Assignments whose task was deleted by hand.
        twins_removed: Unannotated second tasks of one assignment that were taken away.
        not_ours: Tasks in the project that tilth did not send.
        config_edited: How the project's labeling setup differs from the schema, None where it does not.
    """

    new: int = 0
    changed: int = 0
    deleted: int = 0
    cancelled: int = 0
    outside_schema: int = 0
    lost: int = 0
    twins_removed: int = 0
    not_ours: int = 0
    config_edited: str | None = None


@dataclass(frozen=True)
class _Cursor:
    """How far a project was read: `updated_at` on the server's clock; tasks answered so late that the next pull reads
    them
    again; how many of its tasks are not known as sent."""

    updated_at: str = BEGINNING
    recent: tuple[int, ...] = ()
    strangers: int = 0

    @property
    def since(self) -> str:
        moment = datetime.fromisoformat(self.updated_at)
        return max(moment - OVERLAP, datetime(1970, 1, 1, tzinfo=UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class _Batch:
    """What one write keeps: annotations and issues as rows, and the assignments whose answers it changes."""

    annotations: list[dict[str, Any]]
    issues: list[dict[str, Any]]
    touched: list[str]


def pull(store: Store, project: StudioProject) -> Pulled:
    """Bring back what people answered since the last pull.

    Answers that changed are kept beside the old, deleted ones are marked; an answer outside the schema becomes an issue
    of kind `outside-schema`. A task that was deleted by hand makes its assignment `lost`; what was answered to it
    before stays. May be killed at any moment and called again. The store is free for others while Label Studio is
    waited for.

    Raises:
        ProjectGone, StudioUnreachable, StudioRefused: Label Studio cannot be read; nothing is lost by trying again.
    """
    client = project.client
    use_schema(store, project.schema)
    read = _read_cursor(store, project)
    store.let_go()
    state = client.project(project.id)
    newest = client.newest_change(project.id) or read.updated_at
    since_next = _Cursor(newest).since
    recent: set[int] = set()
    brought = Pulled(config_edited=edits(project, state.config))
    for page in client.answered_tasks(project.id, read.since):
        recent |= {task.id for task in page if task.updated_at > since_next}
        brought = _add(brought, _write(store, _prepare(store, project, page)))
        store.let_go()
    emptied = _prepare(store, project, client.emptied_tasks(project.id, read.since, read.recent))
    seen = _compare_tasks(store, project, state.tasks, read.strangers)
    with store.transaction():
        brought = _add(brought, _write(store, emptied))
        mark(store, seen.lost, "lost")
        confirm_sent(
            store, pa.table({"assignment_id": list(seen.kept), "external_task_id": list(seen.kept.values())}, _SEEN)
        )
        following = _Cursor(newest, tuple(sorted(recent)), seen.strangers)
        move_cursor(store, _name(project), json.dumps(asdict(following)))
    store.let_go()
    return replace(brought, lost=len(seen.lost), twins_removed=seen.twins_removed, not_ours=seen.strangers)


def _prepare(store: Store, project: StudioProject, tasks: Sequence[StudioTask]) -> _Batch:
    """Turn tasks, which carry all of their answers, into rows; asks Label Studio about answers that are missing."""
    named = [task.assignment_id for task in tasks if task.assignment_id is not None]
    sent = {row["assignment_id"]: row for row in assignments(store, ids=named).to_pylist()}
    known = standing(store, list(sent)).to_pylist()
    store.let_go()
    batch = _Batch([], [], list(sent))
    here = set()
    for task in tasks:
        if task.assignment_id in sent:
            for answer in sorted(task.answers, key=lambda answer: answer.id):
                here.add(str(answer.id))
                _read(project, sent[task.assignment_id], answer, batch)
    for row in known:
        gone = row["origin"] == project.origin and row["external_id"] not in here
        # A second task of the same assignment may hold it: only its own absence means that it was deleted.
        if gone and not project.client.answer_exists(int(row["external_id"])):
            batch.annotations.append({**row, "revision": DELETED, "state": DELETED})
    return batch


def _read(project: StudioProject, assignment: dict[str, Any], answer: StudioAnswer, batch: _Batch) -> None:
    """Append one answer to the batch's annotations, or to its issues where the schema does not allow it."""
    value: dict[str, Any] | None = None
    try:
        if answer.result or not answer.cancelled:
            value = project.kind.value(answer.result)
            project.schema.validate(value)
    except LabelError as error:
        if not answer.cancelled:
            batch.issues.append(_outside(project, assignment, answer, value, str(error)))
            return
        value = None
    batch.annotations.append(
        {
            "origin": project.origin,
            "external_id": str(answer.id),
            "revision": answer.updated_at,
            "record_id": assignment["record_id"],
            "assignment_id": assignment["assignment_id"],
            "annotator": answer.annotator,
            "value": json.dumps(value if value is not None else {}, ensure_ascii=False, sort_keys=True),
            "annotated_at": datetime.fromisoformat(answer.updated_at),
            "lead_time": answer.lead_time,
            "model_id": assignment["model_id"],
            "schema_hash": project.schema.hash,
            "state": "cancelled" if answer.cancelled else "given",
        }
    )


def _outside(
    project: StudioProject, assignment: dict[str, Any], answer: StudioAnswer, value: dict[str, Any] | None, why: str
) -> dict[str, Any]:
    evidence = {
        "why": why,
        "origin": project.origin,
        "external_id": str(answer.id),
        "revision": answer.updated_at,
        "annotator": answer.annotator,
    }
    return {
        "kind": "outside-schema",
        "record_id": assignment["record_id"],
        "score": 1.0,
        "given": json.dumps(value if value is not None else answer.result, ensure_ascii=False, sort_keys=True),
        "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True),
        "key": f"{project.origin}/{answer.id}",
    }


def _write(store: Store, batch: _Batch) -> Pulled:
    with store.transaction():
        appended = add_annotations(store, pa.Table.from_pylist(batch.annotations, schema=GIVEN_COLUMNS))
        outside = add_issues(store, pa.Table.from_pylist(batch.issues)) if batch.issues else 0
        count_answers(store, batch.touched)
    return Pulled(appended.new, appended.changed, appended.deleted, appended.cancelled, outside)


def _add(one: Pulled, other: Pulled) -> Pulled:
    return replace(
        one,
        new=one.new + other.new,
        changed=one.changed + other.changed,
        deleted=one.deleted + other.deleted,
        cancelled=one.cancelled + other.cancelled,
        outside_schema=one.outside_schema + other.outside_schema,
    )


@dataclass(frozen=True)
class _Compared:
    """How the project's tasks stand against the assignments; `kept` are the tasks that remain of twins."""

    lost: list[str]
    kept: dict[str, int]
    twins_removed: int
    strangers: int


def _compare_tasks(store: Store, project: StudioProject, there: int, strangers: int) -> _Compared:
    """Look for tasks that were deleted by hand or stand there twice; a count says whether that is worth a listing."""
    # Read before the listing: what is sent while it runs must not look lost.
    known = assignments(
        store, studio=project.client.studio, project_id=project.id, states=("sent", "answered", "withdrawn")
    )
    sent = set(known["assignment_id"].to_pylist())
    store.let_go()
    if there == len(sent) + strangers:
        return _Compared([], {}, 0, strangers)
    found: dict[str, list[StudioTask]] = {}
    tasks = project.client.all_tasks(project.id)
    for task in tasks:
        if task.assignment_id is not None and task.assignment_id in sent:
            found.setdefault(task.assignment_id, []).append(task)
    kept, removed = without_twins(project, {name: several for name, several in found.items() if len(several) > 1})
    return _Compared(
        lost=sorted(sent - set(found)),
        kept={name: task.id for name, task in kept.items()},
        twins_removed=removed,
        strangers=len(tasks) - removed - len(found),
    )


def _name(project: StudioProject) -> str:
    return f"pull:{project.origin}"


def _read_cursor(store: Store, project: StudioProject) -> _Cursor:
    text = cursor(store, _name(project))
    if text is None:
        return _Cursor()
    facts = json.loads(text)
    return _Cursor(**(facts | {"recent": tuple(facts["recent"])}))
