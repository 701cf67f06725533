"""An order of the pool that depends on the seed and the ids, never on where a row stands.

The store may give the same pool in another order after a resume or a compaction. So ties between scores, and all that
would follow the order of rows, follow a seeded hash of the ids: one seed chooses the same records, however they lie.
"""

import numpy as np
import numpy.typing as npt

from active_learning.name_hashes import hash_words, name_codes, seeded_hashes
from active_learning.pool import Floats, Ids, Pool

Positions = npt.NDArray[np.intp]


def draw_seed(rng: np.random.Generator) -> int:
    """The one number that a strategy takes from its generator; everything random in it follows from this."""
    return int(rng.integers(2**31))


def best_first(scores: Floats, ids: Ids, seed: int, keep: int) -> Positions:
    """The positions of the `keep` highest scores, highest first, ties in seeded order; sorts only what may be kept."""
    keep = min(keep, len(scores))
    if keep <= 0:
        return np.empty(0, dtype=np.intp)
    threshold = np.partition(scores, len(scores) - keep)[len(scores) - keep]
    near = np.flatnonzero(scores >= threshold)
    order = np.lexsort((seeded_hashes(ids[near], seed), -scores[near]))
    return near[order[:keep]]


def best_of_each_cluster(scores: Floats, pool: Pool, seed: int, keep: int) -> Positions:
    """Like `best_first`, with at most one record of each cluster of near-equal records.

    Returns:
        min(keep, clusters left) positions.
    """
    if pool.clusters is None:
        return best_first(scores, pool.ids, seed, keep)
    looked_at = 2 * keep
    while True:
        best = best_first(scores, pool.ids, seed, looked_at)
        _, first = np.unique(name_codes(pool.clusters[best]), return_index=True)
        if len(first) >= keep or looked_at >= len(pool):
            return best[np.sort(first)[:keep]]
        looked_at *= 4


def one_of_each_cluster(pool: Pool, seed: int, keep: int) -> Positions:
    """A uniform sample of min(keep, clusters left) clusters in seeded order, with one record of each at random."""
    return best_of_each_cluster(cluster_lots(pool, seed), pool, seed + 1, keep)


def cluster_lots(pool: Pool, seed: int) -> npt.NDArray[np.float64]:
    """(N,) a number in [0, 1) drawn for each cluster, so that a large cluster is no likelier than a small one."""
    return seeded_hashes(pool.ids if pool.clusters is None else pool.clusters, seed) / 2.0**64


def canonical_order(vectors: Floats) -> Positions:
    """An order of rows that only their values decide, for rows that have no ids."""
    single = np.ascontiguousarray(vectors, dtype=np.float32)
    return np.argsort(hash_words(single.view(np.uint32), 0), kind="stable")
