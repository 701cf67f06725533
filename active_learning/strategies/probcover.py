"""ProbCover: records whose neighbourhoods cover as much of the pool as can be covered; for few labels.

Yehuda, Dekel, Hacohen and Weinshall, "Active Learning Through a Covering Lens", NeurIPS 2022, algorithm 1. The radius
is the paper's: the largest at which most balls hold one pseudo-label of k-means only.
"""

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Pool, Selection
from active_learning.strategies.grouping import Groups, Vectors, k_means, unit_rows
from active_learning.strategies.seeded_order import Positions, canonical_order, draw_seed, one_of_each_cluster

REASON = "Covers a neighbourhood in which nothing has a label."
PRODUCTS_AT_ONCE = 25_000_000
RADIUS_FROM = 2000  # records whose balls the radius is learnt from
Neighbours = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]
"""(S + 1,) where each row's neighbours begin, and the neighbours one row after the other."""


def probcover(
    pool: Pool,
    n: int,
    rng: np.random.Generator,
    *,
    purity: float = 0.95,
    look_at: int = 50_000,
    most_neighbours: int = 500,
) -> Selection:
    """Choose `n` records, each the one whose ball holds most that is not yet covered.

    When everything is covered and more is wanted, covering begins again with what is not chosen.

    Args:
        pool: Needs `embeddings`; `labelled_embeddings` cover their balls from the start. The number of pseudo-labels is
            that of the classes, as `probabilities` or `labelled_labels` tell it, or else `n`.
        n: How many to choose.
        rng: Seeds the sample, the pseudo-labels and the order of ties.
        purity: The share of balls that must hold one pseudo-label only.
        look_at: Of a larger pool, a uniform sample of this many is looked at, one a cluster; at least `n` are.
        most_neighbours: The radius is made smaller where a record in the middle would have more than this many, and
            where all together would have more than twice as many on average, so that memory stays bounded.

    Returns:
        min(n, clusters left) distinct ids; `scores` are the share of what was looked at that each newly covers.

    Raises:
        PoolError: The pool has no embeddings.
    """
    embeddings = pool.need_embeddings("probcover")
    seed = draw_seed(rng)
    rows = one_of_each_cluster(pool, seed, max(look_at, n))
    n = min(n, len(rows))
    if n <= 0:
        return Selection(pool.ids[:0], np.empty(0), REASON)
    vectors = unit_rows(embeddings[rows])
    pseudo_labels = k_means(vectors, max(2, _classes(pool) or n), seed)
    least = least_likeness(vectors, pseudo_labels, purity, most_neighbours)
    free = np.ones(len(rows), dtype=bool)
    if pool.labelled_embeddings is not None and len(pool.labelled_embeddings):
        labelled = unit_rows(pool.labelled_embeddings[canonical_order(pool.labelled_embeddings)])
        for some in _parts(len(labelled), len(rows)):
            free &= (labelled[some] @ vectors.T).max(axis=0) < least
    chosen, covers = _cover(_neighbours(vectors, least), free, n)
    return Selection(pool.ids[rows[chosen]], covers / len(rows), REASON)


def least_likeness(vectors: Vectors, pseudo_labels: Groups, purity: float, most_neighbours: int) -> float:
    """The cosine from which on two records are neighbours: at it, `purity` of the balls hold one pseudo-label.

    A ball is pure as long as it does not reach the nearest record of another pseudo-label.
    """
    looked_at = slice(0, RADIUS_FROM)  # rows are in the order of their hashes: a uniform sample
    nearest_other = np.empty(len(vectors[looked_at]), dtype=np.float32)
    crowded = np.empty_like(nearest_other)
    # Where a large part of the pool lies in one place, balls that suit the rest would hold that part squared.
    most_pairs = 2 * most_neighbours * len(nearest_other)
    likest: Vectors = np.empty(0, dtype=np.float32)
    for rows in _parts(len(nearest_other), len(vectors)):
        likeness = vectors[rows] @ vectors.T
        place = max(0, len(vectors) - 1 - most_neighbours)
        crowded[rows] = np.partition(likeness, place, axis=1)[:, place] if place else -1
        likest = np.concatenate([likest, likeness.ravel()])
        likest = np.partition(likest, -most_pairs)[-most_pairs:] if len(likest) > most_pairs else likest
        likeness[pseudo_labels[rows][:, None] == pseudo_labels[None, :]] = -1
        nearest_other[rows] = likeness.max(axis=1)
    # A hair more, so that the ball stops before the nearest of another kind, and rounding makes nobody a neighbour.
    too_many = likest.min() if len(likest) == most_pairs else -1.0
    return float(max(np.quantile(nearest_other, purity), crowded.mean(), too_many)) + 1e-5


def _classes(pool: Pool) -> int | None:
    if pool.probabilities is not None:
        return int(pool.probabilities.shape[1])
    if pool.labelled_labels is not None and len(pool.labelled_labels):
        return int(pool.labelled_labels.max()) + 1
    return None


def _neighbours(vectors: Vectors, least: float) -> Neighbours:
    """Each row's neighbours with itself: pairs are looked for in blocks, and only those that are near are kept."""
    from scipy.sparse import coo_matrix

    rows = len(vectors)
    lower, upper = [np.arange(rows, dtype=np.int32)], [np.arange(rows, dtype=np.int32)]
    for part in _parts(rows, rows):
        # Each pair once: what comes before the block was looked at with the blocks before.
        near = np.flatnonzero(vectors[part] @ vectors[part.start :].T >= least)
        one, other = np.divmod(near, rows - part.start)
        ahead = other > one
        one, other = (one[ahead] + part.start).astype(np.int32), (other[ahead] + part.start).astype(np.int32)
        lower += [one, other]
        upper += [other, one]
    pairs = (np.concatenate(lower), np.concatenate(upper))
    del lower, upper
    near_rows = coo_matrix((np.ones(len(pairs[0]), dtype=bool), pairs), shape=(rows, rows)).tocsr()
    return near_rows.indptr.astype(np.int64), near_rows.indices


def _cover(neighbours: Neighbours, free: npt.NDArray[np.bool_], n: int) -> tuple[Positions, npt.NDArray[np.float64]]:
    """`n` rows, and how many that were free each covers; ties go to the first row."""
    starts, others = neighbours
    left = np.ones(len(free), dtype=bool)
    chosen: list[int] = []
    covers: list[int] = []
    gains = _gains(neighbours, free)
    while len(chosen) < n:
        best = int(np.where(left, gains, -1).argmax())
        if gains[best] == 0 and not (free & left).any():
            free = left.copy()
            gains = _gains(neighbours, free)
            best = int(np.where(left, gains, -1).argmax())
        chosen.append(best)
        covers.append(int(gains[best]))
        left[best] = False
        ball = others[starts[best] : starts[best + 1]]
        newly = ball[free[ball]]
        free[newly] = False
        for one in newly.tolist():
            gains[others[starts[one] : starts[one + 1]]] -= 1
    return np.array(chosen, dtype=np.intp), np.array(covers, dtype=np.float64)


def _gains(neighbours: Neighbours, free: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(S,) how many free rows each ball holds."""
    starts, others = neighbours
    return np.add.reduceat(free[others], starts[:-1], dtype=np.int64)


def _parts(rows: int, columns: int) -> list[slice]:
    return list(row_slices(rows, at_once=max(1, PRODUCTS_AT_ONCE // max(columns, 1))))
