"""The map of a pool: one point a vector, the same for a seed, near what is alike, and at a loss for nothing."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from active_learning.pool_map import FEWEST_FOR_UMAP, map_pool, method_here

finite = st.integers(-100, 100)
vectors = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=finite)
with_umap = pytest.mark.skipif(find_spec("umap") is None, reason="needs the extra umap")


def groups(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` vectors in 32 dimensions about three centres, and which centre each belongs to."""
    rng = np.random.default_rng(seed)
    of = rng.integers(3, size=n)
    return (5 * np.eye(32)[of] + rng.normal(scale=0.5, size=(n, 32))).astype(np.float32), of


def nearest_is_alike(points: np.ndarray, of: np.ndarray) -> float:
    """The share of points whose nearest other point is of the same group."""
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(np.full(len(points), np.inf))
    return float((of[apart.argmin(axis=1)] == of).mean())


@given(vectors)
@settings(max_examples=40)
def test_every_vector_has_a_place_in_the_unit_square(given_vectors):
    points = map_pool(given_vectors, seed=0, method="pca").points
    assert points.shape == (len(given_vectors), 2)
    assert ((points >= 0) & (points <= 1)).all()


@given(vectors)
@settings(max_examples=40)
def test_equal_vectors_lie_at_one_place_by_pca(given_vectors):
    points = map_pool(np.concatenate([given_vectors, given_vectors]), seed=0, method="pca").points
    np.testing.assert_allclose(points[: len(given_vectors)], points[len(given_vectors) :], atol=1e-3)


def test_nothing_gives_an_empty_map():
    assert map_pool(np.zeros((0, 8)), seed=0, method="pca").points.shape == (0, 2)


def test_a_seed_gives_the_same_map_again():
    given_vectors, _ = groups(60)
    first, second = (map_pool(given_vectors, seed=3, method="pca").points for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_groups_stay_together_by_pca():
    given_vectors, of = groups(90)
    assert nearest_is_alike(map_pool(given_vectors, seed=0, method="pca").points, of) > 0.95


def test_a_handful_is_drawn_by_pca_whatever_is_installed():
    assert method_here(FEWEST_FOR_UMAP - 1) == "pca"
    assert map_pool(groups(FEWEST_FOR_UMAP - 1)[0], seed=0).method == "pca"


def test_without_the_extra_it_is_drawn_by_pca(monkeypatch):
    monkeypatch.setattr("active_learning.pool_map.find_spec", lambda _name: None)
    assert map_pool(groups(60)[0], seed=0).method == "pca"


def test_an_axis_along_which_nothing_differs_is_not_blown_up():
    along_a_line = np.outer(np.arange(9), [1.0, 2.0, 3.0]).astype(np.float32)
    np.testing.assert_array_equal(map_pool(along_a_line, seed=0, method="pca").points[:, 1], 0.5)


@with_umap
@pytest.mark.slow
def test_groups_stay_together_by_umap_and_a_seed_gives_the_same_map():
    given_vectors, of = groups(90)
    said: list[str] = []
    first = map_pool(given_vectors, seed=1, method="umap", say=said.append)
    assert first.method == "umap"
    assert nearest_is_alike(first.points, of) > 0.95
    assert len(said) == 1
    np.testing.assert_array_equal(first.points, map_pool(given_vectors, seed=1, method="umap").points)
