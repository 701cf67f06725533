"""Groups of vectors that lie together, the same on every run.

k-means: Lloyd, "Least squares quantization in PCM", 1982; by mini-batches: Sculley, "Web-Scale K-Means Clustering",
WWW 2010. The first centres: Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
"""

import warnings

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats

Vectors = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

# Distances between rows and centres, above which full passes take longer than a person wants to wait.
FULL_PASSES_UP_TO = 8_000_000
SEEDS_AMONG = 10  # rows for each group


def unit_rows(vectors: Floats) -> Vectors:
    """The rows at length 1, float32, so that distance means angle; a row of zeros stays one."""
    unit = np.array(vectors, dtype=np.float32)
    for rows in row_slices(len(unit)):
        lengths = np.linalg.norm(unit[rows], axis=1, keepdims=True)
        unit[rows] /= np.where(lengths > 0, lengths, 1)
    return unit


def k_means(vectors: Vectors, k: int, seed: int, weights: Weights | None = None) -> Groups:
    """(N, D) -> (N,) the group of each row, in [0, k); a group can be empty where rows are equal.

    The first centres are chosen among some rows for each group, drawn by weight: as good where there are many rows, and
    several times as fast. Runs on one thread: several add up in the order in which they finish, so that the last bits
    of a centre differ.

    Args:
        weights: (N,) over 0, how much each row pulls its group's centre; all alike when None.
    """
    if k >= len(vectors):
        return np.arange(len(vectors), dtype=np.int64)
    from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rng = np.random.default_rng(seed)
    begin_with = max(SEEDS_AMONG * k, 1000)
    if weights is None:
        some = rng.choice(len(vectors), min(begin_with, len(vectors)), replace=False)
    else:
        some = rng.choice(len(vectors), begin_with, p=weights / weights.sum())
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than groups: said in the docstring
        # In double precision: single is converted piece by piece for each centre, which takes most of the time.
        first, _ = kmeans_plusplus(vectors[some].astype(np.float64), k, random_state=seed)
        options = {"init": first.astype(np.float32), "n_init": 1, "random_state": seed}
        if len(vectors) * k <= FULL_PASSES_UP_TO:
            grouping = KMeans(k, max_iter=20, **options)
        else:
            grouping = MiniBatchKMeans(k, max_iter=30, batch_size=max(4096, 4 * k), **options)
        return np.asarray(grouping.fit_predict(vectors, sample_weight=weights), dtype=np.int64)


def medoids(vectors: Vectors, groups: Groups, weights: Weights | None = None) -> Positions:
    """(N, D) rows in groups -> the row of each group that is nearest to its weighted mean, the heaviest group's first.

    Of rows that are equally near, the first; a group without a row gives none.
    """
    from scipy.sparse import csr_matrix

    weighs = np.ones(len(vectors)) if weights is None else np.asarray(weights, dtype=np.float64)
    rows = np.arange(len(vectors))
    mass = np.bincount(groups, weights=weighs)
    sums = csr_matrix((weighs.astype(np.float32), (groups, rows)), shape=(len(mass), len(vectors))) @ vectors
    centres = sums / np.maximum(mass, np.finfo(np.float32).tiny)[:, None].astype(np.float32)
    far = np.empty(len(vectors))
    for part in row_slices(len(vectors)):
        far[part] = np.square(vectors[part] - centres[groups[part]]).sum(axis=1)
    nearest = np.lexsort((rows, far, groups))
    first = nearest[np.unique(groups[nearest], return_index=True)[1]]
    return first[np.argsort(-mass[groups[first]], kind="stable")]
