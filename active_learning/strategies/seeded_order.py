"""An order of the pool that depends on the seed and the ids, never on where a row stands.

The store may give the same pool in another order after a resume or a compaction. So ties between scores, and all that
would follow the order of rows, follow a seeded hash of the ids: one seed chooses the same records, however they lie.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from active_learning.pool import Floats, Ids, Pool, row_slices

Positions = npt.NDArray[np.intp]
Hashes = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def draw_seed(rng: np.random.Generator) -> int:
    """The one number that a strategy takes from its generator; everything random in it follows from this."""
    return int(rng.integers(2**31))


def seeded_hashes(names: Ids, seed: int) -> Hashes:
    """Hash each name to 64 bits: multilinear hashing of the code points, then the finaliser of SplitMix64.

    The hash of a name is the same in every array, since the padding of numpy's strings is zero and adds nothing.
    Multilinear: Carter and Wegman, 1979; SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    """
    names = np.ascontiguousarray(names)
    return _hash_words(names.view(np.uint32).reshape(len(names), names.dtype.itemsize // 4), seed)


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
        _, first = np.unique(pool.clusters[best], return_index=True)
        if len(first) >= keep or looked_at >= len(pool):
            return best[np.sort(first)[:keep]]
        looked_at *= 4


def one_of_each_cluster(pool: Pool, seed: int, keep: int) -> Positions:
    """A uniform sample of min(keep, clusters left) clusters in seeded order, with one record of each at random."""
    return best_of_each_cluster(cluster_lots(pool, seed), pool, seed + 1, keep)


def cluster_lots(pool: Pool, seed: int) -> npt.NDArray[np.float64]:
    """(N,) a number in [0, 1) drawn for each cluster, so that a large cluster is no likelier than a small one."""
    return seeded_hashes(pool.ids if pool.clusters is None else pool.clusters, seed) / 2.0**64


def canonical_rows(vectors: Floats) -> Floats:
    """The same rows in an order that only their values decide, for rows that have no ids."""
    single = np.ascontiguousarray(vectors, dtype=np.float32)
    return single[np.argsort(_hash_words(single.view(np.uint32), 0), kind="stable")]


def _hash_words(words: npt.NDArray[np.uint32], seed: int) -> Hashes:
    places = np.arange(1, words.shape[1] + 1, dtype=np.uint64)
    factors = _finalise(places * GOLDEN + np.uint64(seed)) | np.uint64(1)
    hashes = np.empty(len(words), dtype=np.uint64)
    for rows in row_slices(len(words)):
        hashes[rows] = words[rows].astype(np.uint64) @ factors
    return _finalise(hashes)


def _finalise(words: npt.NDArray[Any]) -> Hashes:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
