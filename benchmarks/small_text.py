"""Against small-text: how many labels auto needs for the accuracy that small-text has at its last round.

small-text 1.4.1 plays its margin strategy (breaking ties), from its own random start, with the same rounds, pool and
seeds, in an environment of its own: on TREC-6 it fine-tunes the same encoder, on Banking77 it fits each of two
scikit-learn classifiers on the same embeddings, of which the better one at the last round counts.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np

from active_learning.learning_curves import Curves, mean_interval
from active_learning.simulate import Schedule
from claim import Figure, Proof, at_most, reported
from corpora import SCHEDULES, TITLES, Texts, play
from long_run import Clock, OutOfTime, arguments, go_on_later, kept_in
from small_text_environment import REQUIREMENTS, WORKER, small_text_python, worker, write_job

MODEL = "auto"
SEEDS = 3
KINDS = {"trec6": ("fine-tune",), "banking77": ("linear-svc", "logistic-regression")}
SHARE = 0.6
# Where auto never gets there it is said to need this many times the labels, since JSON knows no infinity.
NEVER = 10.0
QUICK_ROWS, QUICK_TEST, QUICK_ROUNDS = 1500, 1000, Schedule((100, 150, 200))


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds, or that there is more to measure."""
    options = arguments(__doc__, seeds=SEEDS)
    proof = Proof("small_text", "labels that auto needs for the last accuracy of small-text 1.4.1", quick=options.quick)
    small_text_python()
    clock = Clock(options.minutes)
    kept = kept_in(options.state, "curves")
    theirs_kept = kept_in(options.state, "small-text", WORKER, REQUIREMENTS, rooms=())
    try:
        for name in ("banking77",) if options.quick else SCHEDULES:
            schedule = QUICK_ROUNDS if options.quick else SCHEDULES[name]
            texts = Texts(name, QUICK_ROWS, QUICK_TEST) if options.quick else Texts(name)
            seeds = 1 if options.quick else options.seeds
            jobs = None if options.quick else os.cpu_count()
            theirs = {kind: rival(texts, kind, schedule, seeds, theirs_kept, clock) for kind in KINDS[name]}
            ours = play(texts, MODEL, schedule, seeds=seeds, logs=kept, clock=clock, jobs=jobs)
            proof.add(*figures(TITLES[name], ours, theirs, may_fail=not options.quick))
    except OutOfTime:
        return go_on_later()
    return proof.publish()


def rival(texts: Texts, kind: str, schedule: Schedule, seeds: int, kept: Path, clock: Clock) -> list[list[float]]:
    """(seeds, rounds) the accuracy of small-text; rounds that were played before are not played again.

    Raises:
        OutOfTime: The clock's time is over; the rounds until then are kept.
    """
    job = write_job(kept, texts, kind)
    curves = []
    for seed in range(seeds):
        log = kept / f"{job.stem}-{len(texts.train)}-{'-'.join(map(str, schedule.sizes))}-{seed}.jsonl"
        process = worker(
            "play", str(job), str(log), "--seed", str(seed), "--schedule", ",".join(map(str, schedule.sizes))
        )
        try:
            code = process.wait(clock.seconds_left)
        except subprocess.TimeoutExpired:
            raise OutOfTime from None
        finally:
            process.kill()
            process.wait()
        if code:
            raise SystemExit(f"small-text's worker ended with exit code {code}; its job is {job}, its log {log}")
        points = [json.loads(line) for line in log.read_text().splitlines()]
        curves.append([point["accuracy"] for point in points])
    return curves


def figures(title: str, ours: Curves, theirs: dict[str, list[list[float]]], *, may_fail: bool) -> list[Figure]:
    """The share of the labels, on the mean curves and seed by seed; then both curves."""
    kind = max(theirs, key=lambda each: float(np.mean([curve[-1] for curve in theirs[each]])))
    sizes, values = ours.values("auto")
    rival_values = np.array(theirs[kind])
    share = share_needed(sizes, values.mean(axis=0), float(rival_values[:, -1].mean()))
    runs = [share_needed(sizes, mine, curve[-1]) for mine, curve in zip(values, rival_values, strict=True)]
    what = f"{title}: labels of auto over those of small-text ({kind}) for its last accuracy"
    found = [at_most(what, share, SHARE, unit="ratio", runs=runs)]
    if not may_fail:
        found = [reported(what, share, unit="ratio", runs=runs)]
    if len(runs) > 1:
        _, low, high = mean_interval(np.array(runs))
        found.append(reported(f"{what}, seed by seed, low end of the 95 % interval", low, unit="ratio"))
        found.append(reported(f"{what}, seed by seed, high end", high, unit="ratio"))
    for each, curves in theirs.items():
        for size, at in zip(sizes, np.array(curves).T, strict=True):
            found.append(reported(f"{title}: small-text ({each}), {size} labels", at.mean(), unit="accuracy", runs=at))
    for size, at in zip(sizes, values.T, strict=True):
        found.append(reported(f"{title}: auto, {size} labels", at.mean(), unit="accuracy", runs=at))
    return found


def share_needed(sizes: list[int], accuracies: np.ndarray, wanted: float) -> float:
    """The labels at the end of the first round that is as good, over those of the last round; `NEVER` without one.

    Whole rounds are counted: what lies between two rounds was not measured.
    """
    reached = [size for size, accuracy in zip(sizes, accuracies, strict=True) if accuracy >= wanted]
    return reached[0] / sizes[-1] if reached else NEVER


if __name__ == "__main__":
    raise SystemExit(main())
