"""Strategies that spread their choice over the pool: each keeps the contract, and does what it is called after."""

from unittest.mock import patch

import numpy as np
import pytest

from active_learning.pool import Pool
from active_learning.strategies import STRATEGIES, strategy
from tests.active_learning.test_strategies_contract import NeedsEmbeddings, NeedsProbabilities, large_pool


class TestWeightedKmeans(NeedsProbabilities, NeedsEmbeddings):
    strategy = staticmethod(strategy("weighted-kmeans"))

    def doubted(self, shares: list[float]) -> Pool:
        """A direction for each share, of twenty records whose likelier of two classes has that share."""
        rng = np.random.default_rng(0)
        axes = np.eye(len(shares))
        rows = np.concatenate([axis + rng.normal(scale=0.05, size=(20, len(shares))) for axis in axes])
        sure = np.repeat(shares, 20)
        ids = [f"blob{blob}-{number}" for blob in range(len(shares)) for number in range(20)]
        return Pool(np.array(ids), np.c_[sure, 1 - sure], rows)

    @pytest.mark.parametrize("seed", range(5))
    def test_every_doubted_region_gives_one_and_what_is_sure_none(self, seed: int) -> None:
        pool = self.doubted([0.55, 0.6, 0.55, 1.0, 1.0])
        assert {one.split("-")[0] for one in self.choose(pool, 3, seed).ids} == {"blob0", "blob1", "blob2"}

    def test_the_region_with_most_doubt_comes_first(self) -> None:
        chosen = self.choose(self.doubted([0.8, 0.5, 0.65]), 3, 0).ids
        assert [one.split("-")[0] for one in chosen] == ["blob1", "blob2", "blob0"]

    def test_the_middle_of_a_region_stands_for_it(self) -> None:
        pool = self.doubted([0.5, 0.5])
        unit = pool.embeddings / np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
        for one in self.choose(pool, 2, 0).ids:
            region = np.array([name.split("-")[0] == one.split("-")[0] for name in pool.ids])
            far = np.linalg.norm(unit[region] - unit[region].mean(axis=0), axis=1)
            assert pool.ids[region][far.argmin()] == one

    def test_where_the_model_is_sure_of_everything_it_still_spreads(self) -> None:
        chosen = self.choose(self.doubted([1.0, 1.0, 1.0]), 3, 0).ids
        assert {one.split("-")[0] for one in chosen} == {"blob0", "blob1", "blob2"}


class TestBadge(NeedsProbabilities, NeedsEmbeddings):
    strategy = staticmethod(strategy("badge"))

    def gradients(self, pool: Pool) -> np.ndarray:
        residuals = pool.probabilities - np.eye(pool.probabilities.shape[1])[pool.probabilities.argmax(axis=1)]
        unit = pool.embeddings / np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
        return (residuals[:, :, None] * unit[:, None, :]).reshape(len(pool), -1)

    def test_the_longest_gradient_comes_first(self) -> None:
        pool = large_pool(60)
        longest = np.linalg.norm(self.gradients(pool), axis=1).argmax()
        assert {self.choose(pool, 3, seed).ids[0] for seed in range(5)} == {pool.ids[longest]}

    def test_records_are_drawn_as_often_as_the_seeding_of_k_means_draws_them(self) -> None:
        pool = large_pool(6, classes=3, dimensions=2)
        gradients = self.gradients(pool)
        squared = np.square(gradients[:, None] - gradients[None]).sum(axis=2)
        first = int(np.square(gradients).sum(axis=1).argmax())
        expected = np.zeros((6, 6))
        for second in range(6):
            left = np.minimum(squared[first], squared[second])
            if squared[first, second]:
                expected[second] = squared[first, second] / squared[first].sum() * left / left.sum()
        with patch("active_learning.strategies.badge.DRAWS", 50):
            runs = [self.choose(pool, 3, seed).ids for seed in range(1500)]
        drawn = np.zeros((6, 6))
        for run in runs:
            second, third = (int(one) for one in run[1:])
            drawn[second, third] += 1 / len(runs)
        assert np.abs(drawn - expected).max() < 0.05  # four standard deviations of a share of a half

    def test_no_gradient_is_taken_twice_while_there_are_others(self) -> None:
        base = large_pool(5, classes=3)
        rows = np.repeat(np.arange(5), 20)
        pool = Pool(np.array([f"r{n:03d}" for n in range(100)]), base.probabilities[rows], base.embeddings[rows])
        for seed in range(5):
            assert {int(one[1:]) // 20 for one in self.choose(pool, 5, seed).ids} == set(range(5))


class TestKCenter(NeedsEmbeddings):
    strategy = staticmethod(strategy("k-center"))

    @pytest.mark.parametrize("looked_at", [1, 7, 60, 10_000])
    def test_each_is_the_farthest_from_all_before_it_however_many_are_looked_at(self, looked_at: int) -> None:
        pool = large_pool(200)
        with patch("active_learning.strategies.k_center.LOOKED_AT", looked_at):
            chosen = self.choose(pool, 20, 0).ids.tolist()
        unit = pool.embeddings / np.linalg.norm(pool.embeddings, axis=1, keepdims=True)
        labelled = pool.labelled_embeddings / np.linalg.norm(pool.labelled_embeddings, axis=1, keepdims=True)
        far = np.linalg.norm(unit[:, None] - labelled[None], axis=2).min(axis=1)
        for row in map(int, chosen):  # ids are numbers of rows
            assert far[row] == pytest.approx(far.max(), abs=1e-4)
            far = np.minimum(far, np.linalg.norm(unit - unit[row], axis=1))

    def test_of_equal_vectors_one_is_taken_before_any_is_taken_again(self) -> None:
        rows = np.repeat(np.eye(4), 10, axis=0)
        pool = Pool(np.array([f"r{n:02d}" for n in range(40)]), embeddings=rows)
        assert {int(one[1:]) // 10 for one in self.choose(pool, 4, 0).ids} == set(range(4))


class TestProbcover(NeedsEmbeddings):
    strategy = staticmethod(strategy("probcover"))

    def blobs(self, labelled: np.ndarray | None = None) -> Pool:
        rng = np.random.default_rng(0)
        sizes = (60, 40, 20)
        rows = np.concatenate([np.eye(3)[axis] + rng.normal(scale=0.1, size=(n, 3)) for axis, n in enumerate(sizes)])
        ids = [f"blob{axis}-{number}" for axis, n in enumerate(sizes) for number in range(n)]
        return Pool(
            np.array(ids), np.full((120, 3), 1 / 3), rows, labelled_embeddings=labelled
        )  # three classes, so three pseudo-labels

    @pytest.mark.parametrize("seed", range(5))
    def test_the_ball_that_holds_most_comes_first(self, seed: int) -> None:
        chosen = self.choose(self.blobs(), 3, seed)
        assert [one.split("-")[0] for one in chosen.ids] == ["blob0", "blob1", "blob2"]
        assert chosen.scores.tolist() == sorted(chosen.scores, reverse=True)

    def test_what_a_label_covers_is_left_for_last(self) -> None:
        chosen = self.choose(self.blobs(labelled=np.eye(3)[:1]), 2, 0).ids
        assert [one.split("-")[0] for one in chosen] == ["blob1", "blob2"]

    def test_when_all_is_covered_covering_begins_again(self) -> None:
        chosen = self.choose(self.blobs(), 60, 0)
        assert len(set(chosen.ids)) == 60
        assert (chosen.scores > 0).all()

    def test_a_crowded_pool_gets_a_smaller_radius(self) -> None:
        from active_learning.strategies.probcover import least_likeness

        vectors = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        least = least_likeness(vectors, np.zeros(3000, dtype=np.int64), 0.95, most_neighbours=50)
        assert 20 < (vectors @ vectors.T >= least).sum(axis=1).mean() < 100

    def test_a_crowd_in_one_place_does_not_hold_itself_squared(self) -> None:
        from active_learning.strategies.probcover import least_likeness

        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(3000, 8)).astype(np.float32)
        vectors[:900] = vectors[0] + 0.2 * vectors[:900]
        vectors = rng.permutation(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        least = least_likeness(vectors, np.zeros(3000, dtype=np.int64), 0.95, most_neighbours=50)
        assert 50 < (vectors @ vectors.T >= least).sum(axis=1).mean() < 110


class TestClusterMargin(NeedsProbabilities, NeedsEmbeddings):
    strategy = staticmethod(strategy("cluster-margin"))

    def test_two_far_groups_both_get_picked_though_one_is_more_uncertain(self) -> None:
        embeddings = np.array([[1, 0]] * 10 + [[0, 1]] * 10, dtype=np.float32)
        closer = np.where(np.arange(20) < 10, 0.50, 0.55)
        pool = Pool(np.array([f"r{number:02d}" for number in range(20)]), np.c_[closer, 1 - closer], embeddings)
        chosen = self.strategy(pool, 2, np.random.default_rng(0)).ids
        assert {int(one[1:]) < 10 for one in chosen} == {True, False}

    def test_certain_records_are_not_looked_at_while_there_are_uncertain_ones(self) -> None:
        pool = large_pool(1000)
        gap = 1 - STRATEGIES["margin"](pool, 100, np.random.default_rng(0)).scores[-1]
        chosen = self.strategy(pool, 10, np.random.default_rng(0))
        assert (1 - chosen.scores <= gap).all()


class TestTypiclust(NeedsEmbeddings):
    strategy = staticmethod(strategy("typiclust"))

    def blobs(self, labelled: np.ndarray | None = None) -> Pool:
        """Three tight directions of 40, 30 and 20 records, each with a stray one at its edge."""
        rng = np.random.default_rng(0)
        rows, ids = [], []
        for axis, size in enumerate((40, 30, 20)):
            rows.append(np.eye(3)[axis] + rng.normal(scale=0.02, size=(size, 3)))
            ids += [f"blob{axis}-{number}" for number in range(size)]
            rows.append(np.eye(3)[axis] + 0.4 * np.eye(3)[(axis + 1) % 3][None, :])
            ids.append(f"stray{axis}")
        return Pool(np.array(ids), embeddings=np.concatenate(rows), labelled_embeddings=labelled)

    @pytest.mark.parametrize("seed", range(5))
    def test_takes_a_typical_record_of_each_region_the_largest_first(self, seed: int) -> None:
        chosen = self.strategy(self.blobs(), 3, np.random.default_rng(seed)).ids
        assert [one.split("-")[0] for one in chosen] == ["blob0", "blob1", "blob2"]

    @pytest.mark.parametrize("seed", range(5))
    def test_a_region_that_has_a_label_comes_last(self, seed: int) -> None:
        chosen = self.strategy(self.blobs(labelled=np.eye(3)[:1]), 2, np.random.default_rng(seed)).ids
        assert {one.split("-")[0] for one in chosen} == {"blob1", "blob2"}

    def test_needs_no_model(self) -> None:
        assert len(self.strategy(self.blobs(), 5, np.random.default_rng(0))) == 5
