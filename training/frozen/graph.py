"""Beliefs that spread from labelled records over a graph of nearest neighbours.

Zhou et al., "Learning with Local and Global Consistency", NeurIPS 2003: F = a S F + (1 - a) F0 with S the symmetrically
normalised weights. Each class starts with the same mass, however many labels it has.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15
SHARPNESS = 10.0
"""A neighbour at cosine c weighs exp(SHARPNESS * (c - 1))."""
LEFT_UNDONE = 0.01
"""Beliefs travel until what more steps could change is less than this share of them."""
PRODUCTS_AT_ONCE = 8_000_000

Beliefs = NDArray[np.float32]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """The normalised weights (N, N), a scipy sparse matrix, between N records."""

    weights: Any

    @classmethod
    def of(cls, vectors: Vectors) -> "NeighbourGraph":
        """The graph of vectors (N, D) of length 1; an edge is there when either of two is near the other."""
        from scipy.sparse import csr_matrix, diags

        n = len(vectors)
        near = min(NEIGHBOURS, n - 1)
        if near < 1:
            return cls(csr_matrix((n, n), dtype=np.float32))
        neighbours, cosines = nearest(vectors, vectors, near, without_self=True)
        rows = np.repeat(np.arange(n), near)
        edges = csr_matrix((edge_weights(cosines).ravel(), (rows, neighbours.ravel())), (n, n))
        edges = edges.maximum(edges.T)
        scale = diags(1 / np.sqrt(np.maximum(np.asarray(edges.sum(axis=1)).ravel(), 1e-12)))
        return cls((scale @ edges @ scale).tocsr().astype(np.float32))

    def spread(
        self, rows: NDArray[np.int64], labels: NDArray[np.int64], trust: Any, classes: int, far: float
    ) -> Beliefs:
        """(N, C) what each record is believed to be, rows sum to 1; all alike where no belief arrived.

        Args:
            rows: (L,) which records are labelled.
            labels: (L,) their classes, in [0, C).
            trust: (L,) how much each label says.
            classes: C.
            far: `a`, in (0, 1): how far beliefs travel.
        """
        start = np.zeros((self.weights.shape[0], classes), dtype=np.float32)
        np.add.at(start, (rows, labels), np.asarray(trust, dtype=np.float32))
        start /= np.maximum(start.sum(axis=0), 1e-12)
        beliefs = start.copy()
        for _ in range(math.ceil(math.log(LEFT_UNDONE) / math.log(far))):
            beliefs = far * (self.weights @ beliefs) + (1 - far) * start
        return normalised(beliefs)


def nearest(
    vectors: Vectors, among: Vectors, k: int, *, without_self: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows (N, k) of the `k` vectors in `among` (M, D) nearest to each of `vectors` (N, D), and their cosines.

    Args:
        without_self: `among` are the same vectors, and nobody neighbours itself.
    """
    rows = np.empty((len(vectors), k), dtype=np.int64)
    cosines = np.empty((len(vectors), k), dtype=np.float32)
    at_once = max(1, PRODUCTS_AT_ONCE // max(1, len(among)))
    for start in range(0, len(vectors), at_once):
        part = slice(start, min(start + at_once, len(vectors)))
        products = vectors[part] @ among.T
        if without_self:
            products[np.arange(part.stop - part.start), np.arange(part.start, part.stop)] = -2
        rows[part] = np.argpartition(-products, k - 1, axis=1)[:, :k]
        cosines[part] = np.take_along_axis(products, rows[part], axis=1)
    return rows, cosines


def edge_weights(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much a neighbour at each cosine counts."""
    return np.exp(SHARPNESS * (cosines - 1)).astype(np.float32)


def normalised(beliefs: Beliefs) -> Beliefs:
    """Rows (N, C) that sum to 1; a row of zeros says nothing, so all classes alike."""
    mass = beliefs.sum(axis=1, keepdims=True)
    alike = np.full_like(beliefs, 1 / beliefs.shape[1])
    return np.where(mass > 1e-20, beliefs / np.maximum(mass, 1e-20), alike)
