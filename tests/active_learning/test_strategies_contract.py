"""What every strategy promises, proved for each of them."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from active_learning import chunks
from active_learning.pool import Pool, PoolError, Selection
from active_learning.strategies import strategy

CHECKS = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def distributions(rng: np.random.Generator, levels: int, *shape: int) -> np.ndarray:
    weights = rng.integers(1, levels + 1, size=shape).astype(float)
    return weights / weights.sum(axis=-1, keepdims=True)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Small pools with what goes wrong in real ones: equal rows, one class, one cluster, nothing at all."""
    size = draw(st.integers(0, 40))
    classes = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 50]))  # few levels: many ties
    labelled = draw(st.sampled_from([None, 1, 7]))
    clusters = draw(st.sampled_from([None, 1, 3, 100]))
    said = draw(st.booleans())
    return Pool(
        ids=np.array([f"record-{number}" for number in rng.permutation(1000)[:size]], dtype=np.str_),
        probabilities=distributions(rng, levels, size, classes),
        embeddings=rng.integers(-levels, levels + 1, size=(size, 3)).astype(np.float32),
        labelled_embeddings=None if labelled is None else rng.normal(size=(labelled, 3)).astype(np.float32),
        clusters=None
        if clusters is None
        else np.array([f"c{c}" for c in rng.integers(clusters, size=size)], dtype=np.str_),
        members=distributions(rng, levels, 3, size, classes),
        labelled_labels=None if labelled is None else rng.integers(classes, size=labelled),
        labelled_probabilities=distributions(rng, levels, labelled, classes) if labelled and said else None,
    )


def reordered(pool: Pool, order: np.ndarray) -> Pool:
    """The same pool, its rows in another order, and the labelled ones' too."""
    known = {
        name: None if getattr(pool, name) is None else getattr(pool, name)[::-1]
        for name in ("labelled_embeddings", "labelled_labels", "labelled_probabilities")
    }
    return replace(pool.take(order), **known)


def large_pool(size: int, *, classes: int = 5, dimensions: int = 8, seed: int = 0, labelled: int = 20) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        ids=np.array([f"{number:08d}" for number in range(size)]),
        probabilities=rng.dirichlet(np.ones(classes), size=size),
        embeddings=rng.normal(size=(size, dimensions)).astype(np.float32),
        labelled_embeddings=rng.normal(size=(labelled, dimensions)).astype(np.float32),
        members=rng.dirichlet(np.ones(classes), size=(3, size)),
        labelled_labels=rng.integers(classes, size=labelled),
        labelled_probabilities=rng.dirichlet(np.ones(classes), size=labelled),
    )


def equal_records(size: int) -> Pool:
    return Pool(
        ids=np.array([f"r{number}" for number in range(size)]),
        probabilities=np.full((size, 3), 1 / 3),
        embeddings=np.ones((size, 2), dtype=np.float32),
        labelled_embeddings=np.ones((4, 2), dtype=np.float32),
        members=np.full((2, size, 3), 1 / 3),
        labelled_labels=np.zeros(4, dtype=int),
    )


class StrategyContract:
    """A subclass names the strategy and inherits the proofs."""

    strategy: Callable[..., Selection]

    def choose(self, pool: Pool, n: int, seed: int) -> Selection:
        return type(self).strategy(pool, n, np.random.default_rng(seed))

    def takes(self, pool: Pool) -> bool:
        """Whether the strategy has what it needs."""
        return True

    @given(pools(), st.integers(0, 60), st.integers(0, 2**32))
    @CHECKS
    def test_chooses_n_distinct_ids_of_the_pool(self, pool: Pool, n: int, seed: int) -> None:
        assume(self.takes(pool))
        chosen = self.choose(pool, n, seed)
        assert len(chosen.ids) == len(set(chosen.ids)) == min(n, pool.clusters_left)
        assert set(chosen.ids) <= set(pool.ids)
        assert len(chosen.scores) == len(chosen.ids)
        assert ((chosen.scores >= 0) & (chosen.scores <= 1)).all()
        assert chosen.reason

    @given(pools(), st.integers(1, 60), st.integers(0, 2**32))
    @CHECKS
    def test_chooses_at_most_one_record_of_a_cluster(self, pool: Pool, n: int, seed: int) -> None:
        assume(self.takes(pool) and pool.clusters is not None)
        cluster_of = dict(zip(pool.ids, pool.clusters, strict=True))
        clusters = [cluster_of[one] for one in self.choose(pool, n, seed).ids]
        assert len(clusters) == len(set(clusters))

    @given(pools(), st.integers(1, 60), st.integers(0, 2**32), st.randoms(use_true_random=False))
    @CHECKS
    def test_the_order_of_rows_changes_nothing(self, pool: Pool, n: int, seed: int, shuffler) -> None:
        assume(self.takes(pool))
        order = list(range(len(pool)))
        shuffler.shuffle(order)
        first = self.choose(pool, n, seed)
        second = self.choose(reordered(pool, np.array(order, dtype=int)), n, seed)
        assert first.ids.tolist() == second.ids.tolist()
        assert first.scores.tolist() == second.scores.tolist()

    def test_the_order_of_rows_changes_nothing_in_a_pool_larger_than_a_chunk(self) -> None:
        pool = large_pool(3000)
        with patch.object(chunks, "ROWS_AT_ONCE", 512):
            first = self.choose(pool, 50, 3)
            second = self.choose(reordered(pool, np.random.default_rng(1).permutation(3000)), 50, 3)
        assert first.ids.tolist() == second.ids.tolist()

    def test_a_pool_larger_than_a_chunk_is_chosen_from_as_one_that_is_smaller(self) -> None:
        pool = large_pool(1200)
        whole = self.choose(pool, 30, 3)
        with patch.object(chunks, "ROWS_AT_ONCE", 100):
            assert self.choose(pool, 30, 3).ids.tolist() == whole.ids.tolist()

    def test_of_equal_records_each_seed_takes_others_and_never_one_twice(self) -> None:
        pool = equal_records(300)
        choices = [self.choose(pool, 5, seed).ids.tolist() for seed in range(6)]
        assert len({tuple(one) for one in choices}) == 6
        assert all(len(set(one)) == 5 for one in choices)

    @pytest.mark.parametrize("n", [7, 40, 400])
    def test_with_one_class_only_it_chooses_as_many(self, n: int) -> None:
        assert len(set(self.choose(large_pool(40, classes=1), n, 0).ids)) == min(n, 40)

    def test_a_pool_smaller_than_the_batch_is_chosen_whole(self) -> None:
        pool = large_pool(12)
        assert sorted(self.choose(pool, 50, 0).ids) == sorted(pool.ids)

    def test_where_everything_is_labelled_nothing_is_chosen(self) -> None:
        assert len(self.choose(large_pool(0), 5, 0)) == 0

    def test_the_same_seed_chooses_the_same_whatever_the_global_random_state(self) -> None:
        pool = large_pool(400)
        np.random.seed(1)  # noqa: NPY002
        first = self.choose(pool, 20, 5)
        np.random.seed(2)  # noqa: NPY002
        state = np.random.get_state()[1].tolist()  # noqa: NPY002
        second = self.choose(pool, 20, 5)
        assert first.ids.tolist() == second.ids.tolist()
        assert np.random.get_state()[1].tolist() == state  # noqa: NPY002

    def test_leaves_the_pool_as_it_was(self) -> None:
        pool = large_pool(200)
        before = large_pool(200)
        self.choose(pool, 10, 0)
        for name in ("ids", "probabilities", "embeddings", "labelled_embeddings", "members", "labelled_probabilities"):
            assert (getattr(pool, name) == getattr(before, name)).all()

    def test_memory_does_not_grow_with_pool_times_batch(self) -> None:
        pool = large_pool(6_000)
        self.choose(pool, 10, 0)  # imports are not what is measured
        peaks = []
        for n in (10, 400):
            tracemalloc.start()
            self.choose(pool, n, 0)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] - peaks[0] < 6_000 * 400 * 4  # a number for each record and pick


class TestRandom(StrategyContract):
    strategy = staticmethod(strategy("random"))

    def test_every_record_is_as_likely_as_every_other(self) -> None:
        pool = Pool(np.array([f"{number:032x}" for number in range(50)]))
        drawn = np.concatenate([self.strategy(pool, 5, np.random.default_rng(seed)).ids for seed in range(2000)])
        counts = np.unique(drawn, return_counts=True)[1]
        # 200 expected of each; chi-square with 49 degrees of freedom is over 86 once in a thousand.
        assert len(counts) == 50
        assert ((counts - 200) ** 2 / 200).sum() < 86

    def test_a_large_cluster_is_no_likelier_than_a_single_record(self) -> None:
        clusters = np.array(["large"] * 90 + [f"single{number}" for number in range(10)])
        pool = Pool(np.array([f"r{number}" for number in range(100)]), clusters=clusters)
        drawn = [self.strategy(pool, 1, np.random.default_rng(seed)).ids[0] for seed in range(1100)]
        assert 60 < sum(int(one[1:]) < 90 for one in drawn) < 140  # 100 expected, standard deviation 9.5

    def test_every_member_of_a_cluster_is_drawn_sometimes(self) -> None:
        pool = Pool(np.array(["a", "b", "c"]), clusters=np.array(["x", "x", "x"]))
        assert {self.strategy(pool, 1, np.random.default_rng(seed)).ids[0] for seed in range(60)} == {"a", "b", "c"}


class NeedsProbabilities(StrategyContract):
    def test_without_a_model_it_says_what_to_do(self) -> None:
        with pytest.raises(PoolError, match="needs a model"):
            self.strategy(Pool(np.array(["a", "b"]), embeddings=np.eye(2)), 1, np.random.default_rng(0))


class TestLeastConfidence(NeedsProbabilities):
    strategy = staticmethod(strategy("least-confidence"))

    def test_takes_the_lowest_maximum(self) -> None:
        pool = Pool(
            np.array(["sure", "unsure", "between"]), np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0]])
        )
        chosen = self.strategy(pool, 3, np.random.default_rng(0))
        assert chosen.ids.tolist() == ["unsure", "between", "sure"]
        assert chosen.scores == pytest.approx([0.6, 0.5, 0.1])


class TestMargin(NeedsProbabilities):
    strategy = staticmethod(strategy("margin"))

    def test_takes_the_smallest_gap_between_the_two_likeliest(self) -> None:
        pool = Pool(
            np.array(["sure", "unsure", "between"]), np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0]])
        )
        chosen = self.strategy(pool, 3, np.random.default_rng(0))
        assert chosen.ids.tolist() == ["between", "unsure", "sure"]
        assert chosen.scores == pytest.approx([1.0, 0.9, 0.15])


class TestEntropy(NeedsProbabilities):
    strategy = staticmethod(strategy("entropy"))

    def test_takes_the_most_spread_out(self) -> None:
        pool = Pool(
            np.array(["sure", "unsure", "two"]), np.array([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]])
        )
        chosen = self.strategy(pool, 3, np.random.default_rng(0))
        assert chosen.ids.tolist() == ["unsure", "two", "sure"]
        assert chosen.scores == pytest.approx([1.0, np.log(2) / np.log(3), 0.0])


class NeedsEmbeddings(StrategyContract):
    def test_without_embeddings_it_says_what_to_do(self) -> None:
        with pytest.raises(PoolError, match="needs an embedding"):
            self.strategy(Pool(np.array(["a", "b"]), np.full((2, 2), 0.5)), 1, np.random.default_rng(0))


class TestCal(NeedsProbabilities, NeedsEmbeddings):
    strategy = staticmethod(strategy("cal"))

    def takes(self, pool: Pool) -> bool:
        return bool(pool.labels)

    def contrasting(self) -> Pool:
        """Two directions with a labelled record each; one record of each is judged as the other's are."""
        rows = np.repeat(np.eye(2), 10, axis=0)
        said = np.where(np.arange(20)[:, None] < 10, [0.9, 0.1], [0.1, 0.9])
        said[[3, 14]] = said[[14, 3]]
        return Pool(
            np.array([f"r{number:02d}" for number in range(20)]),
            said,
            rows,
            np.eye(2),
            labelled_labels=np.array([0, 1]),
            labelled_probabilities=np.array([[0.9, 0.1], [0.1, 0.9]]),
        )

    @pytest.mark.parametrize("known", ["labelled_probabilities", "labelled_labels"])
    def test_takes_what_is_judged_otherwise_than_its_neighbours(self, known: str) -> None:
        from active_learning.strategies.cal import cal

        pool = self.contrasting()
        if known == "labelled_labels":
            pool = replace(pool, labelled_probabilities=None)
        assert set(cal(pool, 2, np.random.default_rng(0), neighbours=1).ids) == {"r03", "r14"}

    def test_without_labelled_records_it_says_what_to_do(self) -> None:
        pool = replace(self.contrasting(), labelled_embeddings=None, labelled_labels=None, labelled_probabilities=None)
        with pytest.raises(PoolError, match="needs labelled records"):
            self.choose(pool, 2, 0)


class TestDensityWeightedMargin(NeedsProbabilities, NeedsEmbeddings):
    strategy = staticmethod(strategy("density-weighted-margin"))

    def test_of_equally_doubtful_records_the_one_in_the_crowd_comes_first(self) -> None:
        rows = np.concatenate([np.tile([1.0, 0.0], (19, 1)), [[0.0, 1.0]]])
        pool = Pool(np.array([f"r{number:02d}" for number in range(20)]), np.full((20, 2), 0.5), rows)
        assert self.choose(pool, 20, 0).ids[-1] == "r19"

    def test_of_records_in_the_crowd_the_least_certain_comes_first(self) -> None:
        sure = np.linspace(0.5, 0.9, 20)
        pool = Pool(np.array([f"r{number:02d}" for number in range(20)]), np.c_[sure, 1 - sure], np.ones((20, 2)))
        assert self.choose(pool, 3, 0).ids.tolist() == ["r00", "r01", "r02"]


class TestBald(StrategyContract):
    strategy = staticmethod(strategy("bald"))

    def test_takes_what_members_are_sure_of_and_disagree_about(self) -> None:
        one, other, even = [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]
        members = np.array([[one, one, even], [one, other, even]])
        pool = Pool(np.array(["agreed", "disputed", "doubted"]), members=members)
        chosen = self.choose(pool, 3, 0)
        assert chosen.ids[0] == "disputed"
        assert chosen.scores == pytest.approx([1.0, 0.0, 0.0])

    def test_without_members_it_says_what_gives_them(self) -> None:
        with pytest.raises(PoolError, match='fit one with model = "auto"'):
            self.choose(Pool(np.array(["a", "b"]), np.full((2, 2), 0.5)), 1, 0)
