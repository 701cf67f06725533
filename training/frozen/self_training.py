"""Self-training: a logistic head that goes on learning from what it is surest of in the pool.

Yarowsky, "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", ACL 1995. Each class brings in the same
share of the records that are taken for it, so that an easy class does not crowd the others out; nothing taken in is
kept for good: every turn chooses anew.
"""

import numpy as np
from numpy.typing import NDArray

from training.frozen.heads import LinearHead
from training.frozen.logistic import fit_head

TURNS = 4
SHARE_AT_LAST = 0.6
MOST_TAKEN = 2000
LABEL_WEIGHT = 3.0
"""A label that a person gave counts as much as so many of the head's own."""


def self_train(
    labelled: NDArray[np.float32],
    labels: NDArray[np.int64],
    trust: NDArray[np.float64],
    unlabelled: NDArray[np.float32],
    strength: float,
) -> LinearHead:
    """The head after `TURNS` turns; of vectors (L, D) with labels (L,) and trust (L,), and of the pool's (U, D)."""
    head = fit_head(labelled, labels, strength, trust)
    if not len(unlabelled) or len(head.seen) < 2:
        return head
    for turn in range(1, TURNS + 1):
        said = head.log_probabilities(unlabelled)
        taken = surest(said, min(MOST_TAKEN, SHARE_AT_LAST * len(unlabelled)) * turn / TURNS)
        head = fit_head(
            np.concatenate([labelled, unlabelled[taken]]),
            np.concatenate([labels, head.seen[said[taken].argmax(axis=1)]]),
            strength,
            np.concatenate([LABEL_WEIGHT * trust, np.ones(len(taken))]),
        )
    return head


def surest(said: NDArray[np.float64], wanted: float) -> NDArray[np.int64]:
    """About `wanted` rows of `said` (N, S): of each class the same share of those taken for it, surest first."""
    best = said.max(axis=1)
    classes = said.argmax(axis=1)
    share = wanted / max(1, len(said))
    order = np.lexsort((-best, classes))
    starts = np.searchsorted(classes[order], np.arange(said.shape[1]))
    place = np.arange(len(said)) - starts[classes[order]]
    size = np.bincount(classes, minlength=said.shape[1])[classes[order]]
    return np.sort(order[place < np.ceil(share * size)])
