"""k-center: the record that lies farthest from all that are labelled or chosen; then the next.

Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018, algorithm 1:
the greedy choice of centres, whose largest distance is at most twice the best possible (Gonzalez, 1985).
"""

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.grouping import Vectors, unit_rows
from active_learning.strategies.seeded_order import (
    Positions,
    canonical_order,
    draw_seed,
    one_of_each_cluster,
)

REASON = "Far from everything that has a label or was chosen."
LOOKED_AT = 32_768
CENTRES_AT_ONCE = 128


def k_center(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose `n` records, each the farthest from the labelled ones and those before it; the first at random when
    nothing is labelled.

    The distance of a record to the nearest centre only falls. So the next centre is looked for among the records that
    were farthest at the last pass over the pool, and a new pass is made when one that is not among them may be farther.

    Args:
        pool: Needs `embeddings`; `labelled_embeddings` are centres from the start.
        n: How many to choose.
        rng: Seeds the first centre and the order of ties.

    Returns:
        min(n, clusters left) distinct ids; `scores` are half the distance on the unit sphere to the nearest centre, in
        [0, 1].

    Raises:
        PoolError: The pool has no embeddings.
    """
    embeddings = pool.need_embeddings("k-center")
    seed = draw_seed(rng)
    rows = one_of_each_cluster(pool, seed, len(pool))
    n = min(n, len(rows))
    if n <= 0:
        return Selection(pool.ids[:0], np.empty(0), REASON)
    far = np.full(len(rows), 4.0)
    labelled = pool.labelled_embeddings
    if labelled is not None and len(labelled):
        _bring_nearer(far, embeddings, rows, unit_rows(labelled[canonical_order(labelled)]))
    chosen, squared = _farthest_first(embeddings, rows, far, n)
    return Selection(pool.ids[rows[chosen]], np.sqrt(squared) / 2, REASON)


def _farthest_first(
    embeddings: Floats, rows: Positions, far: npt.NDArray[np.float64], n: int
) -> tuple[Positions, npt.NDArray[np.float64]]:
    """`n` places in `rows` and their squared distances to the nearest centre before them; `far` is used up."""
    chosen: list[int] = []
    squared: list[float] = []
    applied = 0
    while True:
        _bring_nearer(far, embeddings, rows, unit_rows(embeddings[rows[chosen[applied:]]]))
        far[chosen] = -1
        applied = len(chosen)
        places = np.sort(_largest(far, LOOKED_AT + 1))
        # Whoever is not looked at was at most this far, and is no farther now.
        others = far[places].min() if len(places) > LOOKED_AT else -1.0
        vectors, near = unit_rows(embeddings[rows[places]]), far[places]
        while True:
            best = int(near.argmax())
            if near[best] < others:
                break
            chosen.append(int(places[best]))
            squared.append(float(near[best]))
            if len(chosen) == n:
                return np.array(chosen, dtype=np.intp), np.array(squared)
            near = np.minimum(near, _squared(vectors, vectors[best : best + 1])[:, 0])
            near[places == places[best]] = -1


def _largest(values: npt.NDArray[np.float64], keep: int) -> Positions:
    """The places of the `keep` largest values, of equal ones the first."""
    if keep >= len(values):
        return np.arange(len(values))
    least = np.partition(values, len(values) - keep)[len(values) - keep]
    above = np.flatnonzero(values > least)
    return np.concatenate([above, np.flatnonzero(values == least)[: keep - len(above)]])


def _bring_nearer(far: npt.NDArray[np.float64], embeddings: Floats, rows: Positions, centres: Vectors) -> None:
    """Lower `far`, the squared distances of the rows to the nearest centre, by those to `centres`."""
    if not len(centres):
        return
    for part in row_slices(len(rows)):
        vectors = unit_rows(embeddings[rows[part]])
        for some in row_slices(len(centres), at_once=CENTRES_AT_ONCE):
            far[part] = np.minimum(far[part], _squared(vectors, centres[some]).min(axis=1))


def _squared(vectors: Vectors, centres: Vectors) -> npt.NDArray[np.float32]:
    """(A, B) squared distances; those of equal directions are 0, whatever rounding says."""
    squared = 2 - 2 * (vectors @ centres.T)
    return np.where(squared > 1e-6, squared, np.float32(0))
