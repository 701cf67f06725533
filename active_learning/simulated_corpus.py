"""What a simulation plays with: labelled texts, a schedule, and the part that is held out to measure with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from active_learning.learning_curves import CONTROL
from active_learning.pool import Floats, Ids, Pool
from active_learning.strategies import STRATEGIES
from store.errors import RequestError
from training.examples import Inputs


class SimulationError(RequestError):
    """The labels cannot be played with as asked."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Labelled texts to play with.

    Attributes:
        ids: (N,) distinct.
        texts: N texts.
        labels: (N,) int64, an index into `classes`.
        classes: The K classes.
        embeddings: (N, D); what the strategies see of the texts while there is no model. Without them the default
            encoder makes them, once.
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

    @property
    def drawable(self) -> int:
        """How many records can be drawn: one a cluster."""
        return len(self.ids) if self.clusters is None else len(set(self.clusters.tolist()))


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


def hold_out(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """(what is drawn from, what is measured on): the latter is `share` of the clusters, the former has no equal of it.

    Raises:
        SimulationError: One of the two would be empty.
    """
    pool = Pool(corpus.ids, clusters=corpus.clusters)
    held = STRATEGIES[CONTROL](pool, round(share * corpus.drawable), np.random.default_rng([seed, 0])).ids
    measured = np.isin(pool.ids, held)
    names = pool.ids if pool.clusters is None else pool.clusters
    drawn_from = ~np.isin(names, names[measured])
    if not measured.any() or not drawn_from.any():
        raise SimulationError(
            f"holding out {share:g} of {len(corpus)} labelled records leaves nothing on one side; label more records."
        )
    return corpus.take(np.flatnonzero(drawn_from)), corpus.take(np.flatnonzero(measured))


def require_playable(corpus: Corpus, schedule: Schedule) -> None:
    """Return when the corpus has records and classes enough.

    Raises:
        SimulationError: It holds fewer records than the schedule asks for, or all of one class.
    """
    wanted, left = schedule.sizes[-1], corpus.drawable
    if left < wanted:
        raise SimulationError(
            f"{wanted} labels are asked for, but only {left} records can be drawn; take fewer or smaller rounds."
        )
    if len(np.unique(corpus.labels)) < 2:
        only = corpus.classes[int(corpus.labels[0])]
        raise SimulationError(f'every label says "{only}", so there is nothing to learn; two classes are needed.')
