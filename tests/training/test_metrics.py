"""The figures against scikit-learn, and the intervals against resampling row by row."""

import json
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from training.errors import ExamplesError
from training.examples import Predictions
from training.metrics import _figures, _resampled_counts, evaluate, expected_calibration_error


def some_predictions(
    n: int, classes: int, seed: int, *, ties: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    scores = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    probabilities = np.exp(scores.round(0) if ties else scores)
    return probabilities / probabilities.sum(axis=1, keepdims=True), labels


def auc(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    present = [index for index in np.unique(labels) if (labels != index).any()]
    if not present:
        return float("nan")
    return float(np.mean([sk.roc_auc_score(labels == index, probabilities[:, index]) for index in present]))


@given(st.integers(2, 40), st.integers(2, 6), st.integers(0, 10**6), st.booleans())
@settings(max_examples=25, deadline=None)
def test_figures_are_scikit_learns_on_every_resample(n: int, classes: int, seed: int, ties: bool) -> None:
    probabilities, labels = some_predictions(n, classes, seed, ties=ties)
    figures = _figures(probabilities, labels)
    counts = np.concatenate([np.ones((1, n)), *_resampled_counts(n, np.random.default_rng(seed), 5)])
    ours = {name: figure(counts) for name, figure in figures.items()}
    for row, drawn in enumerate(counts):
        rows = np.repeat(np.arange(n), drawn.astype(int))
        p, y = probabilities[rows], labels[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert ours["accuracy"][row] == pytest.approx(sk.accuracy_score(y, p.argmax(1)))
            assert ours["macro_f1"][row] == pytest.approx(sk.f1_score(y, p.argmax(1), average="macro"))
            assert ours["log_loss"][row] == pytest.approx(sk.log_loss(y, p, labels=range(classes)))
            np.testing.assert_allclose(ours["roc_auc"][row], auc(p, y), rtol=1e-9, equal_nan=True)


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    told = evaluate(Predictions(np.arange(10).astype(str), probabilities), np.array([0] * 6 + [1] * 4), ("a", "b"))
    assert told["expected_calibration_error"].value == pytest.approx(0.3)
    assert [(one.records, one.accuracy) for one in told.calibration] == [(10, 0.6)]


def test_a_label_of_little_trust_counts_little_in_the_calibration_error() -> None:
    probabilities, labels = np.array([[0.9, 0.1]] * 10), np.array([0] * 6 + [1] * 4)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.3)
    trust = np.where(labels == 0, 1.0, 0.01)
    assert expected_calibration_error(probabilities, labels, trust) == pytest.approx(6 / 6.04 - 0.9)


def test_the_interval_holds_the_truth_about_95_times_of_100() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        correct = rng.random(150) < 0.8
        probabilities = np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9])
        told = evaluate(
            Predictions(np.arange(150).astype(str), probabilities),
            np.zeros(150, int),
            ("a", "b"),
            seed=trial,
            resamples=300,
        )
        held += told["accuracy"].low <= 0.8 <= told["accuracy"].high
    assert 175 <= held <= 199


def test_per_class_figures_and_confusion_speak_of_all_classes() -> None:
    told = evaluate(
        Predictions(np.array(["a", "b", "c"]), np.eye(4)[[0, 1, 1]]), np.array([0, 1, 0]), ("p", "q", "r", "s")
    )
    assert told.confusion.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert told.per_class["p"].precision == 1.0
    assert told.per_class["p"].recall == 0.5
    assert told.per_class["s"].support == 0


def test_one_class_has_no_roc_auc_and_its_json_says_null() -> None:
    told = evaluate(Predictions(np.array(["a", "b"]), np.eye(2)[[0, 0]]), np.array([0, 0]), ("p", "q"))
    read = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert read["roc_auc"] == {"value": None, "low": None, "high": None}
    assert read["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_the_same_seed_gives_the_same_interval_whatever_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = some_predictions(50, 3, 0)
    predictions = Predictions(np.arange(50).astype(str), probabilities)
    before = evaluate(predictions, labels, "abc", seed=1).to_json()
    monkeypatch.setattr("training.metrics.COUNTS_AT_A_TIME", 600)
    assert evaluate(predictions, labels, "abc", seed=1).to_json() == before


def test_a_thousand_resamples_of_three_thousand_records_of_77_classes_are_quick() -> None:
    probabilities, labels = some_predictions(3000, 77, 0)
    start = time.process_time()
    evaluate(Predictions(np.arange(3000).astype(str), probabilities), labels, [str(i) for i in range(77)])
    assert time.process_time() - start < 5


def test_wrong_lengths_and_classes_are_refused() -> None:
    predictions = Predictions(np.array(["a", "b"]), np.eye(2))
    for labels, classes in ((np.array([0]), "pq"), (np.array([0, 2]), "pq"), (np.array([0, 1]), "pqr")):
        with pytest.raises(ExamplesError):
            evaluate(predictions, labels, classes)
    with pytest.raises(ExamplesError):
        evaluate(Predictions(np.array([], dtype=str), np.zeros((0, 2))), np.array([], dtype=int), "pq")
