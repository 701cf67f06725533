"""One arm of a simulation: a strategy and a model under one seed, round after round."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from active_learning.learning_curves import CONTROL, Point
from active_learning.pool import Ids, Pool
from active_learning.simulated_corpus import Corpus, Schedule
from active_learning.strategies import STRATEGIES, strategy_or_stand_in
from training.errors import TooFewLabels
from training.examples import Examples, Inputs, Predictions


class FittedModel(Protocol):
    """What a classifier gives: something that predicts."""

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities (N, K) of the corpus's classes."""
        ...


class Classifier(Protocol):
    """What is fitted in each round; the rungs of `training.ladder` are such."""

    def fit(self, examples: Examples, *, seed: int, unlabelled: Inputs | None = None) -> FittedModel:
        """A model of these examples, which may look at the texts of the pool; the same for the same seed."""
        ...


@dataclass(frozen=True)
class Arm:
    """What is played as one: a strategy with a rung of the ladder under a seed."""

    strategy: str
    rung: str
    seed: int


@dataclass(frozen=True)
class Played:
    """A round that was played: its point, the ids that it added, and whether they were drawn at random."""

    point: Point
    chosen: tuple[str, ...]
    at_random: bool


def play_arm(
    arm: Arm, corpus: Corpus, test: Corpus, classifier: Classifier, schedule: Schedule, known: Mapping[int, Played]
) -> Iterator[Played]:
    """Every round of `schedule`; those in `known`, by number of labels, are taken from there and not fitted again.

    Every model starts cold, so that an arm that was stopped goes on to equal results. A round whose labels are too few
    for a fit is measured as what always says their most frequent class; the next draw is then as without a model.

    Args:
        corpus: What is drawn from; its labels are seen only of what was drawn.
        test: What every model is measured on, and nothing else.
    """
    played_so_far = _Labelled(arm, corpus, classifier)
    model: FittedModel | None = None
    for number, size in enumerate(schedule.sizes):
        played = known.get(size)
        if played is None:
            if model is None and number:
                model = played_so_far.fit()
            chosen, at_random = played_so_far.choose(model, number, size)
            played_so_far.add(chosen, at_random)
            model = played_so_far.fit()
            point = _measure(arm, size, test, _said(model, test, played_so_far.most_frequent()))
            played = Played(point, tuple(chosen.tolist()), at_random)
        else:
            played_so_far.add(np.array(played.chosen), played.at_random)
            model = None
        yield played


class _Labelled:
    """What an arm has labelled so far."""

    def __init__(self, arm: Arm, corpus: Corpus, classifier: Classifier) -> None:
        self.arm, self.corpus, self.classifier = arm, corpus, classifier
        self.row_of = {one: row for row, one in enumerate(corpus.ids.tolist())}
        self.labelled = np.zeros(len(corpus), dtype=bool)
        self.at_random = np.zeros(len(corpus), dtype=bool)

    def choose(self, model: FittedModel | None, number: int, size: int) -> tuple[Ids, bool]:
        """The ids that bring the labels to `size`, and whether they were drawn at random."""
        pool = self._pool(model)
        taken, _ = strategy_or_stand_in(self.arm.strategy, pool)
        at_random = taken == CONTROL
        # A strategy that begins at random draws what the control arm draws: the arms then differ by the choosing alone.
        name = CONTROL if at_random else self.arm.strategy
        rng = np.random.default_rng([self.arm.seed, number + 1, zlib.crc32(name.encode())])
        return STRATEGIES[taken](pool, size - int(self.labelled.sum()), rng).ids, at_random

    def add(self, chosen: Ids, at_random: bool) -> None:
        """Their labels are known from now on."""
        rows = [self.row_of[one] for one in chosen.tolist()]
        self.labelled[rows] = True
        self.at_random[rows] = at_random

    def fit(self) -> FittedModel | None:
        """A model of what is labelled; None where that is too little for one."""
        rows = self._rows(self.labelled)
        part, rest = self.corpus.take(rows), self.corpus.take(self._rows(~self.labelled))
        examples = Examples(part.ids, list(part.texts), part.labels, random=self.at_random[rows])
        unlabelled = rest.inputs() if len(rest) else None
        try:
            return self.classifier.fit(examples, seed=self.arm.seed, unlabelled=unlabelled)
        except TooFewLabels:
            return None

    def most_frequent(self) -> int:
        """The class that most labels have; the first of several."""
        return int(np.bincount(self.corpus.labels[self.labelled]).argmax())

    def _rows(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        rows = np.flatnonzero(mask)
        return rows[np.argsort(self.corpus.ids[rows])]

    def _pool(self, model: FittedModel | None) -> Pool:
        whole = self.corpus
        free = ~self.labelled
        if whole.clusters is not None:
            free &= ~np.isin(whole.clusters, whole.clusters[self.labelled])
        rest, known = whole.take(np.flatnonzero(free)), whole.take(np.flatnonzero(self.labelled))
        said = None if model is None or not len(rest) else model.predict(rest.inputs()).of(rest.ids)
        of_labelled = None if model is None else model.predict(known.inputs()).of(known.ids)
        # The model's own vectors tell its classes apart; they are taken where it has some.
        own = said is not None and said.embeddings is not None and of_labelled is not None
        return Pool(
            ids=rest.ids,
            probabilities=None if said is None else said.probabilities,
            embeddings=said.embeddings if own and said is not None else rest.embeddings,
            labelled_embeddings=of_labelled.embeddings if own and of_labelled is not None else known.embeddings,
            clusters=rest.clusters,
            members=None if said is None else said.members,
            labelled_labels=known.labels,
            labelled_probabilities=None if of_labelled is None else of_labelled.probabilities,
        )


def _said(model: FittedModel | None, test: Corpus, otherwise: int) -> npt.NDArray[np.int64]:
    """(N,) the class that is said of each record of `test`."""
    if model is None:
        return np.full(len(test), otherwise)
    said: npt.NDArray[np.int64] = model.predict(test.inputs()).of(test.ids).probabilities.argmax(axis=1)
    return said


def _measure(arm: Arm, n_labels: int, test: Corpus, said: npt.NDArray[np.int64]) -> Point:
    from sklearn.metrics import f1_score

    truth = test.labels
    macro_f1 = f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0)
    accuracy = float((said == truth).mean())
    return Point(arm.strategy, arm.seed, n_labels, accuracy, float(macro_f1), arm.rung)
