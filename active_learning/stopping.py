"""Knowing when to stop: advice from how steady the models are, what more labels would bring, and what they cost.

Steadiness as in Bloodgood and Vijay-Shanker, "A Method for Stopping Active Learning Based on Stabilizing Predictions
and the Need for User-Adjustable Stopping", CoNLL 2009: Cohen's kappa between successive models on records that neither
learnt from, the mean of the last three at least .99. What more labels bring is the project's own learning curve carried
on, with an interval from a bootstrap over the holdout. It is advice: nothing stops by itself, and to stop is advised
only where the upper end of what could still be gained says so too.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from active_learning.curve_fits import FEWEST_POINTS, CurveFits, Floats, Range, fit_curves

RESAMPLES = 400
STEADY = 0.99
LAST = 3
LITTLE = 1.0  # points of accuracy; a gain whose upper end is less is not worth a round where no price says otherwise
FEWEST_MEASURED = 50
FEWEST_ROUNDS = 4


@dataclass(frozen=True)
class Agreement:
    """How far a model and the one before it say the same of the records that neither was fitted on.

    Attributes:
        kappa: Cohen's, 1 where they agree wholly; chance is taken off.
        share: Of the records, in [0, 1].
    """

    kappa: float
    share: float
    records: int

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class Prices:
    """What an answer costs and what a point of accuracy is worth, in one currency; None where nobody said.

    Attributes:
        answers_per_label: How many people answer for one label, on average.
    """

    per_answer: float | None = None
    per_point: float | None = None
    answers_per_label: float = 1.0


@dataclass(frozen=True)
class StopAdvice:
    """Whether more labels are worth their price, as the store keeps it.

    Attributes:
        more: So many more labels are spoken of.
        gain: (value, low, high) points of accuracy that they would bring, of 100; None where not known.
        cost: What they cost; None where the project file says no price.
        worth: What the expected gain is worth; None likewise.
        kappas: Agreement of the last models with the ones before, oldest first.
        steady: Whether the last three agree enough.
        stop: Whether to stop is advised.
        unknown: Why the gain is not known.
    """

    more: int
    gain: tuple[float, float, float] | None = None
    cost: float | None = None
    worth: float | None = None
    kappas: tuple[float, ...] = ()
    steady: bool = False
    stop: bool = False
    unknown: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "StopAdvice":
        """What `to_json` gave."""
        fields: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
        return cls(**fields)

    def sentences(self) -> list[str]:
        """For a person: what more labels bring and cost, how steady the models are, and the advice."""
        said = [self._gain_said()]
        if self.kappas:
            last = ", ".join(f"{kappa:.3f}" for kappa in self.kappas[-LAST:])
            many = len(self.kappas[-LAST:]) > 1
            said.append(
                f"Agreement of the last model{'s' if many else ''} with the one{'s' if many else ''} before (kappa): "
                f"{last}; steady at {STEADY} over {LAST}."
            )
        if self.stop:
            said.append("More labels are hardly worth it: think about stopping here.")
        return said

    def _gain_said(self) -> str:
        if self.gain is None:
            return f"What {self.more:,} more labels would bring is not known yet. {self.unknown or ''}".strip()
        value, low, high = self.gain
        price = "" if self.cost is None else f", at a price of {self.cost:,.2f}"
        worth = "" if self.worth is None else f"; the gain is worth {self.worth:,.2f}"
        return f"{self.more:,} more labels: {value:+.1f} points of accuracy ({low:.1f} to {high:.1f}){price}{worth}."


def agreement(one: NDArray[np.int64], other: NDArray[np.int64]) -> Agreement | None:
    """How far two models agree that say classes (N,) of the same records; None of none."""
    if not len(one):
        return None
    share = float((one == other).mean())
    if share == 1.0:
        return Agreement(1.0, share, len(one))  # kappa is 0/0 where both say one class of everything
    from sklearn.metrics import cohen_kappa_score

    return Agreement(float(cohen_kappa_score(one, other)), share, len(one))


def steady(kappas: Sequence[float]) -> bool:
    """Whether the last three agreements say that the models no longer change."""
    last = kappas[-LAST:]
    return len(last) == LAST and float(np.mean(last)) >= STEADY - 1e-9  # the mean of three times .99 is less by a hair


def stop_advice(
    n_labels: Floats,
    correct: Floats,
    *,
    more: int,
    kappas: Sequence[float],
    prices: Prices,
    rng: np.random.Generator,
) -> StopAdvice:
    """What `more` labels would bring, and whether they are worth asking for.

    To stop is advised only after four measured rounds: with prices, when even the upper end of the gain is worth less
    than the labels cost; without, when it is less than a point and the models are steady.

    Args:
        n_labels: (P,) labels of the models so far, rising.
        correct: (P, H) whether each was right on each holdout record.
        kappas: Agreement of each model with the one before, oldest first.
    """
    cost = None if prices.per_answer is None else more * prices.answers_per_label * prices.per_answer
    begun = StopAdvice(more, cost=cost, kappas=tuple(float(kappa) for kappa in kappas), steady=steady(kappas))
    rounds, records = correct.shape
    if rounds < FEWEST_POINTS or records < FEWEST_MEASURED:
        needs = (
            f"{rounds} of the {FEWEST_POINTS} rounds that are needed were measured."
            if rounds < FEWEST_POINTS
            else f"{records} labelled records are held out, and {FEWEST_MEASURED} are needed: [rounds] holdout."
        )
        return _with(begun, unknown=needs)
    shares = rng.multinomial(records, np.full(records, 1 / records), size=RESAMPLES) / records
    gain = gain_of_more(fit_curves(n_labels, shares @ correct.T, rng), float(n_labels.max()), more)
    worth = None if prices.per_point is None else max(0.0, gain.value) * prices.per_point
    return _with(
        begun,
        gain=(gain.value, gain.low, gain.high),
        worth=worth,
        stop=rounds >= FEWEST_ROUNDS and _not_worth_it(gain, begun, prices),
    )


def gain_of_more(fits: CurveFits, n_labels: float, more: int) -> Range:
    """Points of accuracy, of 100, that `more` labels bring after `n_labels`; a curve never falls."""
    return Range.of(np.maximum(0.0, fits.accuracies(n_labels + more) - fits.accuracies(n_labels))).times(100.0)


def _not_worth_it(gain: Range, advice: StopAdvice, prices: Prices) -> bool:
    if advice.cost is not None and prices.per_point is not None:
        return gain.high * prices.per_point < advice.cost
    return gain.high < LITTLE and advice.steady


def _with(advice: StopAdvice, **more: Any) -> StopAdvice:
    return replace(advice, **more)
