"""Auto: what suits what is known, and why.

Which strategy suits turns with the budget: Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite
Strategies Suit High and Low Budgets", ICML 2022. Typical records come first, since there is no model, and since a
model's doubts say little of classes that it has not seen. Then weighted k-means, which asks about regions while the
model doubts everything and about its doubts when they are few. Where hardly more is left than is asked for, there is
nothing to spread, and the doubts alone decide.
"""

from dataclasses import dataclass

import numpy as np

from active_learning.pool import Pool, Selection, Strategy
from active_learning.strategies.margin import margin
from active_learning.strategies.random import random
from active_learning.strategies.typiclust import typiclust
from active_learning.strategies.weighted_kmeans import weighted_kmeans

LABELS_PER_CLASS = 5  # below, typical records,
TYPICAL_AT_MOST = 0.25  # but no more of all records than this: a small project of many classes would see no others
RECORDS_PER_PICK = 2  # below, nothing is spread


@dataclass(frozen=True)
class Regime:
    """What suits a pool.

    Attributes:
        strategy: What chooses.
        why: The beginning of the reason, as people read it, without its full stop.
    """

    strategy: Strategy
    why: str


def auto(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose by what `regime` finds; its reason stands before the strategy's own.

    Returns:
        min(n, clusters left) distinct ids with the scores of the strategy that chose.
    """
    found = regime(pool, n)
    chosen = found.strategy(pool, n, rng)
    return Selection(chosen.ids, chosen.scores, f"{found.why}: {chosen.reason[0].lower()}{chosen.reason[1:]}")


def regime(pool: Pool, n: int) -> Regime:
    """What suits a pool of which `n` records are to be chosen, by what it has and how many labels there are a class."""
    if pool.probabilities is None:
        if pool.embeddings is None:
            return Regime(random, "There is no model yet, and nothing tells which records are alike")
        return Regime(typiclust, "There is no model yet")
    if pool.embeddings is None:
        return Regime(margin, "Nothing tells which records are alike")
    classes = pool.probabilities.shape[1]
    if doubts_mean_little(pool):
        return Regime(typiclust, f"There are {pool.labels} labels for {classes} classes")
    if pool.clusters_left < RECORDS_PER_PICK * n:
        return Regime(margin, "Few records are left")
    if not pool.labels:
        return Regime(weighted_kmeans, "There is a model")
    return Regime(weighted_kmeans, f"There are {pool.labels / classes:.0f} labels a class")


def doubts_mean_little(pool: Pool) -> bool:
    """Whether there are labels, but so few a class that a model's doubts say little of what it has hardly met.

    Where the pool knows of no labels they are taken to be enough.
    """
    if pool.probabilities is None or not pool.labels:
        return False
    everything = pool.clusters_left + pool.labels
    return pool.labels < min(LABELS_PER_CLASS * pool.probabilities.shape[1], TYPICAL_AT_MOST * everything)
