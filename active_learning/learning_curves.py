"""Learning curves: how good a model was at each number of labels, and what choosing saved over drawing at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CONTROL = "random"


@dataclass(frozen=True)
class Point:
    """One measurement on the holdout: a model of the `n_labels` labels that `strategy` chose under `seed`."""

    strategy: str
    seed: int
    n_labels: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Difference:
    """An arm's area under the curve less the control arm's, seed by seed.

    Attributes:
        per_seed: One difference a seed, in the order of the seeds.
        mean: Their mean.
        low, high: The 95 % interval of the mean by Student's t; NaN for a single seed.
    """

    per_seed: tuple[float, ...]
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Curves:
    """Every point of every arm and seed.

    Attributes:
        strategies: The arms; the control arm is the first.
        seeds: Every arm was played with each of them.
        points: By arm, then seed, then number of labels.
    """

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    points: tuple[Point, ...]

    def curve(self, strategy: str, seed: int) -> list[Point]:
        """One arm's points under one seed, by number of labels."""
        return [point for point in self.points if point.strategy == strategy and point.seed == seed]

    def mean_curve(self, strategy: str) -> list[tuple[int, float, float]]:
        """(number of labels, mean accuracy, mean macro-F1 over the seeds) of one arm."""
        curves = [self.curve(strategy, seed) for seed in self.seeds]
        return [
            (at[0].n_labels, float(np.mean([p.accuracy for p in at])), float(np.mean([p.macro_f1 for p in at])))
            for at in zip(*curves, strict=True)
        ]

    def areas(self, strategy: str) -> tuple[float, ...]:
        """The area under each seed's accuracy curve over its range of labels: a mean accuracy, in [0, 1]."""
        curves = [self.curve(strategy, seed) for seed in self.seeds]
        return tuple(area([p.n_labels for p in curve], [p.accuracy for p in curve]) for curve in curves)

    def against_control(self, strategy: str) -> Difference:
        """What choosing by `strategy` saved over drawing at random with the same seeds, rounds and holdout."""
        return difference(self.areas(strategy), self.areas(CONTROL))

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it; the interval of a single seed is null."""
        arms = {}
        for strategy in self.strategies:
            gain = self.against_control(strategy)
            arms[strategy] = {
                "curve": [
                    dict(zip(("n_labels", "accuracy", "macro_f1"), at, strict=True)) for at in self.mean_curve(strategy)
                ],
                "areas": list(self.areas(strategy)),
                "against_control": {
                    "per_seed": list(gain.per_seed),
                    "mean": gain.mean,
                    "interval": None if np.isnan(gain.low) else [gain.low, gain.high],
                },
            }
        return {"seeds": list(self.seeds), "control": CONTROL, "arms": arms}


def area(n_labels: Sequence[int], values: Sequence[float]) -> float:
    """The trapezoid area under `values`, divided by the range of labels; of a single point, its value."""
    if len(values) == 1:
        return float(values[0])
    return float(np.trapezoid(values, n_labels) / (n_labels[-1] - n_labels[0]))


def difference(arm: Sequence[float], control: Sequence[float]) -> Difference:
    """`arm` less `control`, pair by pair, with the 95 % interval of the mean."""
    per_seed = np.subtract(arm, control)
    mean = float(per_seed.mean())
    if len(per_seed) < 2:
        return Difference(tuple(per_seed.tolist()), mean, float("nan"), float("nan"))
    from scipy.stats import t

    reach = float(t.ppf(0.975, len(per_seed) - 1) * per_seed.std(ddof=1) / np.sqrt(len(per_seed)))
    return Difference(tuple(per_seed.tolist()), mean, mean - reach, mean + reach)
