"""BALD: the members of an ensemble disagree, each sure of itself.

Houlsby, Huszár, Ghahramani and Lengyel, "Bayesian Active Learning for Classification and Preference Learning", 2011;
with the passes of dropout as members: Gal, Islam and Ghahramani, "Deep Bayesian Active Learning with Image Data",
ICML 2017.
"""

import math

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.entropy import entropy_in_nats
from active_learning.strategies.seeded_order import best_of_each_cluster, draw_seed

REASON = "The members of the model are each sure of it and do not agree."


def bald(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose the `n` records whose class the members of the model disagree on most.

    Returns:
        min(n, clusters left) ids; `scores` are the mutual information of class and member over its maximum, in [0, 1].

    Raises:
        PoolError: The pool has no `members`.
    """
    scores = disagreement(pool.need_members("bald"))
    best = best_of_each_cluster(scores, pool, draw_seed(rng), n)
    return Selection(pool.ids[best], scores[best], REASON)


def disagreement(members: Floats) -> npt.NDArray[np.float64]:
    """(M, N, K) -> (N,) the entropy of the mean less the mean entropy, over the log of the smaller of M and K."""
    count, records, classes = members.shape
    scores = np.zeros(records)
    most = math.log(max(min(count, classes), 1))
    if most == 0:
        return scores
    for rows in row_slices(records, at_once=2048):
        part = members[:, rows].astype(np.float64)
        own = np.mean([entropy_in_nats(one) for one in part], axis=0)
        scores[rows] = np.clip((entropy_in_nats(part.mean(axis=0)) - own) / most, 0.0, 1.0)
    # What rounding leaves of members that agree is no disagreement, and must not decide between equal records.
    return np.where(scores < 1e-12, 0.0, scores)
