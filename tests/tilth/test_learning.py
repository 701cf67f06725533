"""What `tilth round` says before it begins."""

from pathlib import Path

import pyarrow as pa

from store import assignments
from store.database import Store
from store.records import add_records
from store.rounds import DONE, begin_round, move_round
from tilth.learning import budget_not_taken, budget_spent


def test_another_budget_than_that_of_the_open_round_is_said_to_be_for_a_new_one(tmp_path: Path) -> None:
    with Store(tmp_path / "tilth.duckdb") as store:
        assert budget_not_taken(store, 30) is None
        begun = begin_round(store, first_step="push", strategy="auto", size=20, seed=0, numbers={"budget": 20})
        assert budget_not_taken(store, None) is None and budget_not_taken(store, 20) is None
        assert budget_not_taken(store, 30) == "Round 1 is open and goes on as it began; --budget 30 is for a new round."
        move_round(store, begun.round_id, DONE)
        assert budget_not_taken(store, 30) is None


def test_a_spent_budget_begins_no_round_but_ends_the_open_one(tmp_path: Path) -> None:
    with Store(tmp_path / "tilth.duckdb") as store:
        asked = add_records(store, pa.table({"text": [f"letter {n}" for n in range(5)]}), source_name="a").record_ids
        begun = begin_round(store, first_step="push", strategy="auto", size=5, seed=0, numbers={})
        rows = [
            {
                "assignment_id": one,
                "round_id": begun.round_id,
                "record_id": one,
                "purpose": "selected",
                "why": "",
                "answers_wanted": 1,
                "position": 0,
            }
            for one in asked
        ]
        given = pa.Table.from_pylist(rows, schema=assignments.GIVEN_COLUMNS)
        assignments.intend(store, given, studio="http://nowhere", project_id=1)
        assert budget_spent(store, 5) is None
        move_round(store, begun.round_id, DONE)
        assert budget_spent(store, 5) == "The budget of 5 answers is spent (5 were asked for)."
        assert budget_spent(store, 6) is None and budget_spent(store, None) is None
