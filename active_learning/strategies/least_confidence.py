"""Least confidence: the likeliest class is not likely.

Lewis and Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
"""

import numpy as np

from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.uncertainty import most_uncertain


def least_confidence(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose the `n` records whose likeliest class is least likely; `scores` are 1 - its probability.

    Raises:
        PoolError: The pool has no probabilities.
    """
    return most_uncertain(pool, n, rng, one_minus_confidence, "least-confidence", "Its likeliest class is not likely.")


def one_minus_confidence(probabilities: Floats) -> Floats:
    """(rows, K) probabilities -> (rows,) 1 - the largest."""
    return 1.0 - np.minimum(probabilities.max(axis=1), 1.0)
