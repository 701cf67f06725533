"""Texts as sets of character 4-grams: a whole batch at once, as numbers, without a Python loop over its texts.

A text's normal form is NFKC and case-folded; what is neither letter, mark, digit, currency sign nor pictograph counts
as one space. A shingle is a 64-bit hash of four code points of it; a normal form that is shorter is one shingle.
"""

import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.sparse import csr_array

SHINGLE = 4
KEPT_CATEGORIES = ("L", "M", "N", "Sc", "So")
# Between texts of a batch. As a control character it is no part of any normal form.
BETWEEN = "\0"
ENCODING = "utf-32-le"
SPACE = 32
FIRST_FACTOR, LAST_FACTOR = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@cache
def _kept() -> np.ndarray:
    """For each code point, whether a normal form keeps it."""
    categories = map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))
    return np.fromiter((one[0] in "LMN" or one in KEPT_CATEGORIES for one in categories), bool, sys.maxunicode + 1)


def normal_forms(texts: Sequence[str]) -> list[str]:
    """The normal form of each text; empty where nothing of it is kept."""
    if not texts:
        return []
    joined = BETWEEN.join(texts)
    if joined.count(BETWEEN) != len(texts) - 1:
        joined = BETWEEN.join(text.replace(BETWEEN, " ") for text in texts)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", joined).casefold())
    codes = np.frombuffer(folded.encode(ENCODING, "surrogatepass"), np.uint32)
    ends = codes == 0
    word = _kept()[codes]
    # Of a run of other characters the first one stays, as a space, when a word stands before it ...
    after_word = np.concatenate(([False], word[:-1]))
    stays = word | ends | after_word
    short = np.where(word | ends, codes, SPACE)[stays]
    # ... and none at the end of a text.
    last = np.concatenate((short[1:] == 0, [True]))
    return (
        short[~(last & (short == SPACE))].astype(np.uint32).tobytes().decode(ENCODING, "surrogatepass").split(BETWEEN)
    )


def shingle_hashes(normal: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The shingles of each normal form, in the order of the text and with repetitions.

    Returns:
        The hashes (uint64) of all texts one after the other, and where each text's begin, with the end (N + 1,
        uint64). An empty normal form has none.
    """
    lengths = np.fromiter(map(len, normal), np.int64, len(normal))
    counts = np.where(lengths > 0, np.maximum(lengths - SHINGLE + 1, 1), 0)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.uint64)
    if not counts.sum():
        return np.empty(0, np.uint64), offsets
    # Each text is filled up with zeros to the length of a shingle, so that every window lies within its own text.
    padded = np.where(lengths > 0, np.maximum(lengths, SHINGLE), 0)
    starts = np.cumsum(padded) - padded
    codes = np.zeros(int(padded.sum()), np.uint64)
    written = np.frombuffer("".join(normal).encode(ENCODING, "surrogatepass"), np.uint32)
    places = np.arange(len(written)) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    codes[places] = written
    first = np.arange(int(counts.sum())) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    windows = codes[:-3] | (codes[1:-2] << np.uint64(21)) | (codes[2:-1] << np.uint64(42))
    return _mixed((windows * FIRST_FACTOR + codes[3:] * LAST_FACTOR)[first]), offsets


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection that spreads every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def similarities(normal: Sequence[str], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The Jaccard similarity of the shingle sets of `normal[left[i]]` and `normal[right[i]]`, for each i.

    It is 0 where both have no shingle.
    """
    hashes, offsets = shingle_hashes(normal)
    names, columns = np.unique(hashes, return_inverse=True)
    sets = csr_array(
        (np.ones(len(hashes), np.int32), columns, offsets.astype(np.int64)), shape=(len(normal), max(1, len(names)))
    )
    sets.sum_duplicates()
    sets.data[:] = 1
    sizes = np.diff(sets.indptr)
    common = np.asarray(sets[left].multiply(sets[right]).sum(axis=1)).ravel()
    either = sizes[left] + sizes[right] - common
    return common / np.maximum(either, 1)
