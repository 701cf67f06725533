"""Labels that are worth another answer, with what to say of each: second opinions and second looks.

A second opinion is somebody else's, given without knowing the first: its task is opened for one more person, whom Label
Studio tells from those who answered it. A second look is of a label that the audit doubts, and says what is doubted; it
may reach the person who answered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from active_learning.belief_now import Known, known_now
from active_learning.budget.belief import Belief
from active_learning.budget.gains import gain_of_second_look, gain_of_second_opinion
from active_learning.budget.ranking import Kind
from labeling.answers import RELOOK
from labeling.relook import relook_assignments
from store import assignments, labels, models, splits
from store.database import Store
from store.label_schema import LabelSchema
from store.pool import not_to_ask
from store.versions import outdated

SECOND_OPINION = "second-opinion"
"""The purpose of an assignment that asks about a record whose label was imported, without saying what it was."""


@dataclass(frozen=True)
class Again:
    """A labelled record that could be asked about.

    Attributes:
        kind: `second-opinion` or `second-look`.
        gain: In nats; see `active_learning.budget.gains`.
        why: The reason, as a person reads it.
        assignment: The assignment that is sent for it, or the one that is opened for one more person; None where a new
            one is made.
        answers_wanted: How many answers that assignment then asks for, those that it has among them.
        opens: Whether the assignment was answered already and is opened again.
    """

    record_id: str
    kind: Kind
    gain: float
    why: str
    assignment: str | None
    answers_wanted: int
    opens: bool = False


@dataclass(frozen=True)
class Labelled:
    """What is known of labels: the belief, and by record those that are worth another answer."""

    belief: Belief
    again: Mapping[str, Again]


def labelled_now(
    store: Store, schema: LabelSchema, model: models.Model | None, *, studio: str, project_id: int
) -> Labelled | None:
    """What may be asked again; None where nothing is known that tells what it would be worth.

    Args:
        studio, project_id: Where people answer; a task elsewhere cannot be opened again.
    """
    known = known_now(store, schema, model) if model is not None else None
    if known is None:
        return None
    return Labelled(known.belief, worth_asking_again(store, schema, known, studio=studio, project_id=project_id))


def worth_asking_again(
    store: Store, schema: LabelSchema, known: Known, *, studio: str, project_id: int
) -> dict[str, Again]:
    """The labelled records of which another answer would tell anything, by record id.

    Left out are records that are not trained on, that are before people now, that were looked at again already, whose
    text changed, and that may not be labelled any more.
    """
    belief = known.belief
    opinion = dict(zip(belief.ids.tolist(), gain_of_second_opinion(belief, known.askable).tolist(), strict=True))
    look = dict(zip(belief.ids.tolist(), gain_of_second_look(belief, known.askable).tolist(), strict=True))
    doubted = {row["record_id"]: row for row in relook_assignments(store).to_pylist()}
    asked = assignments.assignments(store)
    out = _left_out(store, asked)
    tasks = _tasks(asked, studio, project_id)
    named = _named(known, schema)
    found: dict[str, Again] = {}
    for name in labels.labels(store)["record_id"].to_pylist():
        if name in out or name not in opinion:
            continue
        if name in doubted and look[name] > 0:
            row = doubted[name]
            found[name] = Again(name, "second-look", look[name], row["why"], row["assignment_id"], 1)
        elif opinion[name] > 0:
            task = tasks.get(name)
            wanted = int(task["answers_wanted"]) + 1 if task else 1
            found[name] = Again(
                name,
                "second-opinion",
                opinion[name],
                _why(named[name]),
                task["assignment_id"] if task else None,
                wanted,
                opens=task is not None,
            )
    return found


def purpose_of(again: Again) -> str:
    """The purpose of the assignment that is sent for it."""
    return RELOOK if again.kind == "second-look" else SECOND_OPINION


def _left_out(store: Store, asked: pa.Table) -> set[str]:
    open_now = {row["record_id"] for row in asked.to_pylist() if row["state"] in ("intended", "sent")}
    looked_at = {
        row["record_id"] for row in asked.to_pylist() if row["purpose"] == RELOOK and row["state"] == "answered"
    }
    measured = {row["record_id"] for row in splits.splits(store).to_pylist() if row["split"] not in _TRAINED_ON}
    return open_now | looked_at | measured | outdated(store) | not_to_ask(store)


_TRAINED_ON = ("train", "validation")


def _tasks(asked: pa.Table, studio: str, project_id: int) -> dict[str, Mapping[str, Any]]:
    """By record the newest answered assignment whose task can be opened for one more person."""
    return {
        row["record_id"]: row
        for row in asked.to_pylist()
        if row["state"] == "answered"
        and row["purpose"] != RELOOK
        and (row["studio"], row["project_id"]) == (studio, project_id)
        and row["external_task_id"] is not None
    }


def _named(known: Known, schema: LabelSchema) -> dict[str, list[str]]:
    """By record the classes that people gave it, each once, in the order of the schema."""
    belief = known.belief
    return {
        name: [schema.classes[one] for one in np.unique(row[row >= 0])]
        for name, row in zip(belief.ids.tolist(), belief.given, strict=True)
    }


def _why(named: list[str]) -> str:
    if len(named) == 1:
        return "Another opinion is wanted: it is not sure enough what this is."
    several = [json.dumps(one, ensure_ascii=False) for one in named]
    return f"People disagree: {', '.join(several[:-1])} or {several[-1]}."
