"""A claim and its proof: what a benchmark measured, what it must reach, and whether it does.

A script `benchmarks/<claim>.py` measures, makes a `Figure` of each number and publishes them:

    options = arguments(__doc__)
    proof = Proof("store_ingest", compares="ingest against a bare Arrow insert, interleaved", quick=options.quick)
    proof.add(at_least("rate against bare insert", 0.71, 0.5, unit="ratio", runs=[0.70, 0.71, 0.72]))
    raise SystemExit(proof.publish())

`publish` prints a table and writes `benchmarks/results/<claim>.json`; the quick form writes to
`benchmarks/results/quick/`, so that it never stands in for the full one.
"""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        what: What was measured, as a reader would say it.
        value: The number that counts: a mean, a median or the worst, as `what` says.
        unit: "s", "rows/s", "accuracy", "ratio", ...
        must: What it has to reach, in words ("at least 0.03"); None when it is only reported.
        holds: Whether it reaches it; None when it is only reported.
        runs: The single runs or seeds that `value` sums up.
    """

    what: str
    value: float
    unit: str
    must: str | None = None
    holds: bool | None = None
    runs: tuple[float, ...] = ()


def at_least(what: str, value: float, bound: float, *, unit: str, runs: Sequence[float] = ()) -> Figure:
    """A figure that must not be under `bound`."""
    return Figure(what, float(value), unit, f"at least {bound:g}", bool(value >= bound), tuple(map(float, runs)))


def at_most(what: str, value: float, bound: float, *, unit: str, runs: Sequence[float] = ()) -> Figure:
    """A figure that must not be over `bound`."""
    return Figure(what, float(value), unit, f"at most {bound:g}", bool(value <= bound), tuple(map(float, runs)))


def reported(what: str, value: float, *, unit: str, runs: Sequence[float] = ()) -> Figure:
    """A figure that nothing is asked of: a baseline, a context."""
    return Figure(what, float(value), unit, runs=tuple(map(float, runs)))


@dataclass
class Proof:
    """The figures of one claim. `compares` says in a sentence what is compared with what.

    Make it before anything is measured: it notes the commit, which may have moved on by the end of a long run.
    """

    claim: str
    compares: str
    quick: bool = False
    figures: list[Figure] = field(default_factory=list)
    measured_commit: str = field(init=False)

    def __post_init__(self) -> None:
        self.measured_commit = commit()

    def add(self, *figures: Figure) -> None:
        """Take in figures, in the order in which they are to be read."""
        self.figures.extend(figures)

    def publish(self, results: Path = RESULTS) -> int:
        """Print the table, write the JSON, and give the exit code: 0 when every figure that must hold holds, else 1."""
        self._print()
        folder = results / "quick" if self.quick else results
        folder.mkdir(parents=True, exist_ok=True)
        proof = {
            "claim": self.claim,
            "commit": self.measured_commit,
            "machine": machine(),
            "compares": self.compares,
            "figures": [asdict(figure) for figure in self.figures],
        }
        (folder / f"{self.claim}.json").write_text(json.dumps(proof, indent=2) + "\n")
        return int(any(figure.holds is False for figure in self.figures))

    def _print(self) -> None:
        try:
            from rich.console import Console
            from rich.table import Table
        except ImportError:  # a bare machine, on which only `training` runs
            self._print_plain()
            return
        table = Table(title=f"{self.claim}{' (quick)' if self.quick else ''}: {self.compares}", caption=machine())
        for heading in ("what", "value", "unit", "must", "holds", "runs"):
            table.add_column(heading, justify="right" if heading == "value" else "left")
        for figure in self.figures:
            holds = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: ""}[figure.holds]
            runs = " ".join(f"{run:.4g}" for run in figure.runs)
            table.add_row(figure.what, f"{figure.value:.4g}", figure.unit, figure.must or "", holds, runs)
        Console().print(table)

    def _print_plain(self) -> None:
        print(f"{self.claim}{' (quick)' if self.quick else ''}: {self.compares}; {machine()}")
        for figure in self.figures:
            holds = {True: ": yes", False: ": NO", None: ""}[figure.holds]
            must = f" ({figure.must}{holds})" if figure.must else ""
            print(f"{figure.what}: {figure.value:.4g} {figure.unit}{must}")


def arguments(about: str | None) -> argparse.Namespace:
    """Parse the command line that every claim shares: `--quick`."""
    parser = argparse.ArgumentParser(description=(about or "").strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute; fails only on what noise cannot explain")
    return parser.parse_args()


def shared(*parts: str) -> Path:
    """A file of the real data that lies beside the repository, in `../shared`.

    Raises:
        SystemExit: It is not there.
    """
    path = REPOSITORY.parent.joinpath("shared", *parts)
    if not path.exists():
        raise SystemExit(f"{Path('..', 'shared', *parts)} is not there: this claim is proved on it.")
    return path


def commit() -> str:
    """The commit that was measured, with `-dirty` when tracked files other than the results differ from it."""
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("-dirty" if changed else "")


def machine() -> str:
    """Cores, memory, processor, system, Python and accelerator; never a host's name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [
        f"{cores} cores",
        f"{memory:.0f} GiB",
        _processor(),
        platform.system(),
        f"Python {platform.python_version()}",
    ]
    return ", ".join([*parts, _accelerator()])


def _processor() -> str:
    cpu_list = Path("/proc/cpuinfo")
    lines = cpu_list.read_text().splitlines() if cpu_list.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _accelerator() -> str:
    """The first NVIDIA GPU as its driver names it, without importing torch."""
    drivers = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    names = [
        line.split(":", 1)[1].strip()
        for path in drivers[:1]
        for line in path.read_text().splitlines()
        if line.startswith("Model")
    ]
    return names[0] if names else "no GPU"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
