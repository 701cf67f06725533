"""MinHash signatures and their bands: which texts are worth comparing.

Broder, "On the resemblance and containment of documents", 1997; bands as in Leskovec, Rajaraman and Ullman, "Mining
of Massive Datasets", chapter 3. Two texts with Jaccard similarity s share a band with probability 1 - (1 - s^6)^21:
.998 at .8, .81 at .65, .015 at .3.
"""

from struct import Struct

import numpy as np
from rensa import RMinHash

PERMUTATIONS = 128
BANDS = 21
BAND_ROWS = 6
SEED = 1
AT_ONCE = 200
_AS_BYTES = Struct(f"{PERMUTATIONS}I").pack
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def signatures(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """MinHash of each text's shingles (see `shingle_hashes`): (N, 128) uint32."""
    found = np.empty((len(offsets) - 1, PERMUTATIONS), np.uint32)
    # rensa gives lists of numbers; those of some hundred texts stay in the processor's cache.
    for start in range(0, len(found), AT_ONCE):
        edges = offsets[start : start + AT_ONCE + 1]
        rows = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes[edges[0] : edges[-1]], edges - edges[0], PERMUTATIONS, SEED
        ).to_rows()
        packed = b"".join([_AS_BYTES(*row) for row in rows])
        found[start : start + AT_ONCE] = np.frombuffer(packed, np.uint32).reshape(-1, PERMUTATIONS)
    return found


def band_keys(found: np.ndarray) -> np.ndarray:
    """One hash a band of signatures: (21, N) uint64."""
    keys: np.ndarray = np.zeros((BANDS, len(found)), np.uint64)
    for row in range(BAND_ROWS):
        part = found[:, row : BANDS * BAND_ROWS : BAND_ROWS].T.astype(np.uint64)
        keys = (keys ^ part) * FACTOR
        keys ^= keys >> np.uint64(29)
    return keys
