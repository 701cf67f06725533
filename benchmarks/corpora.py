"""The two labelled corpora that answers are counted on, and the rounds that are played on each."""

import csv
import random
from functools import partial
from pathlib import Path

import numpy as np

from active_learning.cold_start import cold_start_vectors
from active_learning.learning_curves import Curves
from active_learning.simulate import DEFAULT_ENCODER, Corpus, Schedule, simulate
from claim import shared
from long_run import Clock
from training.encoder import Encoder
from training.ladder import classifier
from training.vector_cache import MemoryCache

SCHEDULES = {
    "trec6": Schedule((25, 50, 75, 100, 125, 175, 225, 275)),
    "banking77": Schedule((100, 200, 300, 500, 700, 1100)),
}
TITLES = {"trec6": "TREC-6", "banking77": "Banking77"}


class Texts:
    """A corpus with its test split, and one cache for the vectors of both.

    The file is sorted by class, so its rows are shuffled, always the same way. The test split is measured on and seen
    by no choice.

    Args:
        name: A folder of `../shared/data`.
        rows, test_rows: The first so many after the shuffling; None: all.
    """

    def __init__(self, name: str, rows: int | None = None, test_rows: int | None = None) -> None:
        self.name = name
        found = {split: _read(name, split) for split in ("train", "test")}
        self.classes = tuple(sorted({category for _, category in found["train"]}))
        self.cache = MemoryCache()
        self.encoder = Encoder(DEFAULT_ENCODER, self.cache)
        self.train = self._corpus("train", found["train"][:rows])
        self.test = self._corpus("test", found["test"][:test_rows])

    def _corpus(self, split: str, rows: list[tuple[str, str]]) -> Corpus:
        ids = np.array([f"{split}-{number:05d}" for number in range(len(rows))])
        labels = np.array([self.classes.index(category) for _, category in rows])
        bare = Corpus(ids, [text for text, _ in rows], labels, self.classes)
        self.encoder.embed_views(bare.inputs(), self.encoder.views())
        vectors = cold_start_vectors(self.encoder, bare.inputs())[0]
        return Corpus(ids, bare.texts, labels, self.classes, embeddings=vectors)


def play(
    texts: Texts, rung: str, schedule: Schedule, *, seeds: int, logs: Path | None, clock: Clock, jobs: int | None = None
) -> Curves:
    """The curves of `auto` and of its control arm, each with this rung of the ladder.

    Rounds that `logs` holds are taken from there.

    Raises:
        OutOfTime: The clock calls for an end.
    """

    def tell(done: int, total: int) -> None:
        print(f"\r{texts.name}, {rung}: {done} of {total} rounds", end="\n" if done == total else "", flush=True)
        clock()

    make = partial(classifier, rung, texts.classes, DEFAULT_ENCODER, cache=texts.cache)
    return simulate(
        texts.train,
        ["auto"],
        schedule,
        seeds=range(seeds),
        rungs={rung: make},
        test=texts.test,
        jobs=jobs,
        logs=logs,
        progress=tell,
    )


def _read(name: str, split: str) -> list[tuple[str, str]]:
    with shared("data", name, f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]
    random.Random(77).shuffle(rows)
    return rows
