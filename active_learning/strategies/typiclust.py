"""TypiClust: the most typical record of each region that has no label yet; for a start without a model.

Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets", ICML 2022.
"""

import heapq

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Pool, Selection
from active_learning.strategies.grouping import Groups, Vectors, k_means, unit_rows
from active_learning.strategies.seeded_order import Positions, canonical_order, draw_seed, one_of_each_cluster

DISTANCES_AT_ONCE = 4_000_000
REASON = "Typical of a region that has no label yet."


def typiclust(
    pool: Pool,
    n: int,
    rng: np.random.Generator,
    *,
    neighbours: int = 20,
    max_groups: int = 1000,
    look_at: int = 20_000,
) -> Selection:
    """Choose the most typical record of each of the `n` largest groups that hold no label.

    The labelled and the unlabelled records are put in one group for each label that there will be. The groups with the
    fewest labels come first, of these the largest. Of a pool larger than `look_at`, a uniform sample is looked at.

    Args:
        pool: Needs `embeddings`; `labelled_embeddings` say which regions are covered.
        n: How many to choose.
        rng: Seeds the sample and the grouping.
        neighbours: Typicality is 1 / (1 + the mean distance to this many nearest neighbours in the group).
        max_groups: With more labels than this, a group gets several.
        look_at: How many records are looked at; at least `20 * n` are.

    Returns:
        min(n, clusters left) ids, the largest uncovered group's first; `scores` are the typicality, in (0, 1].

    Raises:
        PoolError: The pool has no embeddings.
    """
    embeddings = pool.need_embeddings("typiclust")
    seed = draw_seed(rng)
    looked_at = one_of_each_cluster(pool, seed, max(look_at, 20 * n))
    n = min(n, len(looked_at))
    if n <= 0:
        return Selection(pool.ids[:0], np.empty(0), REASON)
    vectors = unit_rows(embeddings[looked_at])
    labelled = (
        vectors[:0]
        if pool.labelled_embeddings is None
        else unit_rows(pool.labelled_embeddings[canonical_order(pool.labelled_embeddings)])
    )
    groups = k_means(np.concatenate([labelled, vectors]), min(len(labelled) + n, max_groups), seed)
    chosen, scores = _typical_of_groups(vectors, groups[len(labelled) :], groups[: len(labelled)], n, neighbours)
    return Selection(pool.ids[looked_at[chosen]], scores, REASON)


def typicality(vectors: Vectors, neighbours: int) -> npt.NDArray[np.float64]:
    """(N, D) unit rows -> (N,) 1 / (1 + mean distance to the nearest `neighbours` others), chunked over rows.

    In a group of fewer, half of it are neighbours, so that the far side of a small group does not blur its middle.
    """
    near = min(neighbours, len(vectors) // 2)
    if near == 0:
        return np.ones(len(vectors))
    typical = np.empty(len(vectors), dtype=np.float64)
    for rows in row_slices(len(vectors), at_once=max(1, DISTANCES_AT_ONCE // len(vectors))):
        squared = np.maximum(2 - 2 * (vectors[rows] @ vectors.T), 0)
        squared[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = (
            np.inf
        )  # nobody neighbours itself
        nearest = np.partition(squared, near - 1, axis=1)[:, :near]
        typical[rows] = 1 / (1 + np.sqrt(nearest).mean(axis=1, dtype=np.float64))
    return typical


def _typical_of_groups(
    vectors: Vectors, groups: Groups, labelled_groups: Groups, n: int, neighbours: int
) -> tuple[Positions, npt.NDArray[np.float64]]:
    """Take `n` rows, each from the group with the fewest labels so far and of these the largest."""
    labels = np.bincount(labelled_groups, minlength=groups.max() + 1)
    by_group = np.argsort(groups, kind="stable")
    names, starts = np.unique(groups[by_group], return_index=True)
    members = dict(zip(names.tolist(), np.split(by_group, starts[1:]), strict=True))
    queue = [(int(labels[group]), -len(rows), group) for group, rows in members.items()]
    heapq.heapify(queue)
    ranked: dict[int, list[tuple[int, float]]] = {}
    chosen: list[int] = []
    scores: list[float] = []
    while len(chosen) < n:
        covered, size, group = heapq.heappop(queue)
        if group not in ranked:
            ranked[group] = _least_typical_first(vectors, members[group], neighbours)
        row, score = ranked[group].pop()
        chosen.append(row)
        scores.append(score)
        if ranked[group]:
            heapq.heappush(queue, (covered + 1, size, group))
    return np.array(chosen, dtype=np.intp), np.array(scores)


def _least_typical_first(vectors: Vectors, rows: Positions, neighbours: int) -> list[tuple[int, float]]:
    typical = typicality(vectors[rows], neighbours)
    order = np.argsort(-typical, kind="stable")[::-1]
    return list(zip(rows[order].tolist(), typical[order].tolist(), strict=True))
