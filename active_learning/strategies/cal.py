"""CAL: records that the model judges otherwise than the labelled records they resemble.

Margatina, Vernikos, Barrault and Aletras, "Active Learning by Acquiring Contrastive Examples", EMNLP 2021, algorithm 1.
"""

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, PoolError, Selection
from active_learning.strategies.grouping import unit_rows
from active_learning.strategies.seeded_order import best_of_each_cluster, canonical_order, draw_seed

REASON = "The model judges it otherwise than the labelled records that it resembles."
DISTANCES_AT_ONCE = 4_000_000
DOUBT_OF_A_LABEL = 0.1


def cal(pool: Pool, n: int, rng: np.random.Generator, *, neighbours: int = 10) -> Selection:
    """Choose the `n` records that diverge most from their nearest labelled neighbours.

    Args:
        pool: Needs `probabilities`, `embeddings`, `labelled_embeddings` of one record or more, and
            `labelled_probabilities`; where those are unknown `labelled_labels` stand for them, a tenth of the
            probability spread over all classes.
        n: How many to choose.
        rng: Seeds the order of ties.
        neighbours: The divergence, KL(neighbour || record), is the mean over this many.

    Returns:
        min(n, clusters left) distinct ids; `scores` are 1 - exp(-divergence), in [0, 1].

    Raises:
        PoolError: Something of this is missing.
    """
    probabilities, embeddings = pool.need_probabilities("cal"), pool.need_embeddings("cal")
    said = _said_of_labelled(pool, probabilities.shape[1])
    vectors = pool.labelled_embeddings
    if vectors is None or not len(vectors) or said is None:
        raise PoolError(
            'strategy "cal" needs labelled records, their embeddings and what the model says of them; '
            'begin with "typiclust" or "random".'
        )
    order = canonical_order(np.concatenate([vectors, said], axis=1))
    scores = _divergences(probabilities, embeddings, said[order], vectors[order], neighbours)
    best = best_of_each_cluster(scores, pool, draw_seed(rng), n)
    return Selection(pool.ids[best], scores[best], REASON)


def _said_of_labelled(pool: Pool, classes: int) -> Floats | None:
    if pool.labelled_probabilities is not None:
        return pool.labelled_probabilities.astype(np.float64)
    if pool.labelled_labels is None:
        return None
    return (1 - DOUBT_OF_A_LABEL) * np.eye(classes)[pool.labelled_labels] + DOUBT_OF_A_LABEL / classes


def _divergences(
    probabilities: Floats, embeddings: Floats, said: Floats, labelled: Floats, neighbours: int
) -> npt.NDArray[np.float64]:
    """(N,) 1 - exp(-the mean divergence of each record from its nearest labelled ones)."""
    centres = unit_rows(labelled)
    near = min(neighbours, len(centres))
    log_said = np.log(np.maximum(said, np.finfo(np.float32).tiny))
    own = np.einsum("lk,lk->l", said, log_said)  # less the entropy of each neighbour
    scores = np.empty(len(probabilities))
    for rows in row_slices(len(probabilities), at_once=max(1, DISTANCES_AT_ONCE // len(centres))):
        likeness = unit_rows(embeddings[rows]) @ centres.T
        nearest = np.argpartition(-likeness, near - 1, axis=1)[:, :near]
        logs = np.log(np.maximum(probabilities[rows], np.finfo(np.float32).tiny)).astype(np.float64)
        mean_said = np.zeros(logs.shape)
        for place in range(near):
            mean_said += said[nearest[:, place]]
        mean_said /= near
        divergence = own[nearest].mean(axis=1) - np.einsum("nk,nk->n", mean_said, logs)
        scores[rows] = -np.expm1(-np.maximum(divergence, 0))
    return scores
