"""What the heads of one fit stand on: the vectors of the labelled records and of some of the pool, in one view.

Vectors of most encoders share a large common part; without it angles between them tell more (Mu and Viswanath,
"All-but-the-Top", ICLR 2018). So the mean is taken away and the rest brought to length 1.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.encoder import Encoder
from training.examples import Examples, Inputs
from training.frozen.graph import NeighbourGraph
from training.scoring.views import View

Vectors = NDArray[np.float32]

MOST_UNLABELLED = 10_000
"""So many records of the pool are looked at: every two of them are compared, and a saved model carries them."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The vectors that heads are fitted on, centred and of length 1.

    Attributes:
        view: Of the encoder.
        centre: (D,) float32, what was taken away.
        labelled: (L, D), in the order of the examples.
        unlabelled: (U, D) of the pool; U may be 0.
    """

    view: View
    centre: Vectors
    labelled: Vectors
    unlabelled: Vectors

    def place(self, vectors: Vectors) -> Vectors:
        """Vectors (N, D) of the encoder as the heads take them."""
        return centred(vectors, self.centre)

    @cached_property
    def graph(self) -> NeighbourGraph:
        """The nearest neighbours of all of them, the labelled first."""
        return NeighbourGraph.of(np.concatenate([self.labelled, self.unlabelled]))


def prepare(encoder: Encoder, view: View, examples: Examples, unlabelled: Inputs | None) -> Ground:
    """The ground of these examples and of the part of the pool that `some_of` chose."""
    labelled = encoder.embed(examples.inputs(), view=view).vectors
    rest = labelled[:0] if unlabelled is None else encoder.embed(unlabelled, view=view).vectors
    centre = np.concatenate([labelled, rest]).mean(axis=0, dtype=np.float64).astype(np.float32)
    return Ground(view, centre, centred(labelled, centre), centred(rest, centre))


def centred(vectors: Vectors, centre: Vectors) -> Vectors:
    """`vectors` (N, D) less `centre` (D,), of length 1; one that lies on the centre becomes zero."""
    moved = vectors - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.divide(moved, lengths, out=np.zeros_like(moved), where=lengths > 1e-6)


def some_of(unlabelled: Inputs | None, examples: Examples, seed: int, most: int = MOST_UNLABELLED) -> Inputs | None:
    """At most `most` of the pool's records, at random; none that is labelled, by id or by content.

    The choice follows from the ids and the seed, not from their order. None where nothing is left.
    """
    if unlabelled is None:
        return None
    fresh = ~np.isin(unlabelled.ids, examples.ids) & ~np.isin(unlabelled.content_hashes, examples.content_hashes)
    rows = np.flatnonzero(fresh)
    rows = rows[np.argsort(unlabelled.ids[rows])]
    if len(rows) > most:
        rows = np.sort(np.random.default_rng([seed, 1]).choice(rows, most, replace=False))
        rows = rows[np.argsort(unlabelled.ids[rows])]
    if not len(rows):
        return None
    return Inputs(unlabelled.ids[rows], [unlabelled.texts[row] for row in rows], unlabelled.content_hashes[rows])
