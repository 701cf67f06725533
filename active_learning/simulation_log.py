"""The log of a simulation: one JSON line a point, so that a killed one goes on where it stopped.

The first line names the simulation by a hash of all that decides its results; another's log is refused. A last line
that was cut off in the middle of a write is dropped.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from active_learning.learning_curves import Point
from store.errors import RequestError


class OtherSimulation(RequestError):
    """The log belongs to other data, another schedule or another model."""


@dataclass(frozen=True)
class Played:
    """A round that was played: its point, the ids that it added, and whether they were drawn at random."""

    point: Point
    chosen: tuple[str, ...]
    at_random: bool


class SimulationLog:
    """What was played so far, by strategy, seed and number of labels; on disk where there is a path.

    Raises:
        OtherSimulation: The file was written by a simulation with another fingerprint, or is no such log.
    """

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self._path = path
        self._played: dict[tuple[str, int, int], Played] = {}
        if path is not None:
            self._read(path, fingerprint)

    def find(self, strategy: str, seed: int, n_labels: int) -> Played | None:
        """The round, when it was played before."""
        return self._played.get((strategy, seed, n_labels))

    def add(self, played: Played) -> None:
        """Keep a round; it is on the disk when this returns."""
        self._keep(played)
        if self._path is not None:
            line = {**asdict(played.point), "chosen": played.chosen, "at_random": played.at_random}
            _append(self._path, json.dumps(line))

    def _keep(self, played: Played) -> None:
        point = played.point
        self._played[point.strategy, point.seed, point.n_labels] = played

    def _read(self, path: Path, fingerprint: str) -> None:
        written = path.read_bytes() if path.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]
        header = json.dumps({"simulation": fingerprint})
        if not whole and header.encode().startswith(written):
            _cut(path, whole, written)
            _append(path, header)
            return
        try:
            first, *rest = [json.loads(line) for line in (whole or written).splitlines()]
            known = first["simulation"]
            rounds = [_played(line) for line in rest]
        except (ValueError, KeyError, TypeError) as error:
            raise OtherSimulation(f"{path} is not the log of a simulation; move it away.") from error
        if known != fingerprint:
            raise OtherSimulation(
                f"{path} is the log of a simulation with other data, schedule or model; move it away."
            )
        _cut(path, whole, written)
        for played in rounds:
            self._keep(played)


def _played(line: dict) -> Played:
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
