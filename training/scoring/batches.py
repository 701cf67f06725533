"""Which texts go through the encoder together."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# A batch holds this many tokens with its padding; more cost memory and, on a CPU, gain no speed.
TOKENS_PER_BATCH = 4096


def batches_by_length(lengths: Sequence[int], tokens: int) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of like length, the longest first; a batch, padded, holds at most `tokens` tokens or one text."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[int(order[start])]))
        yield order[start : start + size]
        start += size
