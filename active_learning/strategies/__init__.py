"""Which records are worth a person's time next: each strategy a pure function of a pool, a number and a generator.

A strategy chooses min(n, clusters left) distinct ids, at most one of each cluster of near-equal records. It does the
same for the same seed in whatever order the pool lies, and reads and writes nothing. A new one is a module here and
a line in `STRATEGIES`.
"""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from active_learning.pool import Pool, Selection
from active_learning.strategies.auto import auto
from active_learning.strategies.cluster_margin import cluster_margin
from active_learning.strategies.entropy import entropy
from active_learning.strategies.least_confidence import least_confidence
from active_learning.strategies.margin import margin
from active_learning.strategies.random import random
from active_learning.strategies.typiclust import typiclust
from store.errors import RequestError

Strategy = Callable[[Pool, int, np.random.Generator], Selection]

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "auto": auto,
        "cluster-margin": cluster_margin,
        "entropy": entropy,
        "least-confidence": least_confidence,
        "margin": margin,
        "random": random,
        "typiclust": typiclust,
    }
)


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
