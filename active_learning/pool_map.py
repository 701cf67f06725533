"""A map of the pool: vectors of many dimensions laid out in two, so that a person can see where the rounds went.

UMAP (McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction", 2018)
keeps neighbours together and lets groups stand apart; it is an extra. Where it is absent, the first two principal
components are drawn: quick, and true to large distances only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["umap", "pca"]

# With fewer vectors there are hardly any neighbourhoods to keep, and a person sees as much in two principal components.
FEWEST_FOR_UMAP = 100
NEIGHBOURS = 15
MIN_DISTANCE = 0.1
ROUNDING = 1e-6


@dataclass(frozen=True)
class PoolMap:
    """Where each vector lies on the map.

    Attributes:
        points: (N, 2) float64, both axes in [0, 1]; the axes themselves mean nothing.
        method: How they were laid out, `umap` or `pca`.
    """

    points: NDArray[np.float64]
    method: Method


def method_here(records: int) -> Method:
    """How a map of so many records is laid out on this machine: by UMAP where it is installed, else by PCA."""
    return "umap" if records >= FEWEST_FOR_UMAP and find_spec("umap") is not None else "pca"


def map_pool(
    vectors: NDArray[np.floating],
    *,
    seed: int,
    method: Method | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> PoolMap:
    """Lay vectors (N, D) out in two dimensions; the same for a seed.

    Args:
        vectors: Finite; equal vectors come to lie at one place, by PCA exactly, by UMAP nearly.
        method: What `method_here` says unless given.
        say: Told when a layout begins that takes more than a moment.
    """
    chosen = method or method_here(len(vectors))
    if chosen == "umap":
        say(f"Laying out a map of {len(vectors)} records by UMAP: a minute or so, once.")
        return PoolMap(_into_unit_square(_umap(vectors, seed)), "umap")
    return PoolMap(_into_unit_square(_principal_components(vectors, seed)), "pca")


def _umap(vectors: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    import warnings

    neighbours = min(NEIGHBOURS, len(vectors) - 1)
    with warnings.catch_warnings():
        # It tells us that Tensorflow is not there, and that a seed means one thread.
        warnings.simplefilter("ignore")
        from umap import UMAP

        layout = UMAP(n_neighbors=neighbours, min_dist=MIN_DISTANCE, metric="cosine", init="pca", random_state=seed)
        points: NDArray[np.float64] = layout.fit_transform(np.asarray(vectors, dtype=np.float32)).astype(np.float64)
    return points


def _principal_components(vectors: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA

    points = np.zeros((len(vectors), 2))
    components = min(2, *vectors.shape)
    if components and len(vectors) > 1 and np.ptp(vectors, axis=0).any():
        # scikit-learn settles the signs, so that the map does not flip from one machine to the next.
        found = PCA(components, svd_solver="randomized", random_state=seed).fit_transform(
            np.asarray(vectors, dtype=np.float64)
        )
        points[:, :components] = found
    return points


def _into_unit_square(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shifted and scaled into [0, 1] along each axis; an axis along which nothing differs lies at a half."""
    if not len(points):
        return points
    low, reach = points.min(axis=0), np.ptp(points, axis=0)
    # What is left along an axis after rounding is no difference, and must not be blown up into one.
    differs = reach > ROUNDING * reach.max()
    spread = np.divide(points - low, reach, out=np.full_like(points, 0.5), where=differs)
    return np.clip(spread, 0.0, 1.0)
