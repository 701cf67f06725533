"""Choosing what to label beats drawing at random on Banking77: simulated rounds with the probe, 3 seeds.

Compared are the areas under the test-accuracy curves of each strategy and of its own control arm: same rounds, same
seeds, same probe, in one run. Two pools: 3,000 shuffled training questions in rounds of 100 up to 700 labels, and the
whole training split up to 1,100.
"""

import csv
import random
import warnings
from pathlib import Path

import numpy as np

from active_learning.learning_curves import CONTROL, Curves
from active_learning.simulate import DEFAULT_ENCODER, Corpus, Schedule, simulate
from claim import Proof, arguments, at_least, reported, shared
from training.encoder import Encoder
from training.examples import Inputs
from training.probe import Probe

GAIN = 0.03
ROUNDS_OF_100 = Schedule.even(start=100, size=100, rounds=7)
UP_TO_1100 = Schedule((100, 200, 300, 500, 700, 1100))


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds."""
    options = arguments(__doc__)
    warnings.filterwarnings("ignore", message="The number of unique classes")  # 77 classes among 100 labels are meant
    proof = Proof(
        "simulate_banking77", "strategies against random choice, probe on all-MiniLM-L6-v2", quick=options.quick
    )
    encoder = Encoder(DEFAULT_ENCODER)
    if options.quick:
        # One seed and three rounds gain four times the bound, with noise of about half of it.
        train, test = read("train.csv", encoder, limit=1500), read("test.csv", encoder, limit=1000)
        curves = play(train, test, encoder, ["auto"], Schedule.even(start=100, size=100, rounds=3), seeds=1)
        report(proof, "1,500 questions", curves)
        return proof.publish()
    train, test = read("train.csv", encoder), read("test.csv", encoder)
    small = train.take(np.arange(3000))
    report(proof, "3,000 questions", play(small, test, encoder, ["auto", "cluster-margin"], ROUNDS_OF_100))
    report(proof, "all of train", play(train, test, encoder, ["auto"], UP_TO_1100))
    return proof.publish()


def read(name: str, encoder: Encoder, limit: int | None = None) -> Corpus:
    """A split, shuffled as the proving site shuffles it, since the file is sorted by class; embedded once."""
    path: Path = shared("data", "banking77", name)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]
    classes = tuple(sorted({category for _, category in rows}))
    random.Random(77).shuffle(rows)
    rows = rows[:limit]
    ids = np.array([f"{path.stem}-{number:05d}" for number in range(len(rows))])
    texts = [text for text, _ in rows]
    labels = np.array([classes.index(category) for _, category in rows])
    return Corpus(ids, texts, labels, classes, embeddings=encoder.embed(Inputs(ids=ids, texts=texts)).vectors)


def play(
    train: Corpus, test: Corpus, encoder: Encoder, strategies: list[str], schedule: Schedule, seeds: int = 3
) -> Curves:
    """Simulate, with a line a round for whoever watches."""
    return simulate(
        train,
        strategies,
        schedule,
        seeds=range(seeds),
        classifier=Probe(train.classes, encoder),
        test=test,
        progress=lambda done, total: print(
            f"\r{done} of {total} rounds", end="\n" if done == total else "", flush=True
        ),
    )


def report(proof: Proof, pool: str, curves: Curves) -> None:
    """The areas, the gain over the control arm, and the curve of each arm; `auto` must reach `GAIN`."""
    for name in curves.strategies:
        areas = curves.areas(name)
        proof.add(reported(f"{pool}: {name}, area under the curve", float(np.mean(areas)), unit="accuracy", runs=areas))
        if name != CONTROL:
            over = curves.against_control(name)
            what = f"{pool}: {name} over its control arm, area"
            if name == "auto":
                proof.add(at_least(what, over.mean, GAIN, unit="accuracy", runs=over.per_seed))
                if len(curves.seeds) > 1:
                    proof.add(reported(f"{what}, lower end of the 95 % interval", over.low, unit="accuracy"))
            else:
                proof.add(reported(what, over.mean, unit="accuracy", runs=over.per_seed))
    for name in curves.strategies:
        for at, (n_labels, accuracy, _) in enumerate(curves.mean_curve(name)):
            runs = [curves.curve(name, seed)[at].accuracy for seed in curves.seeds]
            proof.add(reported(f"{pool}: {name}, {n_labels} labels", accuracy, unit="accuracy", runs=runs))


if __name__ == "__main__":
    raise SystemExit(main())
