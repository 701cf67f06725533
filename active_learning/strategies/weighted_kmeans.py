"""Weighted k-means: the middle of each region that the model doubts, each region with its own record.

Zhdanov, "Diverse mini-batch Active Learning", 2019 (arXiv:1901.05954). The records are put in one group for each label
that there will be, and pull their group's centre by how uncertain they are. As weight, the paper takes the margin
itself; here it is raised to a power, so that records of which the model is sure hardly count without being cut off.
"""

import numpy as np

from active_learning.pool import Pool, Selection
from active_learning.strategies.grouping import k_means, medoids, unit_rows
from active_learning.strategies.margin import one_minus_margin
from active_learning.strategies.seeded_order import best_of_each_cluster, draw_seed
from active_learning.strategies.uncertainty import score_rows

REASON = "Stands for many records of its kind whose two likeliest classes lie close."
LEAST_WEIGHT = 1e-9  # records of which the model is sure still have a place, where it is sure of all


def weighted_kmeans(
    pool: Pool, n: int, rng: np.random.Generator, *, power: float = 3.0, look_at: int = 50_000
) -> Selection:
    """Choose the middle record of each of `n` groups, weighted by (1 - margin) ** `power`.

    Args:
        pool: Needs `probabilities` (N, K) and `embeddings` (N, D).
        n: How many to choose. All of the pool, in order of margin, when it holds no more.
        rng: Seeds the grouping and the order of ties.
        power: How much more a record counts that is less certain; 0: all alike.
        look_at: How many records are grouped, those with the smallest margins; at least `10 * n` are.

    Returns:
        min(n, clusters left) distinct ids, those of the heaviest groups first; `scores` are 1 - margin, in [0, 1].

    Raises:
        PoolError: The pool has no probabilities or no embeddings.
    """
    scores = score_rows(pool.need_probabilities("weighted-kmeans"), one_minus_margin)
    embeddings = pool.need_embeddings("weighted-kmeans")
    seed = draw_seed(rng)
    candidates = best_of_each_cluster(scores, pool, seed, max(look_at, 10 * n))
    if len(candidates) > n > 0:
        vectors = unit_rows(embeddings[candidates])
        weights = scores[candidates] ** power + LEAST_WEIGHT
        middle = medoids(vectors, k_means(vectors, n, seed, weights), weights)
        # Where rows are equal there are fewer groups than records wanted; the least certain of the others follow.
        candidates = np.concatenate([candidates[middle], np.delete(candidates, middle)])
    chosen = candidates[: max(n, 0)]
    return Selection(pool.ids[chosen], scores[chosen], REASON)
