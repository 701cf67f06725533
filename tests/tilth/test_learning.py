"""What `tilth round` says before it begins."""

from pathlib import Path

from store.database import Store
from store.rounds import DONE, begin_round, move_round
from tilth.learning import budget_not_taken


def test_another_budget_than_that_of_the_open_round_is_said_to_be_for_a_new_one(tmp_path: Path) -> None:
    with Store(tmp_path / "tilth.duckdb") as store:
        assert budget_not_taken(store, 30) is None
        begun = begin_round(store, first_step="push", strategy="auto", size=20, seed=0, numbers={"budget": 20})
        assert budget_not_taken(store, None) is None and budget_not_taken(store, 20) is None
        assert budget_not_taken(store, 30) == "Round 1 is open and goes on as it began; --budget 30 is for a new round."
        move_round(store, begun.round_id, DONE)
        assert budget_not_taken(store, 30) is None
