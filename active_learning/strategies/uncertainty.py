"""Uncertainty sampling: score each record by its probabilities alone, and take the highest scores.

Lewis and Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.seeded_order import best_of_each_cluster, draw_seed

RowScores = Callable[[Floats], Floats]  # (rows, K) probabilities -> (rows,) in [0, 1], higher is less certain


def most_uncertain(
    pool: Pool, n: int, rng: np.random.Generator, scores_of: RowScores, strategy: str, reason: str
) -> Selection:
    """Choose the `n` records with the highest `scores_of`, one of each cluster, ties in seeded order.

    Raises:
        PoolError: The pool has no probabilities.
    """
    scores = score_rows(pool.need_probabilities(strategy), scores_of)
    best = best_of_each_cluster(scores, pool, draw_seed(rng), n)
    return Selection(pool.ids[best], scores[best], reason)


def score_rows(probabilities: Floats, scores_of: RowScores) -> npt.NDArray[np.float64]:
    """Apply `scores_of` to some thousand rows at a time, so that its intermediate arrays stay small."""
    scores = np.empty(len(probabilities), dtype=np.float64)
    for rows in row_slices(len(probabilities), at_once=2048):
        scores[rows] = scores_of(probabilities[rows])
    return scores
