"""Learning curves: how good a model was at each number of labels, and what choosing saved over drawing at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONTROL = "random"


@dataclass(frozen=True)
class Point:
    """One measurement on the holdout: a model of the `n_labels` labels that `strategy` chose under `seed`.

    `rung` is the rung of the ladder that was fitted; empty where nobody said which.
    """

    strategy: str
    seed: int
    n_labels: int
    accuracy: float
    macro_f1: float
    rung: str = ""


@dataclass(frozen=True)
class Band:
    """A mean over the seeds at one number of labels, with its 95 % interval by Student's t; NaN for a single seed."""

    n_labels: int
    mean: float
    low: float
    high: float


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

    Each strategy was played with each rung; where a method takes a rung, the first one is meant without it.

    Attributes:
        strategies: The first is the control arm.
        seeds: Every arm was played with each of them.
        points: By rung, then strategy, then seed, then number of labels.
        rungs: The rungs of the ladder, at least one.
    """

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    points: tuple[Point, ...]
    rungs: tuple[str, ...] = ("",)

    @property
    def arms(self) -> tuple[tuple[str, str], ...]:
        """(strategy, rung) of every arm; of each rung the control arm first."""
        return tuple((name, rung) for rung in self.rungs for name in self.strategies)

    def arm_name(self, strategy: str, rung: str) -> str:
        """What an arm is called: its strategy, and its rung where several were played."""
        return f"{strategy}, {rung}" if len(self.rungs) > 1 else strategy

    def curve(self, strategy: str, seed: int, rung: str | None = None) -> list[Point]:
        """One arm's points under one seed, by number of labels."""
        wanted = (strategy, seed, self.rungs[0] if rung is None else rung)
        return [point for point in self.points if (point.strategy, point.seed, point.rung) == wanted]

    def values(self, strategy: str, rung: str | None = None) -> tuple[list[int], Floats]:
        """The numbers of labels (R,), and the accuracy (S, R) of each seed there."""
        curves = [self.curve(strategy, seed, rung) for seed in self.seeds]
        return [point.n_labels for point in curves[0]], np.array([[p.accuracy for p in curve] for curve in curves])

    def mean_curve(self, strategy: str, rung: str | None = None) -> list[tuple[int, float, float]]:
        """(number of labels, mean accuracy, mean macro-F1 over the seeds) of one arm."""
        curves = [self.curve(strategy, seed, rung) for seed in self.seeds]
        return [
            (at[0].n_labels, float(np.mean([p.accuracy for p in at])), float(np.mean([p.macro_f1 for p in at])))
            for at in zip(*curves, strict=True)
        ]

    def bands(self, strategy: str, rung: str | None = None) -> list[Band]:
        """The mean accuracy of one arm with its 95 % interval over the seeds, cut to [0, 1], by number of labels."""
        sizes, values = self.values(strategy, rung)
        found = [mean_interval(at) for at in values.T]
        return [
            Band(size, mean, float(np.maximum(low, 0.0)), float(np.minimum(high, 1.0)))
            for size, (mean, low, high) in zip(sizes, found, strict=True)
        ]

    def areas(self, strategy: str, rung: str | None = None) -> tuple[float, ...]:
        """The area under each seed's accuracy curve over its range of labels: a mean accuracy, in [0, 1]."""
        sizes, values = self.values(strategy, rung)
        return tuple(area(sizes, curve.tolist()) for curve in values)

    def against_control(self, strategy: str, rung: str | None = None) -> Difference:
        """What choosing by `strategy` saved over drawing at random with the same rung, seeds, rounds and holdout."""
        return difference(self.areas(strategy, rung), self.areas(CONTROL, rung))

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it; the interval of a single seed is null."""
        return {
            "seeds": list(self.seeds),
            "control": CONTROL,
            "arms": {self.arm_name(*arm): self._arm_as_dict(*arm) for arm in self.arms},
        }

    def _arm_as_dict(self, strategy: str, rung: str) -> dict[str, Any]:
        gain = self.against_control(strategy, rung)
        points = zip(self.mean_curve(strategy, rung), self.bands(strategy, rung), strict=True)
        return {
            "strategy": strategy,
            "rung": rung,
            "curve": [
                {"n_labels": n, "accuracy": accuracy, "macro_f1": f1, "interval": _or_none(band.low, band.high)}
                for (n, accuracy, f1), band in points
            ],
            "areas": list(self.areas(strategy, rung)),
            "against_control": {
                "per_seed": list(gain.per_seed),
                "mean": gain.mean,
                "interval": _or_none(gain.low, gain.high),
            },
        }


def area(n_labels: Sequence[int], values: Sequence[float]) -> float:
    """The trapezoid area under `values`, divided by the range of labels; of a single point, its value."""
    if len(values) == 1:
        return float(values[0])
    return float(np.trapezoid(values, n_labels) / (n_labels[-1] - n_labels[0]))


def difference(arm: Sequence[float], control: Sequence[float]) -> Difference:
    """`arm` less `control`, pair by pair, with the 95 % interval of the mean."""
    per_seed = np.subtract(arm, control)
    return Difference(tuple(per_seed.tolist()), *mean_interval(per_seed))


def mean_interval(values: Floats) -> tuple[float, float, float]:
    """The mean of values (S,), and its 95 % interval by Student's t; NaN for a single value."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    from scipy.stats import t

    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - reach, mean + reach


def _or_none(low: float, high: float) -> list[float] | None:
    return None if np.isnan(low) else [low, high]
