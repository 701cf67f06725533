"""`tilth --help` answers in under half a second: as a whole process, the median of many, beside a bare Python."""

import statistics
import subprocess
import sys
import time

from claim import Proof, arguments, at_most, reported


def seconds(command: list[str]) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds."""
    options = arguments(__doc__)
    proof = Proof("help_time", "`tilth --help` and `python -c pass`, in turn", quick=options.quick)
    ours, bare = [], []
    for _ in range(5 if options.quick else 20):
        ours.append(seconds([sys.executable, "-m", "tilth", "--help"]))
        bare.append(seconds([sys.executable, "-c", "pass"]))
    proof.add(at_most("tilth --help, median", statistics.median(ours), 0.5, unit="s", runs=ours))
    proof.add(reported("python -c pass, median", statistics.median(bare), unit="s", runs=bare))
    return proof.publish()


if __name__ == "__main__":
    raise SystemExit(main())
