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


def strategy_or_random(name: str, pool: Pool) -> Strategy:
    """The strategy called `name`; `random` where it needs a model and the pool has no probabilities yet.

    Raises:
        UnknownStrategy: There is none; the message names the nearest.
    """
    wanted = strategy(name)
    return random if name in NEED_A_MODEL and pool.probabilities is None else wanted
