"""Heads put together out of fold."""

import numpy as np

from training.examples import Examples
from training.frozen.judging import OutOfFold, clearly_less, fit_weights, pool
from training.metrics import expected_calibration_error


def sharp(rng: np.random.Generator, labels: np.ndarray, right: float, sharpness: float) -> np.ndarray:
    """Log probabilities over 3 classes of a head that is right in a share of cases, and as sure as `sharpness`."""
    said = np.where(rng.random(len(labels)) < right, labels, (labels + 1 + rng.integers(0, 2, len(labels))) % 3)
    logits = np.zeros((len(labels), 3))
    logits[np.arange(len(labels)), said] = sharpness
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def examples(labels: np.ndarray) -> Examples:
    return Examples(np.array([f"r{row}" for row in range(len(labels))]), ["x"] * len(labels), labels)


def test_a_head_that_is_too_sure_is_tempered() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    head = OutOfFold(sharp(rng, labels, 0.8, 8.0), np.zeros(600))
    pooled = pool((head,), examples(labels))
    assert pooled.weights[0] < 0.5
    before = expected_calibration_error(np.exp(head.log_probabilities), labels)
    assert expected_calibration_error(pooled.probabilities(), labels) < 0.05 < before


def test_a_head_that_knows_nothing_gets_next_to_no_weight() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 600)
    good, bad = sharp(rng, labels, 0.9, 3.0), sharp(rng, labels, 1 / 3, 3.0)
    seen = np.ones((600, 3), dtype=bool)
    weights = fit_weights(np.stack([good, bad]), seen, labels, np.ones(600))
    assert weights[1] < 0.15 * weights[0]


def test_two_heads_that_err_apart_are_better_together() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 600)
    heads = tuple(OutOfFold(sharp(rng, labels, 0.8, 3.0), np.zeros(600)) for _ in range(2))
    both = pool(heads, examples(labels))
    assert both.loss < min(pool((head,), examples(labels)).loss for head in heads)
    assert (both.weights > 0.2).all()


def test_a_handful_of_examples_that_are_all_right_proves_no_certainty() -> None:
    labels = np.arange(20) % 2
    logits = np.where(labels[:, None] == np.arange(2), 0.5, -0.5)
    pooled = pool(
        (OutOfFold(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.zeros(20)),), examples(labels)
    )
    assert 1 < pooled.weights[0] < 6


def test_the_slope_of_the_loss_is_right() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 40)
    logs = np.stack([sharp(rng, labels, right, 2.0) for right in (0.5, 0.7, 0.6)])
    seen = np.ones((40, 3), dtype=bool)
    weights = fit_weights(logs, seen, labels, np.ones(40))
    least = weighted_loss(logs, weights, labels)
    for number in range(3):
        for step in (-0.02, 0.02):
            moved = weights + step * (np.arange(3) == number)
            assert (moved < 0).any() or weighted_loss(logs, moved, labels) >= least - 1e-9


def weighted_loss(logs: np.ndarray, weights: np.ndarray, labels: np.ndarray) -> float:
    total = np.einsum("m,mnk->nk", weights, logs)
    said = total - np.log(np.exp(total).sum(axis=1, keepdims=True))
    drawn = 2 / 40 * ((weights - weights.mean()) ** 2).sum() + 1 / 40 * np.log(weights.sum() + 1e-6) ** 2
    return float(-said[np.arange(40), labels].mean() + drawn)


def test_a_class_that_a_fold_had_not_seen_gets_the_missing_mass_and_tells_nothing() -> None:
    logs = np.log(np.array([[0.5, 0.5, 1.0], [0.9, 0.1, 1.0], [0.2, 0.8, 1.0]]))
    logs[:, 2] = -np.inf
    pooled = pool((OutOfFold(logs, np.full(3, 0.1)),), examples(np.array([0, 0, 2])))
    np.testing.assert_allclose(pooled.probabilities()[:, 2], 0.1)
    assert np.isnan(pooled.losses[2]) and np.isfinite(pooled.losses[:2]).all()


def test_what_is_clearly_better_is_so_by_more_than_chance_and_on_labels_that_are_trusted() -> None:
    rng = np.random.default_rng(0)
    others = rng.normal(1, 0.1, 40)
    better = np.append(others[:20] - rng.normal(0.1, 0.05, 20), others[20:] + 0.1)
    everything, half = np.ones(40), np.repeat([1.0, 0.01], 20)
    assert not clearly_less(better, others, everything, 1.0)
    assert clearly_less(better, others, half, 1.0)
    assert not clearly_less(others, better, half, 1.0)
    assert not clearly_less(better, others, np.zeros(40), 1.0)
    assert clearly_less(np.append(better[:20], np.full(20, np.nan)), others, everything, 1.0)
