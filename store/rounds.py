"""Rounds of active learning: the step that each has reached, and its numbers."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.database import Store, utc_now

DONE = "done"


@dataclass(frozen=True)
class Round:
    """One turn of active learning.

    Attributes:
        state: The step that comes next, or `done`.
        numbers: What its steps found.
    """

    round_id: str
    number: int
    state: str
    strategy: str
    size: int
    seed: int
    numbers: dict[str, Any]
    started_at: datetime
    finished_at: datetime | None


def begin_round(
    store: Store, *, first_step: str, strategy: str, size: int, seed: int, numbers: dict[str, Any] | None = None
) -> Round:
    """Open the next round; the number follows the last one's. `numbers` are known before its first step."""
    with store.transaction() as db:
        number = len(rounds(store)) + 1
        db.execute(
            "INSERT INTO rounds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)",
            [f"round-{number:03d}", number, first_step, strategy, size, seed, json.dumps(numbers or {}), utc_now()],
        )
    opened = open_round(store)
    assert opened is not None
    return opened


def move_round(store: Store, round_id: str, state: str, numbers: dict[str, Any] | None = None) -> Round:
    """Say that a round has reached `state`, and add what it found to its numbers.

    Call it in the transaction that makes the step's own work durable.
    """
    with store.transaction() as db:
        present = round_by_id(store, round_id)
        db.execute(
            "UPDATE rounds SET state = $2, numbers = $3, finished_at = $4 WHERE round_id = $1",
            [round_id, state, json.dumps(present.numbers | (numbers or {})), utc_now() if state == DONE else None],
        )
        return round_by_id(store, round_id)


def rounds(store: Store) -> list[Round]:
    """Every round, the first one first."""
    return [_round(row) for row in store.read("SELECT * FROM rounds ORDER BY number").to_pylist()]


def open_round(store: Store) -> Round | None:
    """The round that is not done, if there is one."""
    unfinished = [one for one in rounds(store) if one.state != DONE]
    return unfinished[0] if unfinished else None


def round_by_id(store: Store, round_id: str) -> Round:
    """The round with that id."""
    return _round(store.read("SELECT * FROM rounds WHERE round_id = $1", [round_id]).to_pylist()[0])


def _round(row: dict[str, Any]) -> Round:
    return Round(**(row | {"numbers": json.loads(row["numbers"])}))
