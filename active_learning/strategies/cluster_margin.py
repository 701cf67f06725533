"""Cluster-margin: uncertain records, spread over the groups they fall in.

Citovsky et al., "Batch Active Learning at Scale", NeurIPS 2021, algorithm 1. The paper groups the pool once by average
linkage; here k-means groups the uncertain part of each round, which needs no distance between every two records and
leaves fewer groups of one stray record.
"""

import numpy as np

from active_learning.pool import Pool, Selection
from active_learning.strategies.grouping import Groups, k_means, unit_rows
from active_learning.strategies.margin import one_minus_margin
from active_learning.strategies.seeded_order import Positions, best_of_each_cluster, draw_seed
from active_learning.strategies.uncertainty import score_rows

REASON = "Its two likeliest classes lie close, and it is unlike the others that were chosen."


def cluster_margin(pool: Pool, n: int, rng: np.random.Generator, *, candidates_per_pick: int = 10) -> Selection:
    """Choose `n` records with small margins, taken round-robin from the smallest group up.

    Args:
        pool: The unlabelled records; needs `probabilities` (N, K) and `embeddings` (N, D).
        n: How many to choose. All of the pool, in order of margin, when it holds no more.
        rng: Seeds the grouping and the order of ties.
        candidates_per_pick: The uncertain part that is put in `n` groups holds `n * candidates_per_pick` records.

    Returns:
        min(n, clusters left) distinct ids, most wanted first; `scores` are 1 - margin, in [0, 1].

    Raises:
        PoolError: The pool has no probabilities or no embeddings.
    """
    scores = score_rows(pool.need_probabilities("cluster-margin"), one_minus_margin)
    embeddings = pool.need_embeddings("cluster-margin")
    seed = draw_seed(rng)
    candidates = best_of_each_cluster(scores, pool, seed, max(n, n * candidates_per_pick))
    if len(candidates) > n > 0:
        groups = k_means(unit_rows(embeddings[candidates]), n, seed)
        candidates = candidates[_round_robin(groups)]
    chosen = candidates[: max(n, 0)]
    return Selection(pool.ids[chosen], scores[chosen], REASON)


def _round_robin(groups: Groups) -> Positions:
    """Rows that stand most wanted first, reordered: the first of each group, smallest group first; then the second."""
    by_group = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[by_group], return_index=True, return_counts=True)
    turn = np.empty(len(groups), dtype=np.int64)
    turn[by_group] = np.arange(len(groups)) - np.repeat(starts, sizes)
    size = np.bincount(groups)[groups]
    # Of groups of one size, the one whose members are more wanted comes first: rows stand in that order already.
    first = np.empty(len(groups), dtype=np.int64)
    first[by_group] = np.repeat(by_group[starts], sizes)
    return np.lexsort((first, size, turn))
