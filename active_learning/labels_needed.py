"""How many labels an arm of a simulation needed for a wanted accuracy, and what share that is of random's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from active_learning.learning_curves import CONTROL, Curves, Floats

ROUNDING = 1e-9  # the mean of .7, .71 and .69 is less than .7 by a hair


@dataclass(frozen=True)
class Needed:
    """How many labels one arm needed for one accuracy.

    Attributes:
        wanted: The accuracy.
        labels: Where the mean curve first reaches it, by interpolation between rounds; None where it never does.
        low: Where the upper end of the 95 % band over the seeds reaches it; None for a single seed.
        high: Where the lower end does; None for a single seed, or where it never does.
        share: `labels` over those of random with the same rung. None where the arm never reaches it, or where random
            begins above it.
        at_most: Whether the curve begins above it, so that fewer labels than `labels` may have done.
        share_at_most: Whether `share` is too high, for that reason or since random never reached it and its last
            number stands for it.
    """

    strategy: str
    rung: str
    wanted: float
    labels: float | None
    low: float | None
    high: float | None
    share: float | None
    at_most: bool = False
    share_at_most: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    def said(self) -> str:
        """The number with its interval, as a cell of a table; "not reached" where there is none."""
        if self.labels is None:
            return "not reached"
        if self.at_most:
            return f"at most {self.labels:.0f}"
        if self.low is None:
            return f"{self.labels:.0f}"
        return (
            f"{self.labels:.0f} ({self.low:.0f} to {'not reached' if self.high is None else format(self.high, '.0f')})"
        )

    def share_said(self) -> str:
        """The share of random's labels; empty where it is not known."""
        return "" if self.share is None else f"{'under ' if self.share_at_most else ''}{self.share:.0%}"


def labels_needed(curves: Curves, wanted: Sequence[float]) -> list[Needed]:
    """For every rung, strategy and wanted accuracy what was needed."""
    return [_needed(curves, strategy, rung, score) for score in wanted for strategy, rung in curves.arms]


def first_reached(n_labels: Sequence[int], values: Sequence[float] | Floats, wanted: float) -> float | None:
    """Where the broken line through the points first reaches `wanted`; None where it never does, or is NaN."""
    before: tuple[int, float] | None = None
    for n, value in zip(n_labels, values, strict=True):
        if value >= wanted - ROUNDING:
            if before is None:
                return float(n)
            share = min(1.0, (wanted - before[1]) / (value - before[1]))
            return float(before[0] + share * (n - before[0]))
        before = (n, float(value))
    return None


def _needed(curves: Curves, strategy: str, rung: str, wanted: float) -> Needed:
    bands = curves.bands(strategy, rung)
    sizes = [band.n_labels for band in bands]
    labels = first_reached(sizes, [band.mean for band in bands], wanted)
    low = first_reached(sizes, [band.high for band in bands], wanted)
    high = first_reached(sizes, [band.low for band in bands], wanted)
    if labels is None or np.isnan(bands[0].low):
        low = high = None
    control = first_reached(sizes, [band.mean for band in curves.bands(CONTROL, rung)], wanted)
    at_most = labels == sizes[0]
    share = None if labels is None or control == sizes[0] else labels / (sizes[-1] if control is None else control)
    share_at_most = share is not None and (at_most or control is None)
    return Needed(strategy, rung, wanted, labels, low, high, share, at_most, share_at_most)
