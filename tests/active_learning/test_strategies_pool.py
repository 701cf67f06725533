"""A pool that contradicts itself is refused, with the record that is to blame."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.name_hashes import name_codes, repeated_name
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


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (EVEN, "shape"),
        (np.empty((0, 3, 2)), "shape"),
        (np.full((2, 2, 2), 0.5), "3 ids but 2 rows of members"),
        (np.full((2, 3, 4), 0.25), "4 classes, the probabilities 2"),
        (np.stack([EVEN, with_row(1, [np.nan, 0.5])]), 'member 1 says of record "b"'),
    ],
)
def test_members_that_are_no_distributions_over_the_pool_are_refused(members: np.ndarray, said: str) -> None:
    with pytest.raises(PoolError, match=said):
        Pool(IDS, EVEN, members=members)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"labelled_labels": np.array([0, 2])}, "class 0 to 2, of 2"),
        ({"labelled_labels": np.array([-1, 1])}, "class -1"),
        ({"labelled_labels": np.array([0.5])}, "whole numbers"),
        ({"labelled_probabilities": np.array([[0.2, 0.2]])}, "labelled record are NaN"),
        ({"labelled_probabilities": np.full((1, 4), 0.25)}, "4 classes"),
        ({"labelled_labels": np.array([0, 1]), "labelled_embeddings": np.ones((3, 2))}, "different lengths"),
    ],
)
def test_what_is_known_of_labelled_records_must_fit(known: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(PoolError, match=said):
        Pool(IDS, EVEN, **known)


def test_a_part_keeps_its_rows_together_and_what_is_known_of_the_labelled() -> None:
    whole = Pool(
        IDS,
        np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]),
        np.arange(6.0).reshape(3, 2),
        np.ones((4, 2)),
        np.array(["x", "y", "x"]),
        np.stack([EVEN, with_row(2, [1.0, 0.0])]),
        np.array([0, 1, 1, 0]),
        np.full((4, 2), 0.5),
    )
    part = whole.take(np.array([2, 0]))
    assert part.ids.tolist() == ["c", "a"]
    assert part.probabilities[:, 0].tolist() == [0.3, 0.1]
    assert part.embeddings.tolist() == [[4, 5], [0, 1]]
    assert part.members[1].tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert part.clusters_left == 1
    assert (part.labels, part.labelled_labels.tolist(), len(part.labelled_probabilities)) == (4, [0, 1, 1, 0], 4)


def test_how_many_are_labelled_is_told_by_whatever_is_known_of_them() -> None:
    assert Pool(IDS).labels is None
    assert Pool(IDS, labelled_labels=np.array([], dtype=int)).labels == 0
    assert Pool(IDS, labelled_probabilities=EVEN).labels == 3


def test_names_with_one_hash_are_told_apart() -> None:
    names = np.array(["a", "b", "a"])
    with patch("active_learning.name_hashes.seeded_hashes", lambda names, seed: np.zeros(len(names), np.uint64)):
        codes = name_codes(names)
        assert codes[0] == codes[2] != codes[1]
        assert repeated_name(names) == "a"
        assert repeated_name(names[:2]) is None


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5), max_size=30))
def test_codes_are_equal_where_names_are(names: list[str]) -> None:
    codes = name_codes(np.array(names, dtype=np.str_)).tolist()
    assert len(set(zip(codes, names, strict=True))) == len(set(codes)) == len(set(names))
