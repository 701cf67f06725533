"""Density-weighted margin: uncertain records that resemble many others, so that no stray one is asked about.

Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling Tasks", EMNLP 2008, section 3.3,
information density with the margin as what it weighs. The mean cosine to the pool is the cosine's product with the mean
of the pool's unit vectors, so that no two records are compared.
"""

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.grouping import unit_rows
from active_learning.strategies.margin import one_minus_margin
from active_learning.strategies.seeded_order import best_of_each_cluster, draw_seed, one_of_each_cluster
from active_learning.strategies.uncertainty import score_rows

REASON = "Its two likeliest classes lie close, and many records resemble it."
NAME = "density-weighted-margin"


def density_weighted_margin(
    pool: Pool, n: int, rng: np.random.Generator, *, power: float = 1.0, look_at: int = 100_000
) -> Selection:
    """Choose the `n` records with the largest (1 - margin) * density ** `power`.

    Args:
        pool: Needs `probabilities` and `embeddings`.
        n: How many to choose.
        rng: Seeds the sample and the order of ties.
        power: How much density counts; 0: not at all.
        look_at: Density is the mean cosine to a uniform sample of this many records, one a cluster.

    Returns:
        min(n, clusters left) distinct ids; `scores` are that product, density being counted in shares of the largest.

    Raises:
        PoolError: The pool has no probabilities or no embeddings.
    """
    scores = score_rows(pool.need_probabilities(NAME), one_minus_margin)
    embeddings = pool.need_embeddings(NAME)
    seed = draw_seed(rng)
    if len(pool):
        sample = one_of_each_cluster(pool, seed, look_at)
        scores *= density(embeddings, embeddings[sample]) ** power
    best = best_of_each_cluster(scores, pool, seed, n)
    return Selection(pool.ids[best], scores[best], REASON)


def density(embeddings: Floats, sample: Floats) -> npt.NDArray[np.float64]:
    """(N, D) -> (N,) the mean cosine to `sample` (S, D), at least 0, over the largest; 1 where all are 0."""
    middle = unit_rows(sample).mean(axis=0, dtype=np.float64).astype(np.float32)
    found = np.empty(len(embeddings))
    for rows in row_slices(len(embeddings)):
        found[rows] = (unit_rows(embeddings[rows]) * middle).sum(axis=1)
    largest = found.max()
    return np.maximum(found, 0) / largest if largest > 0 else np.ones(len(found))
