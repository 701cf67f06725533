"""Rounds through a real Label Studio, answered by simulated annotators."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from active_learning import rounds as machine
from active_learning.control_arm import COUNTED
from active_learning.learning_set import read_learning_set
from active_learning.rounds import Bench, PoolEmpty, run_round
from active_learning.settings import LearningSettings
from active_learning.strategies import UnknownStrategy
from labeling.simulated_annotators import SimulatedAnnotator, answer_open_tasks
from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject, open_project
from store import assignments, models, rounds, splits
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records
from tests.tiny_project import CLASSES, letters, write_encoder

SCHEMA = LabelSchema("text-classification", CLASSES, question="What is it about?")
LETTERS = letters(80)
STEPS = list(machine.STEPS)
PEOPLE = [SimulatedAnnotator(name, CLASSES, care, seed=5) for name, care in (("ann", 0.97), ("ben", 0.9))]
EXTERNAL = ("external_task_id", "external_id", "revision", "origin", "project_id", "studio", "sequence")
TIMES = (
    *("sent_at", "created_at", "annotated_at", "received_at", "resolved_at", "started_at", "finished_at", "made_at"),
    *("fitted_at", "found_at", "closed_at", "assigned_at", "added_at"),
)
TABLES = ("rounds", "assignments", "annotations", "labels", "splits", "models", "snapshots", "snapshot_rows", "issues")


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Annotated:
    """A project whose people answer whatever they are asked, as soon as the round waits."""

    folder: Path
    project: StudioProject
    settings: LearningSettings
    truth: dict[str, str]

    def __post_init__(self) -> None:
        self.said: list[str] = []

    @property
    def store(self) -> Store:
        return Store(self.folder / "tilth.duckdb")

    def run_round(self, wait: Callable[[int, int], bool] | None = None) -> rounds.Round:
        """Run the open round, or a new one, as a process that has just started does."""
        with self.store as store:
            bench = Bench(
                store=store,
                schema=SCHEMA,
                folder=self.folder,
                settings=self.settings,
                project=self.project,
                say=self.said.append,
                wait=wait or self.answer,
            )
            return run_round(bench)

    def answer(self, _answered: int, _wanted: int) -> bool:
        with self.store as store:
            waiting = assignments.assignments(store, states=("sent",))
            store.let_go()
            answer_open_tasks(self.project, PEOPLE, self.truth, waiting)
        return True

    def read(self, sql: str) -> list[dict[str, Any]]:
        with self.store as store:
            return store.read(sql).to_pylist()

    def asked(self, number: int) -> dict[str, set[str]]:
        """Whom round `number` asked about, by purpose."""
        found: dict[str, set[str]] = {"selected": set(), "control": set(), "holdout": set()}
        for row in self.read(f"SELECT purpose, record_id FROM assignments WHERE round_id = 'round-{number:03d}'"):
            found[row["purpose"]].add(row["record_id"])
        return found


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def make(tmp_path: Path, client: StudioClient, encoder: Path) -> Iterator[Callable[..., Annotated]]:
    """Makes projects with the 80 letters, none of them labelled."""
    made: list[Annotated] = []

    def one(**changed: Any) -> Annotated:
        folder = tmp_path / f"project-{len(made)}"
        settings = LearningSettings(
            size=10, holdout=10, control_share=0.3, repeat_share=0.1, seed=1, encoder=str(encoder)
        )
        with Store(folder / "tilth.duckdb") as store:
            ids = add_records(
                store, pa.table({"text": [one.text for one in LETTERS]}), source_name="letters"
            ).record_ids
            project = open_project(store, client, SCHEMA, "Rounds")
        truth = dict(zip(ids, (one.label for one in LETTERS), strict=True))
        made.append(Annotated(folder, project, replace(settings, **changed), truth))
        return made[-1]

    yield one
    for each in made:
        client.delete_project(each.project.id)


def end_state(project: Annotated) -> dict[str, Any]:
    """All rows but for times and what Label Studio numbered; numbers to five digits."""
    state: dict[str, Any] = {}
    for table in TABLES:
        rows = [
            {name: _rounded(value) for name, value in row.items() if name not in (*TIMES, *EXTERNAL)}
            for row in project.read(f"SELECT * FROM {table}")
        ]
        state[table] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))
    said = project.read("SELECT * FROM predictions ORDER BY model_id, record_id")
    state["predicted"] = [(row["model_id"], row["record_id"]) for row in said]
    state["probabilities"] = np.array([row["probabilities"] for row in said])
    state["tasks"] = sorted(task.assignment_id or "" for task in project.project.client.all_tasks(project.project.id))
    return state


def _rounded(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value, parse_float=lambda number: round(float(number), 4)), sort_keys=True)
    return round(value, 4) if isinstance(value, float) else value


def die_before(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let the process end when it comes to `step`."""

    def dies(*_: object) -> None:
        raise Killed(step)

    monkeypatch.setitem(machine.STEPS, step, dies)


def die_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end when a step has done its work, before it is written down that it is over."""

    def dies(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(machine.rounds, "move_round", dies)


def test_a_round_that_dies_around_every_step_goes_on_there_and_ends_as_an_undisturbed_one(make, monkeypatch):
    undisturbed, killed = make(), make()
    assert undisturbed.run_round().state == rounds.DONE
    for step in STEPS:
        for die in (lambda trap, name=step: die_before(trap, name), die_inside):
            with monkeypatch.context() as trap, pytest.raises(Killed):
                die(trap)
                killed.run_round()
            with killed.store as store:
                assert rounds.open_round(store).state == step
        # This step ends, and the next one is not begun.
        following = dict(itertools.pairwise(STEPS)).get(step)
        if following is not None:
            with monkeypatch.context() as trap, pytest.raises(Killed, match=following):
                die_before(trap, following)
                killed.run_round()
    done = killed.run_round()
    assert (done.state, done.number) == (rounds.DONE, 1)
    assert f"Round 1 goes on at: {STEPS[-1]}." in killed.said
    found, expected = end_state(killed), end_state(undisturbed)
    np.testing.assert_allclose(found.pop("probabilities"), expected.pop("probabilities"), atol=1e-5)
    assert found == expected
    assert expected["rounds"][0]["numbers"]
    assert len(expected["tasks"]) == 20


def test_rounds_choose_others_each_time_and_never_train_on_what_measures(make):
    project = make()
    first = project.run_round()
    asked = project.asked(1)
    assert {purpose: len(ids) for purpose, ids in asked.items()} == {"selected": 7, "control": 3, "holdout": 10}
    assert first.numbers["asked"] == {"selected": 7, "control": 3, "holdout": 10}
    assert (first.numbers["labels"], first.numbers["control_labels"]) == (10, 3)
    second = project.run_round()
    assert (second.number, second.state, second.numbers["labels"]) == (2, rounds.DONE, 20)
    again = project.asked(2)
    counted = set(second.numbers[COUNTED])  # chosen in the first round, and drawn for the control arm in the second
    assert counted <= asked["selected"]
    assert {purpose: len(ids) for purpose, ids in again.items()} == {
        "selected": 7 + len(counted),
        "control": 3 - len(counted),
        "holdout": 0,
    }
    assert not set().union(*asked.values()) & set().union(*again.values())
    with project.store as store:
        split = splits.splits(store).to_pylist()
        assert {row["record_id"] for row in split if row["split"] == "holdout"} == asked["holdout"]
        for model in models.models(store):
            learning = read_learning_set(store, SCHEMA, model.snapshot_id)
            assert set(learning.holdout.ids) == asked["holdout"]
            assert not set(learning.train.ids) & asked["holdout"]
            at_random = asked["control"] | again["control"] | counted
            assert set(learning.control.ids) == set(learning.train.ids) & at_random
            drawn = set(learning.train.ids[learning.train.random])
            assert drawn == set(learning.control.ids)
        shown = assignments.assignments(store, round_id="round-002").to_pylist()
        assert {row["model_id"] for row in shown} == {first.numbers["model_id"]}
        assert set(json.loads(shown[0]["prediction"])["probabilities"]) == set(CLASSES)


def test_answers_that_are_outstanding_stop_a_round_where_it_can_be_taken_up(make):
    project = make(size=4, holdout=0, control_share=0.25)
    stopped = project.run_round(wait=lambda _answered, _wanted: False)
    assert stopped.state == "wait"
    tasks = project.read("SELECT external_task_id FROM assignments")
    project.project.annotate(tasks[0]["external_task_id"], {"label": "praise"}, annotator="ann")
    heard: list[tuple[int, int]] = []
    project.run_round(wait=lambda answered, wanted: bool(heard.append((answered, wanted))))
    assert heard == [(1, 4)]
    assert project.run_round().state == rounds.DONE
    assert len(project.read("SELECT * FROM rounds")) == 1


def test_a_round_that_waits_for_a_second_person_goes_on_when_nobody_else_is_wanted(make):
    project = make(repeat_share=1.0)

    def alone(_answered: int, _wanted: int) -> bool:
        with project.store as store:
            waiting = assignments.assignments(store, states=("sent",))
            store.let_go()
            place, ones = waiting.column_names.index("answers_wanted"), pa.array([1] * len(waiting), pa.int32())
            waiting = waiting.set_column(place, "answers_wanted", ones)
            answer_open_tasks(project.project, PEOPLE[:1], project.truth, waiting)
        return False

    assert project.run_round(wait=alone).state == "wait"
    assert project.run_round(wait=lambda *_: False).state == "wait"
    with project.store as store:
        assert assignments.half_answered(store) == 20
    project.settings = replace(project.settings, repeat_share=0.0)
    assert project.run_round(wait=lambda *_: False).state == "done"


def test_a_text_that_changed_comes_first_in_the_next_round_with_its_old_label_and_in_its_split(make):
    project = make(size=4, holdout=4, control_share=0.25)
    project.run_round()
    asked = project.asked(1)
    old = {purpose: min(ids) for purpose, ids in asked.items()}
    with project.store as store:
        before = {row["record_id"]: row["value"] for row in store.read("SELECT * FROM labels").to_pylist()}
        rows = [{"text": f"In other words, {purpose}.", "supersedes": one} for purpose, one in old.items()]
        new = add_records(store, pa.Table.from_pylist(rows), source_name="letters").record_ids
    project.truth.update(dict.fromkeys(new, CLASSES[0]))
    assert project.run_round(wait=lambda _answered, _wanted: False).numbers["changed"] == 2
    first = project.read("SELECT * FROM assignments WHERE round_id = 'round-002' ORDER BY position")
    assert [row["position"] for row in first] == list(range(len(first)))
    assert first[0]["purpose"] == "holdout" and first[0]["record_id"] == new[list(old).index("holdout")]
    for row in first[:2]:
        label = json.loads(before[old[row["purpose"]]])["label"]
        assert row["why"] == f'Its text changed; before it was "{label}".'
        assert json.loads(row["prediction"]) == {"probabilities": {label: 1.0}} and row["model_id"] is None
    assert not set(new) & {row["record_id"] for row in first[2:]}
    done = project.run_round()
    with project.store as store:
        learning = read_learning_set(store, SCHEMA, models.models(store)[-1].snapshot_id)
        assert new[list(old).index("holdout")] in learning.holdout.ids
        assert old["holdout"] not in learning.holdout.ids
    assert done.numbers["asked"]["holdout"] == 1


def test_too_few_labels_end_a_round_with_a_message_and_the_next_one_asks_for_more(make):
    project = make(size=3, holdout=0)
    first = project.run_round()
    assert first.state == rounds.DONE
    assert any(said.startswith("No model was fitted: A fit needs at least 4 labels") for said in project.said)
    assert project.read("SELECT * FROM models") == []
    assert project.run_round().numbers["labels"] == 6


def test_a_round_whose_tasks_were_all_declined_ends_with_a_message(make):
    project = make(size=3, holdout=0)

    def decline(_answered: int, _wanted: int) -> bool:
        for row in project.read("SELECT external_task_id FROM assignments WHERE state = 'sent'"):
            project.project.client.skip(row["external_task_id"])
        return True

    assert project.run_round(wait=decline).state == rounds.DONE
    assert any(said.startswith("No model was fitted: No record has a label yet") for said in project.said)
    assert len(set().union(*project.asked(1).values())) == 3


def test_an_unknown_strategy_is_refused_before_a_round_begins(make):
    project = make(strategy="cluster margin")
    with pytest.raises(UnknownStrategy, match='"cluster-margin" was perhaps meant'):
        project.run_round()
    assert project.read("SELECT * FROM rounds") == []


def test_a_strategy_that_needs_a_model_draws_at_random_while_there_is_none(make):
    project = make(size=4, holdout=0, strategy="margin", control_share=0.0)
    assert project.run_round(wait=lambda _answered, _wanted: False).state == "wait"
    assert len(project.asked(1)["selected"]) == 4


def test_when_every_record_was_asked_about_it_says_so(make):
    project = make(size=80, holdout=0, repeat_share=0.0)
    with project.store as store, store.transaction() as db:
        db.execute("DELETE FROM records WHERE record_id NOT IN (SELECT record_id FROM records ORDER BY 1 LIMIT 6)")
    assert project.run_round().state == rounds.DONE
    with pytest.raises(PoolEmpty, match="tilth crawl or tilth import"):
        project.run_round()
