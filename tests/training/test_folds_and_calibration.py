"""Folds keep groups whole and classes even; calibration makes probabilities honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.calibration import fit_temperature, log_softmax, missing_mass, sample_weights, spread
from training.errors import TooFewLabels
from training.examples import Examples
from training.folds import assign_folds


def labelled(labels: list[int], groups: list[int] | None = None, random: list[bool] | None = None) -> Examples:
    n = len(labels)
    return Examples(
        ids=np.array([f"r{row}" for row in range(n)], dtype=str),
        texts=[""] * n,
        labels=np.array(labels, dtype=np.int64),
        groups=None if groups is None else np.array([f"g{group}" for group in groups]),  # type: ignore[arg-type]
        random=None if random is None else np.array(random),  # type: ignore[arg-type]
    )


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=1, max_size=60), st.integers(2, 6))
def test_a_group_never_straddles_folds_and_no_fold_is_empty(rows: list[tuple[int, int]], folds: int) -> None:
    examples = labelled([label for label, _ in rows], [group for _, group in rows])
    if len(np.unique(examples.groups)) < folds:
        with pytest.raises(TooFewLabels, match="near-equal"):
            assign_folds(examples, folds, np.random.default_rng(0))
        return
    fold = assign_folds(examples, folds, np.random.default_rng(0))
    for group in np.unique(examples.groups):
        assert len(np.unique(fold[examples.groups == group])) == 1
    assert set(fold.tolist()) == set(range(folds))


@given(st.lists(st.integers(0, 5), min_size=5, max_size=80), st.integers(2, 5))
def test_every_class_is_spread_evenly(labels: list[int], folds: int) -> None:
    examples = labelled(labels)
    fold = assign_folds(examples, folds, np.random.default_rng(0))
    for label in set(labels):
        counts = np.bincount(fold[examples.labels == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_the_temperature_that_made_the_logits_too_sure_is_found() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(20_000, 4)) * 2
    labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
    assert fit_temperature(honest * 3, labels, np.ones(len(labels))) == pytest.approx(3, rel=0.05)


def test_a_handful_of_right_answers_proves_no_certainty() -> None:
    sure = {}
    for n in (12, 3000):
        labels = np.arange(n) % 3
        logits = np.where(np.arange(4) < 3, 2 * np.eye(4)[labels], -np.inf)  # of a class that was never seen, nothing
        temperature = fit_temperature(logits, labels, np.ones(n))
        sure[n] = np.exp(log_softmax(logits / temperature)).max()
    assert sure[12] == pytest.approx(1 - 2 / 3 / 13, abs=1e-3)
    assert sure[3000] > 0.999


def test_few_random_records_outweigh_many_chosen_ones() -> None:
    random = np.array([True] * 30 + [False] * 400)
    weights = sample_weights(random)
    assert weights[random].sum() == 30
    assert weights[~random].sum() == pytest.approx(20)
    assert (sample_weights(np.zeros(5, dtype=bool)) == 1).all()


def test_calibration_follows_the_random_records() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2000, 3)) * 2
    honest = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    random = np.arange(2000) < 300
    # What a strategy chose is the hard part: there the model is wrong far more often than it thinks.
    labels = np.where(random, honest, rng.integers(3, size=2000))
    temperature = fit_temperature(logits, labels, sample_weights(random))
    assert temperature == pytest.approx(1, abs=0.35)
    assert fit_temperature(logits, labels, np.ones(2000)) > 2


def test_the_missing_mass_is_the_share_of_single_labels_among_the_random_ones() -> None:
    assert missing_mass(labelled([0] * 18 + [1, 2])) == pytest.approx(2 / 20)
    assert missing_mass(labelled([0] * 30 + [1, 2], random=[True] * 30 + [False] * 2)) == 0


def test_a_class_that_a_chosen_example_speaks_of_too_is_not_missing() -> None:
    labels = list(range(20)) * 2
    assert missing_mass(labelled(labels, random=[True] * 20 + [False] * 20)) == 0


def test_a_class_never_seen_is_no_likelier_than_the_mean_class() -> None:
    full = spread(np.full((1, 9), 1 / 9), np.arange(9), 10, 0.5)
    np.testing.assert_allclose(full, 0.1)


def test_unseen_classes_share_the_missing_mass() -> None:
    full = spread(np.array([[0.25, 0.75]]), np.array([1, 3]), 4, 0.2)
    np.testing.assert_allclose(full, [[0.1, 0.2, 0.1, 0.6]])
    np.testing.assert_allclose(spread(np.array([[0.25, 0.75]]), np.array([0, 1]), 2, 0.2), [[0.25, 0.75]])


def test_log_softmax_keeps_what_is_impossible_impossible() -> None:
    np.testing.assert_allclose(np.exp(log_softmax(np.array([[0.0, -np.inf, 0.0]]))), [[0.5, 0, 0.5]])
