"""Learning curves fitted and carried on: what accuracy will so many labels bring, and how many does an accuracy need?

Three families of Viering and Loog, "The Shape of Learning Curves: a Review", IEEE TPAMI 2023, each `a - b g(n)`: a
power law, g = n^-c; exponential, g = exp(-c sqrt n); inverse logarithm, g = 1 / log(n + c). For a given c the best a
and b are linear least squares, so c is looked for on a grid and the whole bootstrap is fitted at once (variable
projection, Golub and Pereyra 1973). What the families say is pooled: where they disagree, the interval is as wide as
they lie apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POWERS = np.geomspace(0.05, 2.0, 24)
RATES = np.geomspace(0.005, 1.5, 24)
SHIFTS = np.geomspace(1.5, 200.0, 12)
FAMILIES = ("power", "exponential", "inverse-log")
FEWEST_POINTS = 3
# What a model gains or loses by which labels it happened to get, at the least; a curve of few points may hide it.
LEAST_NOISE = 0.004
OUTSIDE = 0.025


@dataclass(frozen=True)
class Range:
    """A figure and the interval that holds it with 95 % confidence; `high` is infinite where nothing bounds it."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats) -> "Range":
        """The median and the middle 95 % of draws (B,), which may be infinite."""
        value, low, high = np.quantile(draws, [0.5, OUTSIDE, 1 - OUTSIDE], method="nearest")
        return cls(float(value), float(low), float(high))

    def times(self, factor: float) -> "Range":
        """The same in another unit."""
        return Range(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class CurveFits:
    """Fitted curves, `a - b g(n; c)`: one for each draw of the points and each family.

    Attributes:
        a, b, c: (F, B) float64; `b` is at least 0 and `a` at most 1, so that a curve rises and stays an accuracy.
        noise: (B,) the spread of a measured point about the curve.
        n_labels: (P,) where the curve was measured.
    """

    a: Floats
    b: Floats
    c: Floats
    noise: Floats
    n_labels: Floats

    def accuracies(self, n: float) -> Floats:
        """(F * B,) what the curves say of `n` labels; beyond what was measured, each drawn apart from the middle.

        The further beyond, the wider: a family that fits four points tells little of ten times their labels. With
        twice the labels the spread about the median is widened by a third, with ten times by 1.1.
        """
        said = np.concatenate([self.a[f] - self.b[f] * shape(FAMILIES[f], n, self.c[f]) for f in range(len(FAMILIES))])
        middle = np.median(said)
        widened: Floats = np.clip(middle + (said - middle) * self._wider(n), 0.0, 1.0)
        return widened

    def labels_for(self, accuracies: Floats, most: float) -> Floats:
        """(F * B,) how many labels bring the accuracy of each draw (B,); infinite where more than `most` do."""
        grid = np.unique(np.concatenate([np.geomspace(1.0, most, 400), self.n_labels]))
        said = np.stack([self.accuracies(float(n)) for n in grid])
        rising = np.maximum.accumulate(said, axis=0)
        wanted = np.tile(accuracies, len(FAMILIES))
        reached = rising >= wanted
        first = reached.argmax(axis=0)
        return np.where(reached.any(axis=0), grid[first], np.inf)

    def _wider(self, n: float) -> float:
        return 1.0 + 0.48 * max(0.0, float(np.log(n / self.n_labels.max())))


def fit_curves(n_labels: Floats, accuracies: Floats, rng: np.random.Generator) -> CurveFits:
    """Curves through accuracies (B, P) that were measured with `n_labels` (P,) labels, each row a bootstrap draw.

    To every draw of what is measured with, the noise of which labels were drawn is added: what is left about the fitted
    means, and at least `LEAST_NOISE`.

    Raises:
        ValueError: There are fewer than three numbers of labels.
    """
    n_labels, accuracies = np.asarray(n_labels, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    if len(np.unique(n_labels)) < FEWEST_POINTS:
        raise ValueError(f"a learning curve needs {FEWEST_POINTS} numbers of labels, not {len(np.unique(n_labels))}.")
    middle = accuracies.mean(axis=0, keepdims=True)
    left = [middle - _at(family, n_labels, *_fit(family, n_labels, middle)) for family in FAMILIES]
    freedom = max(1, len(n_labels) - 3)
    noise = max(LEAST_NOISE, min(float(np.sqrt((rest**2).sum() / freedom)) for rest in left))
    drawn = accuracies + rng.normal(scale=noise, size=accuracies.shape)
    fitted = [_fit(family, n_labels, drawn) for family in FAMILIES]
    a, b, c = (np.stack(parts) for parts in zip(*fitted, strict=True))
    return CurveFits(a, b, c, np.full(len(accuracies), noise), n_labels)


def shape(family: str, n: float | Floats, c: Floats) -> Floats:
    """g(n; c) of a family: falls with n."""
    numbers = np.asarray(n, dtype=np.float64)
    if family == "power":
        fallen: Floats = numbers**-c
    elif family == "exponential":
        fallen = np.exp(-c * np.sqrt(numbers))
    else:
        fallen = 1.0 / np.log(numbers + c)
    return fallen


def _at(family: str, n_labels: Floats, a: Floats, b: Floats, c: Floats) -> Floats:
    return a[:, None] - b[:, None] * shape(family, n_labels[None, :], c[:, None])


def _fit(family: str, n_labels: Floats, accuracies: Floats) -> tuple[Floats, Floats, Floats]:
    """a, b, c (B,) of the least squares for each row of accuracies (B, P)."""
    grid = {"power": POWERS, "exponential": RATES, "inverse-log": SHIFTS}[family]
    best: Floats = np.full(len(accuracies), np.inf)
    a, b, c = (np.asarray(np.zeros_like(best), dtype=np.float64) for _ in range(3))
    for tried in grid:
        g = shape(family, n_labels, np.array(tried))
        found_a, found_b = _line(g, accuracies)
        squares = ((accuracies - found_a[:, None] + found_b[:, None] * g) ** 2).sum(axis=1)
        better = squares < best
        best = np.where(better, squares, best)
        a, b, c = np.where(better, found_a, a), np.where(better, found_b, b), np.where(better, tried, c)
    return a, b, c


def _line(g: Floats, accuracies: Floats) -> tuple[Floats, Floats]:
    """The a at most 1 and b at least 0 with which a - b g lies closest to each row."""
    centred = g - g.mean()
    b = np.maximum(0.0, -(accuracies @ centred) / (centred @ centred))
    a = accuracies.mean(axis=1) + b * g.mean()
    over = a > 1.0
    a = np.where(over, 1.0, a)
    b = np.where(over, np.maximum(0.0, ((1.0 - accuracies) @ g) / (g @ g)), b)
    return a, b
