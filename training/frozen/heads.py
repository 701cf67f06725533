"""What stands on frozen vectors and says a class: a linear head, and the beliefs of the nearest records."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats, log_softmax
from training.frozen.graph import NEIGHBOURS, Beliefs, Vectors, edge_weights, nearest, normalised

FLOOR = 1e-4
"""No neighbourhood is so sure that it leaves a class less than this."""
ROWS_AT_ONCE = 4096


class Head(Protocol):
    """Says of vectors how probable the seen classes are."""

    @property
    def seen(self) -> NDArray[np.int64]:
        """(S,) the classes that had labels, rising."""
        ...

    def log_probabilities(self, vectors: Vectors) -> Floats:
        """(N, S) of vectors (N, D) as `Ground.place` gives them."""
        ...

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """What must be kept to make it again."""
        ...


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits of the seen classes (S,) are `vectors @ weight.T + bias`; weight is (S, D), bias (S,), both float64."""

    seen: NDArray[np.int64]
    weight: Floats
    bias: Floats

    def logits(self, vectors: Vectors) -> Floats:
        """(N, S) for vectors (N, D)."""
        return vectors.astype(np.float64) @ self.weight.T + self.bias

    def log_probabilities(self, vectors: Vectors) -> Floats:
        """(N, S) the log of the softmax of the logits."""
        return log_softmax(self.logits(vectors)) if len(vectors) else np.zeros((0, len(self.seen)))

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """`seen`, `weight`, `bias`."""
        return {"seen": self.seen, "weight": self.weight, "bias": self.bias}


@dataclass(frozen=True, eq=False)
class NeighbourHead:
    """A record is believed to be what the nearest of R known records are; reference (R, D), beliefs (R, S), float32."""

    seen: NDArray[np.int64]
    reference: Vectors
    beliefs: Beliefs

    def log_probabilities(self, vectors: Vectors) -> Floats:
        """(N, S) the log of the weighted mean of the neighbours' beliefs, floored."""
        said = np.empty((len(vectors), len(self.seen)))
        k = min(NEIGHBOURS, len(self.reference))
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            rows, cosines = nearest(vectors[part], self.reference, k)
            said[part] = floored(np.einsum("nk,nkc->nc", edge_weights(cosines), self.beliefs[rows]))
        return said

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """`seen`, `reference`, `beliefs`."""
        return {"seen": self.seen, "reference": self.reference, "beliefs": self.beliefs}


def floored(beliefs: Beliefs) -> Floats:
    """The log of beliefs (N, S), whose rows need not sum to 1, with at least `FLOOR` for each class."""
    return np.log(normalised(beliefs).astype(np.float64) + FLOOR)


def head_of(tensors: dict[str, NDArray[np.generic]]) -> LinearHead | NeighbourHead:
    """The head that gave these tensors."""
    kind = LinearHead if "weight" in tensors else NeighbourHead
    return kind(**tensors)  # type: ignore[arg-type]
