"""Second looks: suspicious labels go back to people with the reason, and their answer settles the suspicion."""

import json
from dataclasses import dataclass

import pyarrow as pa

from labeling.answers import RELOOK, read_answers
from labeling.audit import LABEL_ERROR
from store.assignments import GIVEN_COLUMNS, State, assignment_id, assignments
from store.database import Store
from store.issues import issues, open_issues, set_state
from store.label_schema import LabelSchema
from store.labels import labels
from store.versions import outdated

UNDER_WAY: tuple[State, ...] = ("intended", "sent", "answered")


@dataclass(frozen=True)
class Settled:
    """What second looks came to: labels that were confirmed, that were corrected, and looks still waited for."""

    confirmed: int
    corrected: int
    waiting: int


def relook_assignments(store: Store, limit: int | None = None) -> pa.Table:
    """The open label errors as assignments to be sent to people, the most suspicious first, at most `limit`.

    Nothing is written: the same issue gives the same `assignment_id` again, and one whose assignment is already on
    its way is left out, and so is one of a text that has changed since. No prediction is shown with it; the reason
    names what the model believes, and what was answered, not by whom.

    Returns:
        The columns that `store.assignments.intend` takes.
    """
    asked = set(assignments(store, states=UNDER_WAY)["assignment_id"].to_pylist())
    past = outdated(store)
    wanted = [
        issue
        for issue in open_issues(store, LABEL_ERROR).to_pylist()
        if _assignment_id(issue) not in asked and issue["record_id"] not in past
    ]
    rows = [
        {
            "assignment_id": _assignment_id(issue),
            "record_id": issue["record_id"],
            "purpose": RELOOK,
            "why": _why(issue),
            "score": issue["score"],
            "position": position,
            "answers_wanted": 1,
        }
        for position, issue in enumerate(wanted[:limit])
    ]
    return pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS)


def settle(store: Store, schema: LabelSchema) -> Settled:
    """End the issues whose second look was answered; the labels must have been resolved since.

    An issue is `corrected` when the record's label now differs from the one under suspicion, and `confirmed` when it
    is the same. One whose assignment is on its way is marked `sent`; one whose assignment was lost or taken back is
    open again.
    """
    asked = set(assignments(store, states=UNDER_WAY)["assignment_id"].to_pylist())
    answered = set(read_answers(store).annotations["assignment_id"].to_pylist())
    now = dict(zip(*(labels(store)[name].to_pylist() for name in ("record_id", "value")), strict=True))
    found: dict[str, list[str]] = {"confirmed": [], "corrected": [], "sent": [], "open": []}
    looks = {}
    for issue in issues(store, kind=LABEL_ERROR, states=("open", "sent")).to_pylist():
        look = _assignment_id(issue)
        looks[issue["issue_id"]] = look
        if look in answered and issue["record_id"] in now:
            given = schema.current(json.loads(issue["given"]))
            same = given == json.loads(now[issue["record_id"]])
            found["confirmed" if same else "corrected"].append(issue["issue_id"])
        elif look in asked:
            found["sent"].append(issue["issue_id"])
        elif issue["state"] == "sent":
            found["open"].append(issue["issue_id"])
    with store.transaction():
        for state in ("confirmed", "corrected", "sent"):
            set_state(store, found[state], state, assignment_ids=[looks[name] for name in found[state]])
        set_state(store, found["open"], "open")
    return Settled(len(found["confirmed"]), len(found["corrected"]), len(found["sent"]))


def _assignment_id(issue: dict[str, object]) -> str:
    # An issue is one suspicion of one value, so a record can have several second looks, each with an id of its own.
    return assignment_id(str(issue["record_id"]), RELOOK, str(issue["issue_id"]))


def _why(issue: dict[str, str]) -> str:
    given, suggested = _named(issue["given"]), _named(issue["suggested"])
    p = json.loads(issue["evidence"])["suggested"]
    return f"Labelled {given}; the model believes {suggested} ({p:.2f}). Please look again."


def _named(value: str) -> str:
    return f'"{json.loads(value)["label"]}"'
