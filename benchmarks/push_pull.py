"""Records to a real Label Studio and answers back: how fast, and what a pull costs when little changed.

A new embedded Label Studio on this machine takes tasks with a prediction each; then 50 are answered and pulled. The
store is real; the figures are of whole calls, with all that they write, look up and check.
"""

import json
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from claim import Proof, arguments, at_least, at_most, reported
from labeling.kinds import text_classification
from labeling.pull import pull
from labeling.push import push
from labeling.studio import down, up
from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject, open_project
from store.assignments import assignments
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records

CLASSES = ("billing", "delivery", "returns", "praise", "complaint", "account", "technical", "other")
SCHEMA = LabelSchema("text-classification", CLASSES, question="What is this message about?")
ANSWERS = 50


@dataclass(frozen=True)
class Turn:
    """What one turn measured: a new project, a push, the same push again, answers, pulls."""

    push_rate: float
    bare_rate: float
    made_again: int
    first_pull: float
    answer_rate: float
    pull: float
    idle_pull: float


def messages(store: Store, n: int, round_id: str) -> pa.Table:
    """Rows that push takes, for `n` records of some 200 characters."""
    texts = [
        f"Message {place} of {round_id}: " + "my parcel has not come and nobody answers. " * 4 for place in range(n)
    ]
    keys = [f"{round_id}/{place}" for place in range(n)]
    urls = [f"https://forum.example/{key}" for key in keys]
    batch = pa.table({"text": texts, "natural_key": keys, "url": urls})
    ids = add_records(store, batch, source_name="forum").record_ids
    shown = [
        json.dumps({"probabilities": {CLASSES[place % 8]: 0.7, CLASSES[(place + 1) % 8]: 0.3}}) for place in range(n)
    ]
    return pa.table(
        {
            "record_id": ids,
            "purpose": ["selected"] * n,
            "why": ["the model is unsure about it"] * n,
            "round_id": [round_id] * n,
            "model_id": ["m1"] * n,
            "prediction": shown,
        }
    )


def answer(store: Store, project: StudioProject, n: int) -> None:
    """Have `n` of the sent tasks answered, by six people at a time."""
    waiting = assignments(store, studio=project.client.studio, project_id=project.id, states=("sent",))
    store.let_go()
    tasks = waiting["external_task_id"].to_pylist()[:n]
    with ThreadPoolExecutor(6) as people:
        list(people.map(lambda task: project.annotate(task, {"label": CLASSES[task % 8]}), tasks))


def client_tasks(rows: pa.Table) -> list[dict[str, Any]]:
    """The same tasks as one bare import sends them, without anything that makes a push safe to kill."""
    tasks = []
    for row in rows.to_pylist():
        result, score = text_classification.prediction(SCHEMA, json.loads(row["prediction"]))
        facts = {"record_id": row["record_id"], "assignment_id": uuid.uuid4().hex, "why": row["why"], "url": ""}
        text = "my parcel has not come and nobody answers. " * 5
        shown = {"model_version": "tilth", "result": result, "score": score}
        tasks.append({"data": facts | {"text": text}, "predictions": [shown]})
    return tasks


def measure(store: Store, project: StudioProject, tasks: int) -> Turn:
    """One turn; every call is timed whole."""
    rows = messages(store, tasks, f"r{project.id}")
    times = [time.perf_counter()]

    def took() -> float:
        times.append(time.perf_counter())
        return times[-1] - times[-2]

    pushed = push(store, project, rows)
    push_seconds = took()
    made_again = push(store, project, rows).created
    took()
    pull(store, project)
    first_pull = took()
    answer(store, project, ANSWERS)
    answering = took()
    brought = pull(store, project)
    pull_seconds = took()
    pull(store, project)
    if (pushed.created, brought.new) != (tasks, ANSWERS):
        raise SystemExit(
            f"{pushed.created} of {tasks} tasks were made and {brought.new} of {ANSWERS} answers came back."
        )
    idle_pull = took()
    bare = client_tasks(rows)
    times.append(time.perf_counter())
    project.client.import_tasks(project.id, bare)
    return Turn(
        tasks / push_seconds, tasks / took(), made_again, first_pull, ANSWERS / answering, pull_seconds, idle_pull
    )


def main() -> int:
    """Measure, print and write the figures."""
    options = arguments(__doc__)
    tasks, turns = (500, 1) if options.quick else (5000, 3)
    # The quick bounds are far from any noise, and would still fail on pushing task by task or on reading everything.
    push_must, pull_must = (100, 20) if options.quick else (1000, 2)
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        studio = up(Path(folder), say=print)
        try:
            for turn in range(turns):
                with (
                    closing(StudioClient(studio.url, studio.token, studio=studio.studio)) as client,
                    Store(Path(folder) / f"{turn}.duckdb") as store,
                ):
                    project = open_project(store, client, SCHEMA, f"Benchmark {turn}")
                    measured.append(measure(store, project, tasks))
        finally:
            down(Path(folder))
    proof = Proof("push_pull", "a push with a bare import, whole pulls; real Label Studio", options.quick)
    rates, again = [one.push_rate for one in measured], [float(one.made_again) for one in measured]
    pulls, first = [one.pull for one in measured], [one.first_pull for one in measured]
    idle, answers = [one.idle_pull for one in measured], [one.answer_rate for one in measured]
    what = f"push of {tasks} tasks with predictions, median"
    proof.add(at_least(what, median(rates), push_must, unit="tasks/s", runs=rates))
    bare = [one.bare_rate for one in measured]
    proof.add(reported("the same tasks in one bare import, median", median(bare), unit="tasks/s", runs=bare))
    proof.add(at_most("tasks made by pushing again", max(again), 0, unit="tasks", runs=again))
    what = f"pull of {ANSWERS} new answers after {tasks} tasks, median"
    proof.add(at_most(what, median(pulls), pull_must, unit="s", runs=pulls))
    proof.add(reported("first pull, nothing answered yet, median", median(first), unit="s", runs=first))
    proof.add(reported("pull again, nothing new, median", median(idle), unit="s", runs=idle))
    proof.add(reported("answers given, six at a time, median", median(answers), unit="answers/s", runs=answers))
    return proof.publish()


if __name__ == "__main__":
    raise SystemExit(main())
