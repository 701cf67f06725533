"""Vectors in a folder, for processes that come and go: a text of a simulation is embedded once.

Each `put` is a file of its own, named by what it holds and moved into place whole, so that several processes may write
and any may be killed.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class FolderVectors:
    """A `training.vector_cache.VectorCache` whose vectors lie in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vectors: dict[str, dict[str, NDArray[np.float32]]] = {}
        self._read: set[Path] = set()

    def __getstate__(self) -> Path:
        """Another process reads the folder for itself."""
        return self._folder

    def __setstate__(self, folder: Path) -> None:
        """As made anew."""
        self.__init__(folder)  # type: ignore[misc]

    def get(self, encoder: str, hashes: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """The hashes that have a vector, and these vectors (M, D) in the same order."""
        known = self._vectors.setdefault(encoder, {})
        if not all(one in known for one in hashes):
            self._look_again(encoder)
        found = [one for one in hashes if one in known]
        if not found:
            return [], np.zeros((0, 0), dtype=np.float32)
        return found, np.stack([known[one] for one in found])

    def put(self, encoder: str, hashes: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep `vectors` (M, D), one for each hash; they are on the disk when this returns."""
        new = [row for row, one in enumerate(hashes) if one not in self._vectors.setdefault(encoder, {})]
        if not new:
            return
        keys = np.array([hashes[row] for row in new], dtype=np.str_)
        kept = np.asarray(vectors[new], dtype=np.float32)
        self._vectors[encoder] |= dict(zip(keys.tolist(), kept, strict=True))
        folder = self._folder_of(encoder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(''.join(keys.tolist()).encode()).hexdigest()[:16]}.npz"
        handle, partial = tempfile.mkstemp(dir=folder, suffix=".partial")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, hashes=keys, vectors=kept)
        Path(partial).replace(path)
        self._read.add(path)

    def _look_again(self, encoder: str) -> None:
        for path in sorted(self._folder_of(encoder).glob("*.npz")):
            if path not in self._read:
                with np.load(path) as kept:
                    self._vectors[encoder] |= dict(zip(kept["hashes"].tolist(), kept["vectors"], strict=True))
                self._read.add(path)

    def _folder_of(self, encoder: str) -> Path:
        return self._folder / hashlib.sha256(encoder.encode()).hexdigest()[:16]
