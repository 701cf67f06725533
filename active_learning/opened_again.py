"""Assignments of earlier rounds that a round opened for one more person: what it remembers of them and waits for."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from active_learning.draw import Drawn
from store import assignments
from store.database import Store
from store.rounds import Round

OPENED = "opened"
"""The name in a round's numbers under which they stand."""

_WANTED = pa.schema([("assignment_id", pa.string()), ("answers_wanted", pa.int32())])


def open_again(store: Store, drawn: Sequence[Drawn]) -> dict[str, list[dict[str, Any]]]:
    """Wait for one more person's answer to each; gives what the round's numbers remember of it."""
    rows = [
        {
            "assignment_id": one.assignment,
            "record_id": one.record_id,
            "answers_wanted": one.answers_wanted,
            "why": one.why,
            "score": one.score,
        }
        for one in drawn
    ]
    assignments.want(store, _wanted(rows))
    return {OPENED: rows}


def opened(current: Round) -> dict[str, int]:
    """How many answers are wanted in all of each assignment that the round opened again."""
    return {row["assignment_id"]: row["answers_wanted"] for row in current.numbers.get(OPENED, [])}


def opened_states(store: Store, current: Round) -> list[str]:
    """The states of the assignments that the round opened again."""
    states: list[str] = assignments.assignments(store, ids=list(opened(current)))["state"].to_pylist()
    return states


def close_again(store: Store, current: Round) -> None:
    """Wait no longer for the one more person, where they have not answered."""
    wanted = opened(current)
    waiting = assignments.assignments(store, ids=list(wanted), states=("sent",))["assignment_id"].to_pylist()
    if waiting:
        assignments.want(store, _wanted([{"assignment_id": one, "answers_wanted": wanted[one] - 1} for one in waiting]))


def _wanted(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=_WANTED)
