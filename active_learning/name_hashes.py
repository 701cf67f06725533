"""Names as numbers: hashes that a seed decides, the same for a name wherever it stands, and codes of equal names.

Sorting a million ids of 32 digits takes seconds and a set of them hundreds of megabytes; their hashes take neither.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices

Names = npt.NDArray[np.str_]
Hashes = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seeded_hashes(names: Names, seed: int) -> Hashes:
    """Hash each name to 64 bits: multilinear hashing of the code points, then the finaliser of SplitMix64.

    The hash of a name is the same in every array, since the padding of numpy's strings is zero and adds nothing.
    Multilinear: Carter and Wegman, 1979; SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    """
    names = np.ascontiguousarray(names)
    return hash_words(names.view(np.uint32).reshape(len(names), names.dtype.itemsize // 4), seed)


def hash_words(words: npt.NDArray[np.uint32], seed: int) -> Hashes:
    """(N, W) -> (N,) a hash of each row; words of zero add nothing."""
    places = np.arange(1, words.shape[1] + 1, dtype=np.uint64)
    factors = _finalise(places * GOLDEN + np.uint64(seed)) | np.uint64(1)
    hashes = np.empty(len(words), dtype=np.uint64)
    for rows in row_slices(len(words)):
        hashes[rows] = words[rows].astype(np.uint64) @ factors
    return _finalise(hashes)


def name_codes(names: Names) -> npt.NDArray[np.int64]:
    """(N,) names -> (N,) codes from 0 up, equal where the names are equal and only there."""
    _, first, codes = np.unique(seeded_hashes(names, 0), return_index=True, return_inverse=True)
    said = names[first]
    if not all((names[rows] == said[codes[rows]]).all() for rows in row_slices(len(names))):
        # Two names with one hash: once in many millions of pools.
        codes = np.unique(names, return_inverse=True)[1]
    return np.asarray(codes, dtype=np.int64)


def repeated_name(names: Names) -> str | None:
    """A name that stands there more than once; None when all are distinct."""
    hashes = np.sort(seeded_hashes(names, 0))
    if not (hashes[1:] == hashes[:-1]).any():
        return None
    values, counts = np.unique(names, return_counts=True)
    return str(values[counts.argmax()]) if counts.max() > 1 else None


def _finalise(words: npt.NDArray[Any]) -> Hashes:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
