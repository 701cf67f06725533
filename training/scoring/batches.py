"""Which texts go through the encoder together."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# A padded batch holds this many tokens with its padding; more cost memory and, on a CPU, gain no speed.
TOKENS_PER_BATCH = 4096


def batches_by_length(lengths: Sequence[int], tokens: int) -> Iterator[Rows]:
    """Rows in batches of like length, the longest first; a batch, padded, holds at most `tokens` tokens or one text."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[int(order[start])]))
        yield order[start : start + size]
        start += size


def packed_batches(lengths: Sequence[int], tokens: int, *, shares: int = 1) -> Iterator[Rows]:
    """Rows in batches without padding, the longest first; each holds about as many tokens as the others.

    Args:
        lengths: Of N texts, in tokens, each at least 1.
        tokens: What a batch holds at most, or one text.
        shares: Batches are made for this many workers, so that all end together.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    total = int(np.sum(lengths))
    batches = max(1, -(-total // (tokens * shares))) * shares
    even = min(tokens, -(-total // batches))
    held: list[int] = []
    size = 0
    for row in order:
        if held and (size >= even or size + lengths[int(row)] > tokens):
            yield np.array(held, dtype=np.int64)
            held, size = [], 0
        held.append(int(row))
        size += lengths[int(row)]
    if held:
        yield np.array(held, dtype=np.int64)
