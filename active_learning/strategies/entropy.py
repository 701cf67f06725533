"""Entropy: the probability is spread over many classes.

Settles, "Active Learning Literature Survey", University of Wisconsin 2009, section 3.1.
"""

import math

import numpy as np

from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.uncertainty import most_uncertain


def entropy(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose the `n` records with the largest entropy; `scores` are entropy over its maximum, log K.

    Raises:
        PoolError: The pool has no probabilities.
    """
    return most_uncertain(pool, n, rng, relative_entropy, "entropy", "Many classes are possible.")


def relative_entropy(probabilities: Floats) -> Floats:
    """(rows, K) probabilities -> (rows,) entropy in [0, 1]; 0 where there is only one class."""
    classes = probabilities.shape[1]
    if classes < 2:
        return np.zeros(len(probabilities))
    return np.clip(entropy_in_nats(probabilities) / math.log(classes), 0.0, 1.0)


def entropy_in_nats(probabilities: Floats) -> Floats:
    """(rows, K) probabilities -> (rows,) float64, at least 0 but for rounding."""
    # The smallest positive number stands in for 0, whose logarithm would be infinite; 0 times it is 0 as it should be.
    logarithms = np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny))
    return -np.einsum("nk,nk->n", probabilities, logarithms, dtype=np.float64)
