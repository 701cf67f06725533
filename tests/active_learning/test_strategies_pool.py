"""A pool that contradicts itself is refused, with the record that is to blame."""

import numpy as np
import pytest

from active_learning.pool import Pool, PoolError, Selection

IDS = np.array(["a", "b", "c"])
EVEN = np.full((3, 2), 0.5)


def with_row(row: int, values: list[float]) -> np.ndarray:
    matrix = EVEN.copy()
    matrix[row] = values
    return matrix


@pytest.mark.parametrize("row", [[np.nan, 0.5], [np.inf, 0.0], [-0.5, 1.5], [0.2, 0.2]])
def test_probabilities_that_are_none_are_refused_by_record(row: list[float]) -> None:
    with pytest.raises(PoolError, match='record "b"'):
        Pool(IDS, with_row(1, row))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_is_refused_by_record(value: float) -> None:
    with pytest.raises(PoolError, match='record "c"'):
        Pool(IDS, embeddings=with_row(2, [value, 0]))
    with pytest.raises(PoolError, match="labelled"):
        Pool(IDS, labelled_embeddings=with_row(2, [value, 0]))


def test_a_duplicate_id_is_refused_by_name() -> None:
    with pytest.raises(PoolError, match='"b" more than once'):
        Pool(np.array(["a", "b", "b"]))


@pytest.mark.parametrize("name", ["probabilities", "embeddings", "clusters"])
def test_lengths_that_differ_are_refused(name: str) -> None:
    short = np.array(["x", "y"]) if name == "clusters" else EVEN[:2]
    with pytest.raises(PoolError, match=f"3 ids but 2 rows of {name}"):
        Pool(IDS, **{name: short})


def test_embeddings_of_two_encoders_are_refused() -> None:
    with pytest.raises(PoolError, match="one encoder"):
        Pool(IDS, embeddings=np.ones((3, 2)), labelled_embeddings=np.ones((1, 5)))


@pytest.mark.parametrize("clusters", [np.array(["x", None, None], dtype=object), np.array(["x", "", ""])])
def test_records_without_a_cluster_name_are_not_taken_for_one_cluster(clusters: np.ndarray) -> None:
    with pytest.raises(PoolError, match="its own cluster"):
        Pool(IDS, clusters=clusters)


def test_half_precision_probabilities_are_taken() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(77), size=3).astype(np.float16)
    assert Pool(IDS, probabilities).clusters_left == 3


def test_an_empty_pool_is_a_pool() -> None:
    assert Pool(np.array([], dtype=str), np.empty((0, 3)), np.empty((0, 4))).clusters_left == 0


def test_a_selection_never_names_a_record_twice() -> None:
    with pytest.raises(PoolError, match="more than once"):
        Selection(np.array(["a", "a"]), np.zeros(2), "random")
