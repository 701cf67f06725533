"""What an example counts for in a loss where some classes have many labels and others few."""

import numpy as np
from numpy.typing import NDArray

# Below this ratio of the most to the least frequent class weights cost accuracy and win nothing.
IMBALANCED = 3.0


def class_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the weight of each example, 1 in the mean: the inverse root of how often its class occurs.

    The root is a bound: a class with one label among a hundred counts ten times as much as it would, not a hundred.
    Where no class has more than `IMBALANCED` times the labels of another, all weigh 1.
    """
    counts = np.bincount(labels)
    seen = counts[counts > 0]
    if not len(seen) or seen.max() <= IMBALANCED * seen.min():
        return np.ones(len(labels))
    weights = 1 / np.sqrt(counts[labels])
    return np.asarray(weights / weights.mean(), dtype=np.float64)
