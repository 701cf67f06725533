"""Play active learning on labels one has: what would choosing have saved over drawing at random?

Every strategy plays the same rounds, with the same seeds and the same holdout, as the control arm `random`, which is
always there. A strategy that needs a model starts from the control arm's own first draw. The same call gives the same
curves.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from active_learning.learning_curves import CONTROL, Curves, Point
from active_learning.pool import Floats, Ids, Pool
from active_learning.simulation_log import Played, SimulationLog
from active_learning.strategies import STRATEGIES, strategy, strategy_or_random
from store.errors import RequestError
from training.examples import Examples, Inputs, Predictions

Progress = Callable[[int, int], None]  # (rounds played, rounds to play)

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


class SimulationError(RequestError):
    """The labels cannot be played with as asked."""


class FittedModel(Protocol):
    """What a classifier gives: something that predicts."""

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities (N, K) of the corpus's classes."""
        ...


class Classifier(Protocol):
    """What is fitted in each round."""

    def fit(self, examples: Examples, *, seed: int) -> FittedModel:
        """A model of these examples; the same for the same seed."""
        ...


@dataclass(frozen=True, eq=False)
class Corpus:
    """Labelled texts to play with.

    Attributes:
        ids: (N,) distinct.
        texts: N texts.
        labels: (N,) int64, an index into `classes`.
        classes: The K classes.
        embeddings: (N, D); what the strategies see of the texts. Without them the default encoder makes them, once.
        clusters: (N,) clusters of near-equal records, of which one is drawn; None: no two are.

    Raises:
        SimulationError: Lengths differ, or a label is outside the classes.
    """

    ids: Ids
    texts: Sequence[str]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    embeddings: Floats | None = None
    clusters: Ids | None = None

    def __post_init__(self) -> None:
        for name in ("texts", "labels", "embeddings", "clusters"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise SimulationError(f"the corpus has {len(self.ids)} ids but {len(column)} {name}.")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise SimulationError(f"a label of the corpus is no index into its {len(self.classes)} classes.")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.intp]) -> "Corpus":
        """The corpus of these rows, in this order."""
        return Corpus(
            self.ids[rows],
            [self.texts[row] for row in rows],
            self.labels[rows],
            self.classes,
            None if self.embeddings is None else self.embeddings[rows],
            None if self.clusters is None else self.clusters[rows],
        )

    def inputs(self) -> Inputs:
        """The texts without their labels."""
        return Inputs(ids=self.ids, texts=list(self.texts))


@dataclass(frozen=True)
class Schedule:
    """How many labels there are after each round, rising.

    Raises:
        SimulationError: There is no round, or one adds nothing.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.sizes or any(after <= before for before, after in zip((0, *self.sizes), self.sizes, strict=False)):
            raise SimulationError(f"the rounds must end at rising numbers of labels, not {list(self.sizes)}.")

    @classmethod
    def even(cls, start: int, size: int, rounds: int) -> "Schedule":
        """`rounds` rounds: the first of `start` labels, each other of `size`."""
        return cls(tuple(start + size * number for number in range(rounds)))


def simulate(
    corpus: Corpus,
    strategies: Sequence[str],
    schedule: Schedule,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    classifier: Classifier | None = None,
    test: Corpus | None = None,
    held_out: float = 0.25,
    logs: Path | None = None,
    progress: Progress | None = None,
) -> Curves:
    """Play each of `strategies`, and the control arm, with each seed.

    Args:
        corpus: What is drawn from.
        strategies: Names of strategies; `random` is added where it is missing.
        schedule: How many labels there are after each round.
        seeds: Each decides the draws, the fits and, without `test`, the holdout.
        classifier: What is fitted; the probe on frozen embeddings when None.
        test: What every model is measured on. Without it, `held_out` of the corpus, drawn at random for each seed.
        held_out: The share of the corpus that is drawn to measure with.
        logs: A folder to keep each round in, a file for each simulation; the same call goes on where it ended.
        progress: Called after each round.

    Raises:
        SimulationError: The corpus holds fewer records than the schedule asks for.
        UnknownStrategy: There is no strategy of that name.
        OtherSimulation: The simulation's file in `logs` is none.
    """
    arms = tuple(dict.fromkeys((CONTROL, *strategies)))
    for name in arms:
        strategy(name)
    if not seeds:
        raise SimulationError("a simulation needs at least one seed.")
    if classifier is None or corpus.embeddings is None:
        classifier, corpus = _with_default_encoder(classifier, corpus)
    fingerprint = _fingerprint(corpus, test, schedule, held_out, classifier)
    kept = SimulationLog(None if logs is None else logs / f"{fingerprint[:16]}.jsonl", fingerprint)
    parts = {seed: (corpus, test) if test is not None else hold_out(corpus, held_out, seed) for seed in seeds}
    for drawn_from, _ in parts.values():
        _require_enough(drawn_from, schedule)
    points: list[Point] = []
    for name in arms:
        for seed in seeds:
            for point in _Arm(name, seed, *parts[seed], classifier).play(schedule, kept):
                points.append(point)
                if progress is not None:
                    progress(len(points), len(arms) * len(seeds) * len(schedule.sizes))
    return Curves(arms, tuple(seeds), tuple(points))


def hold_out(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """(what is drawn from, what is measured on): the latter is `share` of the clusters, the former has no equal of it.

    Raises:
        SimulationError: One of the two would be empty.
    """
    pool = _as_pool(corpus)
    held = STRATEGIES[CONTROL](pool, round(share * pool.clusters_left), np.random.default_rng([seed, 0])).ids
    measured = np.isin(pool.ids, held)
    names = pool.ids if pool.clusters is None else pool.clusters
    drawn_from = ~np.isin(names, names[measured])
    if not measured.any() or not drawn_from.any():
        raise SimulationError(
            f"holding out {share:g} of {len(corpus)} labelled records leaves nothing on one side; label more records."
        )
    return corpus.take(np.flatnonzero(drawn_from)), corpus.take(np.flatnonzero(measured))


class _Arm:
    """One strategy under one seed, with what it has labelled so far."""

    def __init__(self, name: str, seed: int, corpus: Corpus, test: Corpus, classifier: Classifier) -> None:
        self.name, self.seed, self.corpus, self.test, self.classifier = name, seed, corpus, test, classifier
        self.row_of = {one: row for row, one in enumerate(corpus.ids.tolist())}
        self.labelled = np.zeros(len(corpus), dtype=bool)
        self.at_random = np.zeros(len(corpus), dtype=bool)

    def play(self, schedule: Schedule, log: SimulationLog) -> Iterator[Point]:
        """Each round's point; rounds that the log holds are taken from it and not fitted again."""
        model: FittedModel | None = None
        for number, size in enumerate(schedule.sizes):
            played = log.find(self.name, self.seed, size)
            if played is None:
                if model is None and number:
                    model = self._fit()
                chosen, at_random = self._choose(model, number, size - int(self.labelled.sum()))
                self._label(chosen, at_random)
                model = self._fit()
                played = Played(self._measure(model, size), tuple(chosen.tolist()), at_random)
                log.add(played)
            else:
                self._label(np.array(played.chosen), played.at_random)
                model = None
            yield played.point

    def _choose(self, model: FittedModel | None, number: int, n: int) -> tuple[Ids, bool]:
        pool = self._pool(model)
        choose = strategy_or_random(self.name, pool)
        at_random = choose is STRATEGIES[CONTROL]
        # A strategy that begins at random draws what the control arm draws: the arms then differ by the choosing alone.
        arm = CONTROL if at_random else self.name
        rng = np.random.default_rng([self.seed, number + 1, zlib.crc32(arm.encode())])
        return choose(pool, n, rng).ids, at_random

    def _pool(self, model: FittedModel | None) -> Pool:
        whole = self.corpus
        free = ~self.labelled
        if whole.clusters is not None:
            free &= ~np.isin(whole.clusters, whole.clusters[self.labelled])
        rest = whole.take(np.flatnonzero(free))
        return Pool(
            ids=rest.ids,
            probabilities=None if model is None else model.predict(rest.inputs()).of(rest.ids).probabilities,
            embeddings=rest.embeddings,
            labelled_embeddings=None if whole.embeddings is None else whole.embeddings[self.labelled],
            clusters=rest.clusters,
        )

    def _label(self, chosen: Ids, at_random: bool) -> None:
        rows = [self.row_of[one] for one in chosen.tolist()]
        self.labelled[rows] = True
        self.at_random[rows] = at_random

    def _fit(self) -> FittedModel:
        rows = np.flatnonzero(self.labelled)
        rows = rows[np.argsort(self.corpus.ids[rows])]
        part = self.corpus.take(rows)
        examples = Examples(part.ids, list(part.texts), part.labels, random=self.at_random[rows])
        return self.classifier.fit(examples, seed=self.seed)

    def _measure(self, model: FittedModel, n_labels: int) -> Point:
        from sklearn.metrics import f1_score

        said = model.predict(self.test.inputs()).of(self.test.ids).probabilities.argmax(axis=1)
        truth = self.test.labels
        macro_f1 = f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0)
        return Point(self.name, self.seed, n_labels, float((said == truth).mean()), float(macro_f1))


def _require_enough(corpus: Corpus, schedule: Schedule) -> None:
    wanted, left = schedule.sizes[-1], _as_pool(corpus).clusters_left
    if left < wanted:
        raise SimulationError(
            f"{wanted} labels are asked for, but only {left} records can be drawn; take fewer or smaller rounds."
        )


def _as_pool(corpus: Corpus) -> Pool:
    return Pool(corpus.ids, clusters=corpus.clusters)


def _with_default_encoder(classifier: Classifier | None, corpus: Corpus) -> tuple[Classifier, Corpus]:
    """Embed the corpus once, with one cache for the strategies and the probe."""
    from training.encoder import Encoder
    from training.probe import Probe

    encoder = Encoder(DEFAULT_ENCODER)
    inputs = corpus.inputs()
    if corpus.embeddings is None:
        corpus = replace(corpus, embeddings=encoder.embed(inputs).vectors)
    return classifier or Probe(corpus.classes, encoder), corpus


def _fingerprint(
    corpus: Corpus, test: Corpus | None, schedule: Schedule, held_out: float, classifier: Classifier
) -> str:
    """A hash of all that decides a point but its strategy and seed; the rows' order decides nothing."""
    digest = hashlib.sha256()
    kind = type(classifier)
    digest.update(
        repr((schedule.sizes, held_out if test is None else None, kind.__module__, kind.__qualname__)).encode()
    )
    for part in (corpus, test):
        digest.update(b"part")
        if part is None:
            continue
        order = np.argsort(part.ids)
        digest.update(repr(part.classes).encode())
        for row in order.tolist():
            cluster = "" if part.clusters is None else str(part.clusters[row])
            line = (str(part.ids[row]), part.texts[row], int(part.labels[row]), cluster)
            digest.update(repr(line).encode("utf-8", "surrogatepass"))
        if part.embeddings is not None:
            digest.update(np.ascontiguousarray(part.embeddings[order], dtype=np.float32).tobytes())
    return digest.hexdigest()
