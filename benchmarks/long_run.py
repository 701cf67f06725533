"""What a claim needs that takes longer than a person waits: it stops after some minutes and goes on when run again.

What was measured lies under `benchmarks/state/`, which git ignores, in a folder that is named by the code that was
measured: after a change to that code a run begins anew and never mixes two versions. A run that is killed goes on as
one that stopped.
"""

import argparse
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from claim import REPOSITORY

STATE = Path(__file__).resolve().parent / "state"
MEASURED = ("active_learning", "training")
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h


class OutOfTime(Exception):
    """The minutes are over. What was measured is kept."""


class Clock:
    """Calls for an end when the minutes are over; called between two steps, with whatever a step tells of itself."""

    def __init__(self, minutes: float) -> None:
        self._ends = time.monotonic() + 60 * minutes

    def __call__(self, *_: object) -> None:
        """Return while there is time.

        Raises:
            OutOfTime: There is none left.
        """
        if not self.seconds_left:
            raise OutOfTime

    @property
    def seconds_left(self) -> float:
        """0 when the minutes are over."""
        return max(0.0, self._ends - time.monotonic())


def arguments(about: str | None, *, seeds: int) -> argparse.Namespace:
    """Parse `--quick`, `--minutes`, `--seeds` and `--state`; `seeds` is how many there are without being asked."""
    parser = argparse.ArgumentParser(description=(about or "").strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute; fails only on what noise cannot explain")
    parser.add_argument("--minutes", type=float, default=45, help="stop after about so many; run again to go on")
    parser.add_argument("--seeds", type=int, default=seeds, help=f"how many seeds are played; {seeds} by default")
    parser.add_argument("--state", type=Path, default=STATE, help="where the measured is kept; benchmarks/state")
    return parser.parse_args()


def kept_in(state: Path, what: str, *files: Path, rooms: Sequence[str] = MEASURED) -> Path:
    """The folder of `what`, made where it is not there, named by the code in `rooms` and by `files` that matter too."""
    digest = hashlib.sha256()
    for path in [*(path for room in rooms for path in sorted((REPOSITORY / room).rglob("*.py"))), *files]:
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    folder = state / f"{what}-{digest.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def go_on_later() -> int:
    """Say how to go on, and give the exit code of a run that is not over."""
    print("The time is over and what was measured is kept: run the same command again to go on.")
    return TRY_AGAIN
