"""Where vectors are kept, so that a text is embedded once for a given encoder revision."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class VectorCache(Protocol):
    """Vectors by encoder and content hash."""

    def get(self, encoder: str, hashes: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """The hashes that have a vector, and these vectors (M, D) in the same order."""
        ...

    def put(self, encoder: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep `vectors` (M, D), one for each hash; a hash that is already there may be left alone."""
        ...


class MemoryCache:
    """A `VectorCache` that lasts as long as the process."""

    def __init__(self) -> None:
        self._vectors: dict[tuple[str, str], NDArray[np.float32]] = {}

    def get(self, encoder: str, hashes: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """The hashes that have a vector, and these vectors (M, D) in the same order."""
        found = [key for key in hashes if (encoder, key) in self._vectors]
        if not found:
            return [], np.zeros((0, 0), dtype=np.float32)
        return found, np.stack([self._vectors[encoder, key] for key in found])

    def put(self, encoder: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep `vectors` (M, D), one for each hash."""
        for key, vector in zip(hashes, vectors, strict=True):
            self._vectors[encoder, key] = np.array(vector, dtype=np.float32)


class NothingKept:
    """A `VectorCache` that forgets: for streams through a pool that is larger than memory."""

    def get(self, encoder: str, hashes: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:  # noqa: ARG002
        """No hash has a vector."""
        return [], np.zeros((0, 0), dtype=np.float32)

    def put(self, encoder: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep none."""
