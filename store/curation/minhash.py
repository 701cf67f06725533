"""MinHash signatures and their bands: which texts are worth comparing.

Broder, "On the resemblance and containment of documents", 1997; bands as in Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3. Two texts with Jaccard similarity s share a band with probability 1 - (1 - s^6)^21: .998 at
.8, .75 at .65, .015 at .3.
"""

from array import array
from itertools import chain

import numpy as np
from rensa import RMinHash

PERMUTATIONS = 128
BANDS = 21
BAND_ROWS = 6
SEED = 1
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def signatures(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """MinHash of each text's shingles (see `shingle_hashes`): (N, 128) uint32."""
    if len(offsets) == 1:
        return np.empty((0, PERMUTATIONS), np.uint32)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, SEED).to_rows()
    return np.frombuffer(array("I", chain.from_iterable(rows)), np.uint32).reshape(-1, PERMUTATIONS)


def band_keys(found: np.ndarray) -> np.ndarray:
    """One hash a band of signatures: (21, N) uint64."""
    keys = np.zeros((BANDS, len(found)), np.uint64)
    for row in range(BAND_ROWS):
        part = found[:, row : BANDS * BAND_ROWS : BAND_ROWS].T.astype(np.uint64)
        keys = (keys ^ part) * FACTOR
        keys ^= keys >> np.uint64(29)
    return keys


def agreement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The share of the permutations in which rows of two signature arrays agree: an estimate of the similarity."""
    return np.count_nonzero(one == other, axis=1) / PERMUTATIONS
