"""Memory stays flat over 100 rounds of refitting: the slope of the process's memory, round by round.

Each rung refits in a process of its own, on other labels each round, and scores a pool of 1,000. Rounds until the
libraries have taken what they keep (the first tenth) are left out. The slope is that of a straight line through the
rest; its interval takes the rounds as independent, so the growth between the first and the last quarter is told too.
"""

import gc
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from claim import Figure, Proof, arguments, at_most, reported

# Rounds of each rung; a fine-tune takes some seconds a round.
ROUNDS = {"probe": 100, "propagation": 100, "self-training": 100, "auto": 100, "lora": 30, "fine-tune": 30}
QUICK_ROUNDS = {"probe": 20}
LABELS, FEW_LABELS, POOL = 150, 24, 1000
DEAR = ("lora", "fine-tune")
WARM = 0.1
# MB a round: ten thousand rounds would take 2 GB.
MUST, QUICK_MUST = 0.2, 2.0
MEGABYTE = 2**20


@dataclass(frozen=True)
class Slope:
    """MB a round with its 95 % interval, and MB from the first to the last quarter of the rounds."""

    mean: float
    low: float
    high: float
    grown: float


def slope(memory: list[float]) -> Slope:
    """Of the memory in MB after each round, without the first tenth."""
    from scipy.stats import t

    kept = np.array(memory[round(WARM * len(memory)) :])
    rounds = np.arange(len(kept)) - (len(kept) - 1) / 2
    mean = float((rounds * kept).sum() / (rounds**2).sum())
    left = kept - kept.mean() - mean * rounds
    reach = float(t.ppf(0.975, len(kept) - 2) * np.sqrt((left**2).sum() / (len(kept) - 2) / (rounds**2).sum()))
    quarter = max(1, len(kept) // 4)
    grown = float(kept[-quarter:].mean() - kept[:quarter].mean())
    return Slope(mean, mean - reach, mean + reach, grown)


def refit(rung: str, rounds: int) -> None:
    """In a process of its own: refit, and print the memory in MB after each round, a JSON line each."""
    from corpora import Texts
    from training.examples import Examples
    from training.ladder import classifier

    texts = Texts("trec6", rows=2 * POOL, test_rows=1)
    ladder = classifier(rung, texts.classes, texts.encoder)
    for number in range(rounds):
        order = np.random.default_rng(number).permutation(len(texts.train))
        part = texts.train.take(order[: FEW_LABELS if rung in DEAR else LABELS])
        pool = texts.train.take(order[-POOL:]).inputs()
        model = ladder.fit(Examples(part.ids, list(part.texts), part.labels), seed=number, unlabelled=pool)
        model.predict(pool)
        del model
        gc.collect()
        print(json.dumps(resident()), flush=True)


def resident() -> float:
    """The process's memory in MB, now and not at its peak."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def measure(rung: str, rounds: int) -> list[float]:
    """The memory after each round of a process that refits this rung."""
    memory: list[float] = []
    command = [sys.executable, __file__, "--rung", rung, "--rounds", str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            memory.append(json.loads(line))
            print(f"\r{rung}: {len(memory)} of {rounds} rounds, {memory[-1]:.0f} MB", end="", flush=True)
    print()
    if process.returncode:
        raise SystemExit(f"refitting {rung} ended with exit code {process.returncode} after {len(memory)} rounds.")
    return memory


def figures(rung: str, memory: list[float], must: float) -> list[Figure]:
    """What the rounds of a rung say."""
    found = slope(memory)
    what = f"{rung}, {len(memory)} rounds: slope"
    reach = f"95 % interval {found.low:.3f} to {found.high:.3f}"
    every_tenth = memory[:: max(1, len(memory) // 10)]
    return [
        at_most(f"{what}, {reach}", found.mean, must, unit="MB a round"),
        reported(f"{rung}: from the first to the last quarter", found.grown, unit="MB"),
        reported(f"{rung}: at the end; runs: every tenth of the rounds", memory[-1], unit="MB", runs=every_tenth),
    ]


def main() -> int:
    """Measure each rung and publish."""
    if "--rung" in sys.argv:
        refit(sys.argv[2], int(sys.argv[4]))
        return 0
    options = arguments(__doc__)
    proof = Proof("refit_memory", "memory of a process that refits, round by round", quick=options.quick)
    for rung, rounds in (QUICK_ROUNDS if options.quick else ROUNDS).items():
        proof.add(*figures(rung, measure(rung, rounds), QUICK_MUST if options.quick else MUST))
    return proof.publish()


if __name__ == "__main__":
    raise SystemExit(main())
