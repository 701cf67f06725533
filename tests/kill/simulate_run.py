"""One simulation in a process of its own, over two workers, to be killed at a chosen number of rounds."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from active_learning.learning_curves import Curves
from active_learning.simulate import Corpus, Schedule, simulate
from training.examples import Examples, Inputs, Predictions

CLASSES = ("a", "b", "c")
SCHEDULE = Schedule((6, 10, 14, 18))
STRATEGIES = ("margin", "typiclust")
ROUNDS = 3 * 2 * 2 * len(SCHEDULE.sizes)  # arms, seeds, rungs


@dataclass(frozen=True)
class NearestMean:
    """The nearest class mean in the plane that a text writes out, drawn to the pool's own mean by `pull`."""

    pull: float

    def fit(self, examples: Examples, *, seed: int, unlabelled: Inputs | None = None) -> "FittedMeans":
        places, centre = plane(examples.texts), plane((unlabelled or examples.inputs()).texts).mean(axis=0)
        means = [
            places[examples.labels == label].mean(axis=0) if (examples.labels == label).any() else np.full(2, 1e3)
            for label in range(len(CLASSES))
        ]
        return FittedMeans((1 - self.pull) * np.array(means) + self.pull * centre)


@dataclass(frozen=True)
class FittedMeans:
    """Three places in the plane."""

    means: np.ndarray

    def predict(self, inputs: Inputs) -> Predictions:
        distances = np.linalg.norm(plane(inputs.texts)[:, None] - self.means[None], axis=2)
        closeness = np.exp(-np.minimum(distances, 50))
        return Predictions(inputs.ids, closeness / closeness.sum(axis=1, keepdims=True))


def plane(texts: Sequence[str]) -> np.ndarray:
    return np.array([[float(number) for number in text.split()] for text in texts])


def corpus() -> Corpus:
    """Three overlapping classes in the plane."""
    rng = np.random.default_rng(5)
    labels = rng.integers(3, size=90)
    places = np.array([[0, 0], [2, 0], [0, 2]])[labels] + rng.normal(scale=0.8, size=(90, 2))
    ids = np.array([f"r{number:03d}" for number in range(90)])
    return Corpus(ids, [f"{x} {y}" for x, y in places], labels, CLASSES, embeddings=places.astype(np.float32))


def play(logs: Path | None, kill: str = "", after: int = 0, jobs: int | None = 2) -> Curves:
    """Simulate; once so many rounds were played, `kill` the parent, or one worker, with SIGKILL."""

    def progress(done: int, _total: int) -> None:
        if done == after and kill == "parent":
            os.kill(os.getpid(), signal.SIGKILL)
        if done == after and kill == "worker":
            import psutil

            workers = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
            workers[0].kill()

    rungs = {"near": partial(NearestMean, 0.0), "pulled": partial(NearestMean, 0.3)}
    return simulate(corpus(), STRATEGIES, SCHEDULE, seeds=(0, 1), rungs=rungs, jobs=jobs, logs=logs, progress=progress)
