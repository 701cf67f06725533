"""Folds for cross-validation: every class spread evenly, every group in one fold."""

import numpy as np
from numpy.typing import NDArray

from training.errors import TooFewLabels
from training.examples import Examples


def assign_folds(examples: Examples, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold (N,) of each example, 0 to `folds` - 1.

    Groups are dealt out like cards, class after class, the larger ones first: every fold gets its share of each class,
    within one group, also of a class with fewer members than there are folds (where `StratifiedGroupKFold` of
    scikit-learn gives up), and in N log N steps. A group of several classes counts for its most frequent one.

    Raises:
        TooFewLabels: There are fewer groups than folds.
    """
    if not len(examples):
        raise TooFewLabels("There are no labels to divide into folds.")
    groups, member = np.unique(examples.groups, return_inverse=True)
    if len(groups) < folds:
        raise TooFewLabels(
            f"Too few labels to judge by: at least {folds} records that are not near-equal are needed, and "
            f"{len(groups)} are labelled; label more."
        )
    majority, sizes = majority_labels(member, examples.labels)
    order = np.lexsort((rng.random(len(groups)), -sizes, majority))
    fold_of_group = np.empty(len(groups), dtype=np.int64)
    fold_of_group[order] = np.arange(len(groups)) % folds
    return fold_of_group[member]


def majority_labels(
    member: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each group, as `member` (N,) names it, its most frequent label (on a tie the smallest) and its size."""
    pairs, counts = np.unique(np.stack([member, labels]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    _, first = np.unique(pairs[0][order], return_index=True)
    return pairs[1][order][first], np.bincount(member)
