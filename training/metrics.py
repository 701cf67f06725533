"""How good a classifier is on records it was not fitted on, each figure with a bootstrap interval.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979: records are drawn again with replacement and the
interval is where the middle 95% of the resampled figures fall. Expected calibration error as in Guo et al., ICML 2017,
15 bins of equal width. ROC-AUC is the mean over the classes, each against the rest.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.errors import ExamplesError
from training.examples import Predictions

Floats = NDArray[np.float64]
# For rows of counts (B, N), how often each record was drawn, one figure each (B,).
Figure = Callable[[Floats], Floats]

BINS = 15
RESAMPLES = 1000
CONFIDENCE = 0.95
# At most this many counts are held at a time, so that memory does not grow with the number of records.
COUNTS_AT_A_TIME = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval that holds it with 95% confidence; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Plain numbers; None for what is not defined, as JSON has no NaN."""
        return {name: None if math.isnan(value) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class ClassFigures:
    """Of one class: precision, recall and F1 (0 where not defined), and how many records are of it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class CalibrationBin:
    """The records of which the highest probability falls in [low, high): how sure the model was, how often right."""

    low: float
    high: float
    confidence: float
    accuracy: float
    records: int


@dataclass(frozen=True)
class Metrics:
    """The figures of one model on `records` records.

    `scalars` holds accuracy, macro_f1, roc_auc, expected_calibration_error and log_loss. `confusion` is (K, K): row
    the true class, column the predicted one.
    """

    records: int
    scalars: dict[str, Estimate]
    per_class: dict[str, ClassFigures]
    classes: tuple[str, ...]
    confusion: NDArray[np.int64] = field(repr=False)
    calibration: tuple[CalibrationBin, ...] = field(repr=False)

    def __getitem__(self, name: str) -> Estimate:
        return self.scalars[name]

    def to_json(self) -> dict[str, object]:
        """Each scalar under its name as `{"value", "low", "high"}`; beside them the tables."""
        return {
            **{name: estimate.to_json() for name, estimate in self.scalars.items()},
            "records": self.records,
            "per_class": {name: dict(vars(figures)) for name, figures in self.per_class.items()},
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "calibration": [dict(vars(one)) for one in self.calibration],
        }


def evaluate(
    predictions: Predictions,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Metrics:
    """Measure predictions against the labels (N,) of the same records, in the order of `predictions.ids`.

    Raises:
        ExamplesError: There are no records, lengths differ, or a label is no index into the K classes.
    """
    labels = np.asarray(labels, dtype=np.int64)
    probabilities = predictions.probabilities
    if not len(labels) or len(labels) != len(predictions):
        raise ExamplesError(
            f"metrics: {len(predictions)} predictions and {len(labels)} labels; give one for one, at least one."
        )
    if labels.min() < 0 or labels.max() >= len(classes) or probabilities.shape[1] != len(classes):
        raise ExamplesError(f"metrics: labels or predictions speak of other classes than the {len(classes)} given.")
    scalars = {}
    for name, figure in _figures(probabilities, labels).items():
        value = float(figure(np.ones((1, len(labels))))[0])
        low, high = _interval(figure, len(labels), np.random.default_rng(seed), resamples)
        scalars[name] = Estimate(value, low, high)
    return Metrics(
        records=len(labels),
        scalars=scalars,
        per_class=_per_class(probabilities, labels, classes),
        classes=tuple(classes),
        confusion=_confusion(probabilities, labels),
        calibration=reliability(probabilities, labels),
    )


def expected_calibration_error(
    probabilities: Floats, labels: NDArray[np.int64], weights: Floats | None = None
) -> float:
    """In [0, 1]: the mean over equally wide bins of confidence of |accuracy - confidence|, weighed by their records.

    NaN without a single record.

    Args:
        probabilities: (N, K).
        labels: (N,).
        weights: (N,) what each record counts for; all alike without them.
    """
    if not len(labels):
        return float("nan")
    counts = np.ones(len(labels)) if weights is None else weights
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return float(_calibration_error(probabilities.max(axis=1), correct)(counts[None])[0])


def _figures(probabilities: Floats, labels: NDArray[np.int64]) -> dict[str, Figure]:
    predicted = probabilities.argmax(axis=1)
    correct = (predicted == labels).astype(np.float64)
    surprise = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], np.finfo(np.float64).tiny))
    return {
        "accuracy": lambda counts: counts @ correct / counts.sum(axis=1),
        "macro_f1": _macro_f1(predicted, labels, probabilities.shape[1]),
        "roc_auc": _roc_auc(probabilities, labels),
        "expected_calibration_error": _calibration_error(probabilities.max(axis=1), correct),
        "log_loss": lambda counts: counts @ surprise / counts.sum(axis=1),
    }


def _macro_f1(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Figure:
    """The mean F1 over the classes that are a label or a prediction of the drawn records."""
    identity = np.eye(classes)
    hits = identity[labels] * (predicted == labels)[:, None]
    named = identity[labels] + identity[predicted]

    def figure(counts: Floats) -> Floats:
        twice_hits, total = 2 * (counts @ hits), counts @ named
        scores = np.divide(twice_hits, total, out=np.zeros_like(total), where=total > 0)
        result: Floats = scores.sum(axis=1) / (total > 0).sum(axis=1)
        return result

    return figure


def _calibration_error(confidence: Floats, correct: Floats) -> Figure:
    gap = np.zeros((len(confidence), BINS))
    gap[np.arange(len(confidence)), _bin_of(confidence)] = confidence - correct
    return lambda counts: np.abs(counts @ gap).sum(axis=1) / counts.sum(axis=1)


@dataclass(frozen=True)
class _Ranking:
    """The records in order of one class's score, cut where a step with a record of the class begins or ends.

    `order` (N,) sorts the records; `starts` (S,) are the first places of the pieces. Of the P records of the class
    `members` are the rows, in this order; `member_starts` cuts them by piece, and `pieces` says which pieces those are.
    Equal scores form one step.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    members: NDArray[np.int64]
    member_starts: NDArray[np.int64]
    pieces: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Floats, positive: NDArray[np.bool_]) -> "_Ranking":
        order = np.argsort(scores, kind="stable")
        step = np.cumsum(np.r_[True, np.diff(scores[order]) > 0]) - 1
        holds = np.isin(step, step[positive[order]])
        starts = np.flatnonzero(np.r_[True, (np.diff(step) > 0) & (holds[1:] | holds[:-1])])
        places = np.flatnonzero(positive[order])
        piece = np.searchsorted(starts, places, side="right") - 1
        pieces, member_starts = np.unique(piece, return_index=True)
        return cls(order, starts, order[places], member_starts, pieces)

    def area(self, counts: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """For counts (N, B): pairs in the right order (a tie counts half) and all pairs, both (B,)."""
        total = np.add.reduceat(counts[self.order], self.starts, axis=0).astype(np.float64)
        positives = np.zeros_like(total)
        positives[self.pieces] = np.add.reduceat(counts[self.members], self.member_starts, axis=0)
        negatives = total - positives
        below = np.cumsum(negatives, axis=0) - negatives / 2
        return (positives * below).sum(axis=0), positives.sum(axis=0) * negatives.sum(axis=0)


def _roc_auc(probabilities: Floats, labels: NDArray[np.int64]) -> Figure:
    """The mean over the classes, each against the rest, of those that have a drawn record on either side."""
    rankings = [_Ranking.of(probabilities[:, index], labels == index) for index in np.unique(labels)]

    def figure(counts: Floats) -> Floats:
        # Records first, so that taking them in another order moves whole rows; float32 holds counts exactly.
        by_record = np.ascontiguousarray(counts.T, dtype=np.float32)
        totals, defined = np.zeros(len(counts)), np.zeros(len(counts))
        for ranking in rankings:
            area, pairs = ranking.area(by_record)
            totals += np.divide(area, pairs, out=np.zeros_like(area), where=pairs > 0)
            defined += pairs > 0
        return np.divide(totals, defined, out=np.full_like(totals, np.nan), where=defined > 0)

    return figure


def _interval(figure: Figure, records: int, rng: np.random.Generator, resamples: int) -> tuple[float, float]:
    drawn = [figure(counts) for counts in _resampled_counts(records, rng, resamples)]
    values = np.concatenate(drawn) if drawn else np.zeros(0)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    return float(low), float(high)


def _resampled_counts(records: int, rng: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """Rows (B, N) of how often each record is in a resample of N; the same for a seed whatever the chunk."""
    at_a_time = max(1, COUNTS_AT_A_TIME // records)
    for start in range(0, resamples, at_a_time):
        rows = min(at_a_time, resamples - start)
        drawn = rng.integers(records, size=(rows, records)) + records * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * records).reshape(rows, records).astype(np.float64)


def _per_class(probabilities: Floats, labels: NDArray[np.int64], classes: Sequence[str]) -> dict[str, ClassFigures]:
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, support = precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(classes)), zero_division=0.0
    )
    rows = zip(classes, precision, recall, f1, support, strict=True)
    return {name: ClassFigures(float(p), float(r), float(f), int(s)) for name, p, r, f, s in rows}


def _confusion(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    from sklearn.metrics import confusion_matrix

    matrix: NDArray[np.int64] = confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=np.arange(probabilities.shape[1])
    )
    return matrix


def reliability(probabilities: Floats, labels: NDArray[np.int64]) -> tuple[CalibrationBin, ...]:
    """The reliability diagram of probabilities (N, K) against labels (N,): its bins that hold a record, by confidence.

    Its bins are those of the expected calibration error.
    """
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = _bin_of(confidence)
    filled = np.unique(place)
    return tuple(
        CalibrationBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            confidence=float(confidence[place == index].mean()),
            accuracy=float(correct[place == index].mean()),
            records=int((place == index).sum()),
        )
        for index in filled.tolist()
    )


def _bin_of(confidence: Floats) -> NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
