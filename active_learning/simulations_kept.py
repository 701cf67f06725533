"""The simulations that a project keeps in `simulations/`, read again for whoever shows them."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from active_learning.learning_curves import CONTROL, Curves, Point
from active_learning.simulation_log import OtherSimulation, Simulated, read_log


@dataclass(frozen=True)
class KeptSimulation:
    """What was played on the same labels with the same schedule.

    Attributes:
        data: Names labels and schedule, 16 hex digits.
        records: How many labelled records were played with.
        curves: Of the arms that were played to their end with every one of the same seeds.
    """

    data: str
    records: int
    curves: Curves


def kept_simulations(folder: Path) -> list[KeptSimulation]:
    """Every simulation in `folder` whose control arm is whole, the newest first; a file that is none is passed over.

    Of several with one rung, which other code played, the newest counts.
    Strategies are left out of a simulation that were not played to the end with each rung and seed of the control arm.
    """
    by_data: dict[str, list[tuple[Simulated, list[Point]]]] = {}
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            about, rounds = read_log(path)
        except (OSError, OtherSimulation):
            continue
        points, logs = [played.point for played in rounds], by_data.setdefault(about.data, [])
        if about.rung not in {newer.rung for newer, _ in logs} and _has_control(about, points):
            logs.append((about, points))
    kept = [_together(logs) for logs in by_data.values() if logs]
    return [one for one in kept if one is not None]


def _has_control(about: Simulated, points: list[Point]) -> bool:
    """Whether the control arm is whole under some seed."""
    sizes = Counter(point.seed for point in points if point.strategy == CONTROL)
    return any(played == len(about.sizes) for played in sizes.values())


def _together(logs: list[tuple[Simulated, list[Point]]]) -> KeptSimulation | None:
    about = logs[0][0]
    points = {(p.rung, p.strategy, p.seed, p.n_labels): p for _, some in logs for p in some}

    def whole(rung: str, strategy: str, seed: int) -> bool:
        return all((rung, strategy, seed, size) in points for size in about.sizes)

    of_rung = {
        one.rung: sorted({seed for _, _, seed, _ in points if whole(one.rung, CONTROL, seed)}) for one, _ in logs
    }
    rungs = tuple(sorted(rung for rung, seeds in of_rung.items() if seeds))
    if not rungs or not about.sizes:
        return None
    seeds = tuple(sorted(set.intersection(*(set(of_rung[rung]) for rung in rungs))))
    names = [CONTROL, *sorted({key[1] for key in points} - {CONTROL})]
    strategies = tuple(name for name in names if all(whole(rung, name, seed) for rung in rungs for seed in seeds))
    if not seeds:
        return None
    shown = tuple(
        points[rung, name, seed, size]
        for rung in rungs
        for name in strategies
        for seed in seeds
        for size in about.sizes
    )
    return KeptSimulation(about.data, about.records, Curves(strategies, seeds, shown, rungs))
