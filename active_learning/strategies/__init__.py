"""Which records are worth a person's time next: each strategy a pure function of a pool, a number and a generator.

A strategy chooses min(n, clusters left) distinct ids, at most one of each cluster of near-equal records. It does the
same for the same seed in whatever order the pool lies, and reads and writes nothing. A new one is a module here and
a line in `STRATEGIES`.
"""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from active_learning.pool import Pool, Strategy
from active_learning.strategies.auto import auto
from active_learning.strategies.badge import badge
from active_learning.strategies.bald import bald
from active_learning.strategies.cal import cal
from active_learning.strategies.cluster_margin import cluster_margin
from active_learning.strategies.density_weighted_margin import density_weighted_margin
from active_learning.strategies.entropy import entropy
from active_learning.strategies.k_center import k_center
from active_learning.strategies.least_confidence import least_confidence
from active_learning.strategies.margin import margin
from active_learning.strategies.probcover import probcover
from active_learning.strategies.random import random
from active_learning.strategies.typiclust import typiclust
from active_learning.strategies.weighted_kmeans import weighted_kmeans
from store.errors import RequestError

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "auto": auto,
        "badge": badge,
        "bald": bald,
        "cal": cal,
        "cluster-margin": cluster_margin,
        "density-weighted-margin": density_weighted_margin,
        "entropy": entropy,
        "k-center": k_center,
        "least-confidence": least_confidence,
        "margin": margin,
        "probcover": probcover,
        "random": random,
        "typiclust": typiclust,
        "weighted-kmeans": weighted_kmeans,
    }
)
NEED_NO_MODEL = frozenset({"auto", "k-center", "probcover", "random", "typiclust"})
NEED_A_MODEL = frozenset(STRATEGIES) - NEED_NO_MODEL
NEED_MEMBERS = frozenset({"bald"})
NEED_LABELLED = frozenset({"cal"})


class UnknownStrategy(RequestError):
    """There is no strategy of that name."""


def strategy(name: str) -> Strategy:
    """The strategy called `name`.

    Raises:
        UnknownStrategy: There is none; the message names the nearest.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    nearest = difflib.get_close_matches(name.lower().replace("_", "-"), STRATEGIES, n=1, cutoff=0.5)
    meant = f'; "{nearest[0]}" was perhaps meant' if nearest else ""
    raise UnknownStrategy(f'there is no strategy "{name}"{meant}. There are: {", ".join(STRATEGIES)}.')


def strategy_or_stand_in(name: str, pool: Pool) -> tuple[str, str | None]:
    """The name of the strategy that chooses where `name` is wanted: itself; or one that needs less, and why, so that a
    round that has begun can go on.

    Raises:
        UnknownStrategy: There is none; the message names the nearest.
    """
    strategy(name)
    if name in NEED_A_MODEL and pool.probabilities is None:
        return "random", "there is no model yet"
    if name in NEED_MEMBERS and pool.members is None:
        return "margin", f"{name} needs a model of several members and this one has none"
    told = pool.labelled_labels is not None or pool.labelled_probabilities is not None
    if name in NEED_LABELLED and not (pool.labels and told and pool.labelled_embeddings is not None):
        return "margin", f"{name} needs labelled records that the model has spoken of"
    return name, None
