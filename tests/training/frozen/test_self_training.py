"""What self-training takes in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.frozen.self_training import self_train, surest


def test_each_class_gives_the_same_share_the_surest_first() -> None:
    said = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.4, 0.6]]))
    assert surest(said, 3).tolist() == [0, 1, 4]


@given(st.integers(0, 30), st.integers(1, 4), st.floats(0, 40))
def test_takes_distinct_rows_and_at_most_one_a_class_more_than_wanted(n: int, classes: int, wanted: float) -> None:
    said = np.random.default_rng(n).normal(size=(n, classes))
    taken = surest(said, wanted)
    assert len(np.unique(taken)) == len(taken) <= min(n, wanted + classes)


def test_the_pool_moves_the_boundary_into_the_gap() -> None:
    rng = np.random.default_rng(0)
    pool = np.concatenate([rng.normal([0, 0], 0.3, (200, 2)), rng.normal([3, 0], 0.3, (200, 2))]).astype(np.float32)
    truth = np.repeat([0, 1], 200)
    labelled, labels = np.array([[-0.5, 0], [2.0, 1.2]], dtype=np.float32), np.array([0, 1])
    head = self_train(labelled, labels, np.ones(2), pool, 100.0)
    assert (head.logits(pool).argmax(axis=1) == truth).mean() > 0.99


def test_without_a_pool_it_is_the_head_of_the_labels_alone() -> None:
    vectors = np.eye(4, dtype=np.float32)
    labels = np.array([0, 0, 1, 1])
    head = self_train(vectors, labels, np.ones(4), vectors[:0], 20.0)
    assert head.logits(vectors).argmax(axis=1).tolist() == labels.tolist()
