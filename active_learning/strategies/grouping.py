"""Groups of vectors that lie together, the same on every run.

k-means: Lloyd, "Least squares quantization in PCM", 1982; by mini-batches: Sculley, "Web-Scale K-Means Clustering",
WWW 2010.
"""

import warnings

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats

Vectors = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]

# Distances between rows and centres, above which full passes take longer than a person wants to wait.
FULL_PASSES_UP_TO = 4_000_000


def unit_rows(vectors: Floats) -> Vectors:
    """The rows at length 1, float32, so that distance means angle; a row of zeros stays one."""
    unit = np.array(vectors, dtype=np.float32)
    for rows in row_slices(len(unit)):
        lengths = np.linalg.norm(unit[rows], axis=1, keepdims=True)
        unit[rows] /= np.where(lengths > 0, lengths, 1)
    return unit


def k_means(vectors: Vectors, k: int, seed: int) -> Groups:
    """(N, D) -> (N,) the group of each row, in [0, k); a group can be empty where rows are equal.

    Runs on one thread: several add up in the order in which they finish, so that the last bits of a centre differ.
    """
    if k >= len(vectors):
        return np.arange(len(vectors), dtype=np.int64)
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if len(vectors) * k <= FULL_PASSES_UP_TO:
        grouping = KMeans(k, n_init=1, max_iter=50, random_state=seed)
    else:
        grouping = MiniBatchKMeans(k, n_init=1, batch_size=max(1024, 4 * k), random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than groups: said in the docstring
        return np.asarray(grouping.fit_predict(vectors), dtype=np.int64)
