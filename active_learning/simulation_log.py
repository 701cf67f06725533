"""The log of a simulation: one JSON line a round, so that a killed one goes on where it stopped.

The first line names the simulation by a hash of all that decides its results; another's log is refused. A last line
that was cut off in the middle of a write is dropped.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from active_learning.learning_curves import Point
from active_learning.simulated_arm import Arm, Played
from store.errors import RequestError


class OtherSimulation(RequestError):
    """The log belongs to other data, another schedule or another model, or is no such log."""


@dataclass(frozen=True)
class Simulated:
    """What a log says at its head.

    Attributes:
        fingerprint: A hash of all that decides its results but strategy and seed.
        data: A hash of the labels and the schedule alone: logs that share it can be compared.
        rung: The rung of the ladder that was fitted.
        sizes: How many labels there are after each round.
        records: How many labelled records were played with.
    """

    fingerprint: str
    data: str
    rung: str
    sizes: tuple[int, ...]
    records: int

    def to_json(self) -> str:
        """The first line."""
        said = asdict(self)
        return json.dumps({"simulation": said.pop("fingerprint"), **said})


class SimulationLog:
    """What was played so far with one rung, by strategy, seed and number of labels; on disk where there is a path.

    Raises:
        OtherSimulation: The file was written by a simulation with another fingerprint, or is no such log.
    """

    def __init__(self, path: Path | None, simulated: Simulated) -> None:
        self._path = path
        self._played: dict[tuple[str, int, int], Played] = {}
        if path is not None:
            self._read(path, simulated)

    def of(self, arm: Arm) -> dict[int, Played]:
        """The rounds of an arm that were played before, by number of labels."""
        return {
            n: played for (name, seed, n), played in self._played.items() if (name, seed) == (arm.strategy, arm.seed)
        }

    def add(self, played: Played) -> None:
        """Keep a round; it is on the disk when this returns."""
        self._keep([played])
        if self._path is not None:
            line = {**asdict(played.point), "chosen": played.chosen, "at_random": played.at_random}
            _append(self._path, json.dumps(line))

    def _keep(self, rounds: Iterable[Played]) -> None:
        for played in rounds:
            point = played.point
            self._played[point.strategy, point.seed, point.n_labels] = played

    def _read(self, path: Path, simulated: Simulated) -> None:
        written = path.read_bytes() if path.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]
        header = simulated.to_json()
        if not whole and header.encode().startswith(written):
            _cut(path, whole, written)
            _append(path, header)
            return
        known, rounds = _parsed(path, whole or written)
        if known != simulated:
            raise OtherSimulation(
                f"{path} is the log of a simulation with other data, schedule or model; move it away."
            )
        _cut(path, whole, written)
        self._keep(rounds)


def read_log(path: Path) -> tuple[Simulated, list[Played]]:
    """What a log says at its head, and the rounds that are whole in it; the file is left as it is.

    Raises:
        OtherSimulation: It is no such log.
    """
    written = path.read_bytes()
    return _parsed(path, written[: written.rfind(b"\n") + 1])


def _parsed(path: Path, lines: bytes) -> tuple[Simulated, list[Played]]:
    try:
        first, *rest = [json.loads(line) for line in lines.splitlines()]
        fingerprint, sizes = first.pop("simulation"), tuple(first.pop("sizes", ()))
        if set(first) != {"data", "rung", "records"}:
            return Simulated(fingerprint, "", "", (), 0), []
        return Simulated(fingerprint, sizes=sizes, **first), [_played(line) for line in rest]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OtherSimulation(f"{path} is not the log of a simulation; move it away.") from error


def _played(line: dict[str, Any]) -> Played:
    chosen, at_random = tuple(line.pop("chosen")), bool(line.pop("at_random"))
    return Played(Point(**line), chosen, at_random)


def _cut(path: Path, whole: bytes, written: bytes) -> None:
    """Drop the line that a kill cut off; only after the file has proved to be ours."""
    if len(whole) < len(written):
        os.truncate(path, len(whole))


def _append(path: Path, line: str) -> None:
    with path.open("ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
