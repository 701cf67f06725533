"""Margin: the two likeliest classes are nearly as likely as each other.

Scheffer, Decomain and Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001.
"""

import numpy as np

from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.uncertainty import most_uncertain


def margin(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose the `n` records whose two likeliest classes lie closest; `scores` are 1 - margin.

    Raises:
        PoolError: The pool has no probabilities.
    """
    return most_uncertain(pool, n, rng, one_minus_margin, "margin", "Its two likeliest classes lie close.")


def one_minus_margin(probabilities: Floats) -> Floats:
    """(rows, K) probabilities -> (rows,) 1 - (first - second); 0 where there is only one class."""
    likeliest = probabilities.argmax(axis=1)
    rows = np.arange(len(probabilities))
    first = probabilities[rows, likeliest]
    others = probabilities.copy()
    others[rows, likeliest] = 0
    return 1.0 - np.minimum(first - others.max(axis=1), 1.0)
