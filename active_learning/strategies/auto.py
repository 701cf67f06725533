"""Auto: typical records while labels are few, then uncertain ones that are spread.

Which suits turns with the budget: Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit
High and Low Budgets", ICML 2022. A model's doubts say little about classes that it has hardly seen, so TypiClust
stays until there are twice as many labels as classes; then cluster-margin. Where nothing embeds the records, random and
margin take their places.
"""

import numpy as np

from active_learning.pool import Pool, Selection
from active_learning.strategies.cluster_margin import cluster_margin
from active_learning.strategies.margin import margin
from active_learning.strategies.random import random
from active_learning.strategies.typiclust import typiclust

LABELS_PER_CLASS = 2


def auto(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose by what the pool has: `probabilities`, `embeddings`, and how many `labelled_embeddings` per class."""
    if pool.probabilities is None:
        return random(pool, n, rng) if pool.embeddings is None else typiclust(pool, n, rng)
    if pool.embeddings is None:
        return margin(pool, n, rng)
    labelled = pool.labelled_embeddings
    if labelled is not None and 0 < len(labelled) < LABELS_PER_CLASS * pool.probabilities.shape[1]:
        return typiclust(pool, n, rng)
    return cluster_margin(pool, n, rng)
