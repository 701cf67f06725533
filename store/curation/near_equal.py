"""Which texts are near-equal: candidates from MinHash bands, each compared exactly, joined into clusters."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from store.curation.sketches import Sketches

# All pairs of a band's bucket are looked at up to this many texts. In a larger one (a text that a site repeats a
# hundred thousand times with another number in it) each is compared with so many pivots: linear, not quadratic.
ALL_PAIRS_UP_TO = 64
PIVOTS = 32
PAIRS_AT_ONCE = 200_000


class Clusters:
    """A partition of places; each cluster is named by its first place."""

    def __init__(self, size: int) -> None:
        self.first = np.arange(size)

    def join(self, left: np.ndarray, right: np.ndarray) -> None:
        """Put the clusters of each pair of places together."""
        names, ends = np.unique(np.concatenate((self.first[left], self.first[right])), return_inverse=True)
        if not len(names):
            return
        pairs = (ends[: len(left)], ends[len(left) :])
        graph = coo_array((np.ones(len(left), np.int8), pairs), shape=(len(names), len(names)))
        _, component = connected_components(graph, directed=False)
        smallest = np.full(component.max() + 1, len(self.first))
        np.minimum.at(smallest, component, names)
        renamed = np.arange(len(self.first))
        renamed[names] = smallest[component]
        self.first = renamed[self.first]

    def apart(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """For each pair of places, whether they are in different clusters."""
        return self.first[left] != self.first[right]


def clusters_of(sketches: Sketches, threshold: float) -> Clusters:
    """Equal normal forms together, and what pairs with a similarity of `threshold` or more connect."""
    clusters = Clusters(len(sketches))
    firsts = _first_of_equals(sketches, clusters)
    waiting, size = [], 0
    for keys in sketches.bands():
        order, starts, sizes = _buckets(firsts, keys)
        small = sizes <= ALL_PAIRS_UP_TO
        for left, right in _pairs_within(order, starts[small], sizes[small]):
            apart = clusters.apart(left, right)
            waiting.append(np.stack((left[apart], right[apart])))
            size += waiting[-1].shape[1]
            if size >= PAIRS_AT_ONCE:
                _compare(sketches, clusters, np.concatenate(waiting, axis=1), threshold)
                waiting, size = [], 0
        for start, length in zip(starts[~small].tolist(), sizes[~small].tolist(), strict=True):
            _compare_with_pivots(sketches, clusters, order[start : start + length], threshold)
    if waiting:
        _compare(sketches, clusters, np.concatenate(waiting, axis=1), threshold)
    return clusters


def _first_of_equals(sketches: Sketches, clusters: Clusters) -> np.ndarray:
    """Join equal normal forms; gives the first place of each that has shingles."""
    digests = np.ascontiguousarray(sketches.digests).view([("high", np.uint64), ("low", np.uint64)]).ravel()
    _, first, which = np.unique(digests, return_index=True, return_inverse=True)
    clusters.first = first[which]
    firsts = np.sort(first)
    return firsts[sketches.shingled[firsts]]


def _buckets(places: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places ordered by key, and where each run of two or more equal keys starts, and how long it is."""
    by_key = np.argsort(keys[places], kind="stable")
    order = places[by_key]
    ordered = keys[order]
    edges = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    sizes = np.diff(edges)
    several = sizes > 1
    return order, edges[:-1][several], sizes[several]


def _pairs_within(order: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs within each run: first those with the run's first place, which mostly settle the rest."""
    if not len(sizes):
        return
    for one in range(int(sizes.max()) - 1):
        here = starts[sizes > one + 1]
        others = sizes[sizes > one + 1] - one - 1
        left = np.repeat(here + one, others)
        right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(others) - others, others)
        yield order[left], order[right]


def _compare(sketches: Sketches, clusters: Clusters, pairs: np.ndarray, threshold: float) -> None:
    """Join the clusters of those of the pairs (2, N) that are near-equal."""
    left, right = np.divmod(np.unique(pairs[0] * len(sketches) + pairs[1]), len(sketches))
    apart = clusters.apart(left, right)
    left, right = left[apart], right[apart]
    near = sketches.similar(left, right, threshold) >= threshold
    clusters.join(left[near], right[near])


def _compare_with_pivots(sketches: Sketches, clusters: Clusters, members: np.ndarray, threshold: float) -> None:
    left = members
    for _ in range(PIVOTS):
        if not len(left):
            return
        others = members[members != left[0]]
        _compare(sketches, clusters, np.stack((np.full(len(others), left[0]), others)), threshold)
        left = left[clusters.apart(left, np.full(len(left), left[0]))]
