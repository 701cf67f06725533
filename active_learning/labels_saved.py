"""Labels saved so far: how many more a live project would have needed, had people been asked at random.

The control arm and the holdout are random draws, so they tell how accuracy grows with random labels. That curve is
carried on (`active_learning.curve_fits`) to where it reaches what the project's model has; the labels it needs there,
less those that were given, are what choosing saved. The interval is a bootstrap over the holdout, the same records for
the model and for the curve.

To know more of the curve than the small control arm tells, each part of the holdout is measured by models that were
fitted on nested random draws of the control arm and of the *other* parts. They are thrown away: neither the project's
model nor any choice ever sees a holdout record.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from active_learning.curve_fits import CurveFits, Floats, Range, fit_curves
from training.errors import TooFewLabels
from training.examples import Examples, Inputs, Predictions
from training.folds import assign_folds

RESAMPLES = 400
PARTS = 3
SIZES = 4
FEWEST_MEASURED = 50  # with fewer held out, an interval says nothing
FEWEST_RANDOM = 40
FARTHEST = 8  # so many times the random labels is as far as their curve is carried on
MOST = 20  # the search for the random labels needed ends at so many times those given
ROUNDS_BEFORE_A_WARNING = 3


class Predicts(Protocol):
    """A fitted model."""

    def predict(self, inputs: Inputs) -> Predictions:
        """Probabilities (N, K)."""
        ...


@dataclass(frozen=True)
class ControlCurve:
    """How good random labels are.

    Attributes:
        n_labels: (P,) rising numbers of random labels.
        correct: (P, H) float64, whether models with so many labels were right on each holdout record.
    """

    n_labels: Floats
    correct: Floats


@dataclass(frozen=True)
class LabelsSaved:
    """What choosing has saved, as the store keeps it; intervals hold 95 %.

    Attributes:
        labels: How many labels the model was fitted on.
        random_labels: How many random labels the curve was measured with at most.
        records: How many records were measured with.
        accuracy: Of the model on them.
        needed: (value, low, high) random labels for that accuracy; None stands for more than the search went to.
        saved: The same, less `labels` and `again`.
        gain: (value, low, high) points of accuracy, of 100, over as many random labels.
        unknown: Why nothing can be said, and what is missing; the figures are then None.
        again: As many labels as the answers that went to labelled records would have been.
    """

    labels: int
    random_labels: int
    records: int
    accuracy: float | None = None
    needed: tuple[float | None, float | None, float | None] | None = None
    saved: tuple[float | None, float | None, float | None] | None = None
    gain: tuple[float, float, float] | None = None
    unknown: str | None = None
    again: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "LabelsSaved":
        """What `to_json` gave."""
        fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
        return cls(**fields)

    def sentence(self) -> str:
        """For a person: the labels saved, or why they are not known."""
        return f"Labels saved so far: {self._said()}"

    def _said(self) -> str:
        if self.saved is None or self.needed is None:
            return f"not known. {self.unknown}"
        value, low, high = self.saved
        unseen = f"how many more cannot be told from {self.random_labels:,} random labels."
        if low is None:
            return f"many; {unseen}"
        if low > 0 and value is None:
            return f"at least {low:,.0f}; {unseen}"
        spent = f"{self.labels:,} labels" + (f" and answers worth {self.again:,} more" if self.again else "")
        for_it = f"For the accuracy that {spent} gave"
        if low > 0:
            to = " or more" if high is None else f" to {high:,.0f}"
            return (
                f"about {value:,.0f} ({low:,.0f}{to}). {for_it}, about {self.needed[0]:,.0f} drawn at random would be "
                "needed."
            )
        at_random = f"{for_it}, random choice would have needed"
        if value is not None and high is not None and high < 0:
            return f"none. {at_random} about {-value:,.0f} fewer ({-high:,.0f} to {-low:,.0f})."
        return f"none that is certain yet. {at_random} between {_more_or_fewer(low)} and {_more_or_fewer(high)}."

    def warning(self, rounds: int) -> str | None:
        """Said when, after enough rounds, random choice may have served as well; None otherwise."""
        if self.gain is None or rounds < ROUNDS_BEFORE_A_WARNING or self.gain[1] > 0:
            return None
        value, low, high = self.gain
        return (
            f"Random choice would perhaps have served as well: over as many random labels the model gains {value:+.1f} "
            f"points of accuracy ({low:+.1f} to {high:+.1f}), so far after {rounds} rounds."
        )


def labels_saved(
    correct: NDArray[np.bool_], labels: int, control: ControlCurve, rng: np.random.Generator, *, again: int = 0
) -> LabelsSaved:
    """What choosing saved a model that is right where `correct` (H,) says and was fitted on `labels` labels.

    `control.correct` speaks of the same H records in the same order. `again` counts answers to labelled records, in
    labels' worth: random choice would have had them for labels.
    """
    records, why_not = len(correct), _why_not(len(correct), control.n_labels, labels)
    if why_not is not None:
        return LabelsSaved(labels, _most(control.n_labels), records, unknown=why_not)
    shares = rng.multinomial(records, np.full(records, 1 / records), size=RESAMPLES) / records
    return _told(correct, shares @ correct, labels, again, control.n_labels, shares @ control.correct.T, rng)


def labels_saved_by_rounds(
    correct: NDArray[np.bool_],
    labels: int,
    n_labels: Floats,
    accuracies: Floats,
    rng: np.random.Generator,
    *,
    again: int = 0,
) -> LabelsSaved:
    """The same from what past rounds measured of the control arm alone, for models that are too dear to fit again.

    Each of the accuracies (P,) with `n_labels` (P,) is taken to be as uncertain as a share of H records is, and
    independent of the others, which widens the interval.
    """
    records, why_not = len(correct), _why_not(len(correct), n_labels, labels)
    if why_not is not None:
        return LabelsSaved(labels, _most(n_labels), records, unknown=why_not)
    shares = rng.multinomial(records, np.full(records, 1 / records), size=RESAMPLES) / records
    spread = np.sqrt(np.maximum(accuracies * (1 - accuracies), 1 / records) / records)
    drawn = np.clip(accuracies + rng.normal(size=(RESAMPLES, len(accuracies))) * spread, 0.0, 1.0)
    return _told(correct, shares @ correct, labels, again, n_labels, drawn, rng)


def _told(
    correct: NDArray[np.bool_],
    model: Floats,
    labels: int,
    again: int,
    n_labels: Floats,
    at_random: Floats,
    rng: np.random.Generator,
) -> LabelsSaved:
    """From draws of the model's accuracy (B,) and of the accuracies (B, P) with `n_labels` random labels."""
    fits = fit_curves(n_labels, at_random, rng)
    needed = Range.of(fits.labels_for(model, most=float(MOST * max(labels, _most(n_labels)))))
    spent = labels + again
    gain = _gain(model, fits, spent)
    bounds = needed.value, needed.low, needed.high
    return LabelsSaved(
        labels=labels,
        random_labels=_most(n_labels),
        records=len(correct),
        accuracy=float(correct.mean()),
        needed=(_finite(bounds[0]), _finite(bounds[1]), _finite(bounds[2])),
        saved=(_finite(bounds[0] - spent), _finite(bounds[1] - spent), _finite(bounds[2] - spent)),
        gain=(gain.value, gain.low, gain.high),
        again=again,
    )


def control_curve(
    control: Examples, holdout: Examples, fit: Callable[[Examples], Predicts], *, seed: int
) -> ControlCurve:
    """Measure the holdout by models that `fit` makes of nested draws of the control arm and the holdout's others.

    A draw that is too small for a fit is measured as what always says its most frequent class.
    """
    rng = np.random.default_rng([seed, 0x636F6E74])
    n = min(PARTS, len(np.unique(holdout.groups)))
    if n < 2:
        return ControlCurve(np.zeros(0), np.zeros((0, len(holdout))))
    part = assign_folds(holdout, n, rng)
    fewest = len(control) + len(holdout) - int(np.bincount(part).max())
    sizes = np.unique(np.geomspace(max(8, fewest / 8), max(8, fewest), SIZES).round().astype(np.int64))
    sizes = sizes[sizes <= fewest]
    correct = np.zeros((len(sizes), len(holdout)))
    for one in np.unique(part):
        measured, lent = np.flatnonzero(part == one), np.flatnonzero(part != one)
        drawn = _joined(control, holdout.take(lent))
        order = rng.permutation(len(drawn))
        for row, size in enumerate(sizes.tolist()):
            said = _said(drawn.take(np.sort(order[:size])), holdout.take(measured), fit)
            correct[row, measured] = said == holdout.labels[measured]
    return ControlCurve(sizes.astype(np.float64), correct)


def _said(drawn: Examples, measured: Examples, fit: Callable[[Examples], Predicts]) -> NDArray[np.int64]:
    try:
        said = fit(drawn).predict(measured.inputs()).of(measured.ids)
    except TooFewLabels:
        return np.full(len(measured), np.bincount(drawn.labels).argmax())
    classes: NDArray[np.int64] = said.probabilities.argmax(axis=1)
    return classes


def _joined(one: Examples, other: Examples) -> Examples:
    return Examples(
        ids=np.concatenate([one.ids, other.ids]),
        texts=one.texts + other.texts,
        labels=np.concatenate([one.labels, other.labels]),
        groups=np.concatenate([one.groups, other.groups]),
        content_hashes=np.concatenate([one.content_hashes, other.content_hashes]),
        weights=np.concatenate([one.weights, other.weights]),
    )


def _most(n_labels: Floats) -> int:
    return int(n_labels.max()) if len(n_labels) else 0


def _why_not(records: int, n_labels: Floats, labels: int) -> str | None:
    most = _most(n_labels)
    if records < FEWEST_MEASURED:
        return f"{records} labelled records are held out, and {FEWEST_MEASURED} are needed: [rounds] holdout."
    if len(n_labels) < 3 or most < FEWEST_RANDOM:
        return (
            f"There are {most} random labels to measure with, and {FEWEST_RANDOM} are needed, of three rounds: "
            "[rounds] control_share draws some in each."
        )
    if labels > FARTHEST * most:
        return (
            f"{most} random labels tell nothing of {labels:,}: a greater [rounds] control_share, or a greater holdout, "
            f"gives the {-(-labels // FARTHEST):,} that are needed."
        )
    return None


def _gain(model: Floats, fits: CurveFits, labels: int) -> Range:
    """Points of accuracy over as many random labels."""
    at_random = fits.accuracies(float(labels))
    return Range.of(np.tile(model, len(at_random) // len(model)) - at_random).times(100.0)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _more_or_fewer(labels: float | None) -> str:
    if labels is None:
        return "far more"
    if abs(labels) < 0.5:
        return "as many"
    return f"{abs(labels):,.0f} {'more' if labels > 0 else 'fewer'}"
