"""What `auto` takes when, and what a name in a project file stands for."""

from dataclasses import replace

import numpy as np
import pytest

from active_learning.pool import Pool
from active_learning.strategies import STRATEGIES, Strategy, UnknownStrategy, strategy, strategy_or_stand_in
from tests.active_learning import test_strategies_spread
from tests.active_learning.test_strategies_contract import StrategyContract, large_pool

assert test_strategies_spread  # its classes are among those that keep the contract


class TestAuto(StrategyContract):
    strategy = staticmethod(strategy("auto"))

    def chosen_by(self, pool: Pool, n: int = 9) -> tuple[str, str]:
        """The name of the strategy that chooses the same, and the reason."""
        chosen = self.choose(pool, n, 1)
        names = ["random"] if pool.probabilities is None else ["random", "margin"]
        names += [] if pool.embeddings is None else ["typiclust"]
        names += [] if pool.embeddings is None or pool.probabilities is None else ["weighted-kmeans"]
        same = [
            name
            for name in names
            if strategy(name)(pool, n, np.random.default_rng(1)).ids.tolist() == chosen.ids.tolist()
        ]
        return same[0], chosen.reason

    def test_while_there_is_no_model_it_takes_typical_records(self) -> None:
        cold = replace(large_pool(300), probabilities=None, members=None, labelled_probabilities=None)
        assert self.chosen_by(cold) == (
            "typiclust",
            "There is no model yet: typical of a region that has no label yet.",
        )

    def test_while_there_are_few_labels_a_class_it_still_takes_typical_records(self) -> None:
        assert self.chosen_by(large_pool(300, classes=4, labelled=19)) == (
            "typiclust",
            "There are 19 labels for 4 classes: typical of a region that has no label yet.",
        )

    def test_then_it_takes_the_middles_of_what_is_doubted(self) -> None:
        name, reason = self.chosen_by(large_pool(300, classes=4, labelled=20))
        assert name == "weighted-kmeans"
        assert reason.startswith("There are 5 labels a class: stands for many")

    @pytest.mark.parametrize(("labelled", "name"), [(99, "typiclust"), (100, "weighted-kmeans")])
    def test_a_small_project_of_many_classes_is_not_filled_with_typical_records(self, labelled: int, name: str) -> None:
        assert self.chosen_by(large_pool(400 - labelled, classes=60, labelled=labelled))[0] == name

    @pytest.mark.parametrize(("size", "name"), [(17, "margin"), (18, "weighted-kmeans")])
    def test_where_hardly_more_is_left_than_is_asked_for_the_margin_decides(self, size: int, name: str) -> None:
        assert self.chosen_by(large_pool(size, classes=4))[0] == name

    def test_where_nothing_embeds_the_records_it_still_chooses(self) -> None:
        ids = np.array([f"r{number}" for number in range(30)])
        said = np.random.default_rng(0).dirichlet(np.ones(3), size=30)
        assert self.chosen_by(Pool(ids))[0] == "random"
        assert self.chosen_by(Pool(ids, said)) == (
            "margin",
            "Nothing tells which records are alike: its two likeliest classes lie close.",
        )


def test_every_registered_strategy_keeps_the_contract() -> None:
    proved: set[Strategy] = set()
    kinds: list[type] = [StrategyContract]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        proved |= {kind.__dict__["strategy"].__func__} if "strategy" in kind.__dict__ else set()
    assert proved == set(STRATEGIES.values())


@pytest.mark.parametrize(
    "wrong, right", [("margn", "margin"), ("cluster_margin", "cluster-margin"), ("Entropy", "entropy")]
)
def test_an_unknown_strategy_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UnknownStrategy, match=f'"{right}" was perhaps meant') as refusal:
        strategy(wrong)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_has_a_way_to_begin_without_a_model(name: str) -> None:
    cold = Pool(np.array(["a", "b", "c"]), embeddings=np.eye(3))
    taken, why = strategy_or_stand_in(name, cold)
    assert (taken == name) == (why is None)
    assert len(strategy(taken)(cold, 2, np.random.default_rng(0))) == 2


@pytest.mark.parametrize(
    "name, lacking",
    [
        ("bald", {"members": None}),
        ("cal", {"labelled_labels": None, "labelled_probabilities": None}),
        ("cal", {"labelled_embeddings": None}),
    ],
)
def test_where_a_strategy_lacks_what_it_needs_the_margin_stands_in(name: str, lacking: dict[str, None]) -> None:
    whole = large_pool(30)
    assert strategy_or_stand_in(name, whole) == (name, None)
    taken, why = strategy_or_stand_in(name, replace(whole, **lacking))
    assert taken == "margin"
    assert why is not None and why.startswith(f"{name} needs")
