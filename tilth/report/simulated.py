"""The simulations that a project keeps, as the report shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Newer ones first; more would bury the rest of the page.
SHOWN = 3


@dataclass(frozen=True)
class SimulationPicture:
    """One simulation.

    Attributes:
        points: `arm`, `labels`, `accuracy`, `low`, `high`, `seeds` for the chart; `low` and `high` are the accuracy
            itself where there was a single seed.
        lines: What each arm won against random, in a sentence each.
        rungs: Which rungs were fitted.
    """

    records: int
    seeds: int
    points: Sequence[Mapping[str, Any]]
    lines: Sequence[str]
    rungs: Sequence[str] = ()


def simulation_pictures(folder: Path) -> list[SimulationPicture]:
    """The newest simulations of the folder `simulations/`; nothing where there are none."""
    from active_learning.learning_curves import CONTROL
    from active_learning.simulations_kept import kept_simulations

    if not folder.is_dir():
        return []
    found = []
    for kept in kept_simulations(folder)[:SHOWN]:
        curves = kept.curves
        points = [
            {
                "arm": curves.arm_name(strategy, rung),
                "labels": band.n_labels,
                "accuracy": band.mean,
                "low": band.mean if math.isnan(band.low) else max(0.0, band.low),
                "high": band.mean if math.isnan(band.high) else min(1.0, band.high),
                "seeds": len(curves.seeds),
            }
            for strategy, rung in curves.arms
            for band in curves.bands(strategy, rung)
        ]
        lines = []
        for strategy, rung in curves.arms:
            if strategy != CONTROL:
                gain = curves.against_control(strategy, rung)
                interval = "one seed" if math.isnan(gain.low) else f"95% interval {gain.low:+.3f} to {gain.high:+.3f}"
                lines.append(
                    f"{curves.arm_name(strategy, rung)} against random: {gain.mean:+.3f} area under the accuracy "
                    f"curve ({interval})."
                )
        found.append(SimulationPicture(kept.records, len(curves.seeds), points, lines, curves.rungs))
    return found
