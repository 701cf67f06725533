"""What is kept of each text while near-equal ones are looked for: in files of a folder, so that memory stays small.

Of a text, memory holds 40 bytes; its normal form, its signature and its band keys lie on the disk.
"""

import hashlib
from collections.abc import Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from store.curation.minhash import BANDS, PERMUTATIONS, band_keys, signatures
from store.curation.shingling import normal_forms, shingle_hashes, similarities

CHUNK_CHARACTERS = 2_000_000
CHUNK_TEXTS = 10_000
CHUNK_PAIRS = 100_000
# An estimate this far under the threshold is over five standard deviations away from it: such a pair is not compared.
MARGIN = 0.2


class Sketches:
    """The texts that were given, by place in the order of giving.

    Attributes:
        digests: 128 bits of the hash of each normal form, of the text itself where that is empty: (N, 2) uint64.
        shingled: Whether a text has shingles at all.
    """

    def __init__(self, folder: Path) -> None:
        self._texts_file = folder / "texts"
        self._signatures_file = folder / "signatures"
        self._band_files = [folder / f"band-{number}" for number in range(BANDS)]
        self._digests: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []
        for path in (self._texts_file, self._signatures_file, *self._band_files):
            path.touch()

    def add(self, texts: Sequence[str]) -> None:
        """Take in a batch of texts."""
        for part in _chunks(texts):
            self._add(part)

    def _add(self, texts: Sequence[str]) -> None:
        normal = normal_forms(texts)
        encoded = [one.encode("utf-8", "surrogatepass") for one in normal]
        named = [
            one or b"\0" + " ".join(text.split()).encode("utf-8", "surrogatepass")
            for one, text in zip(encoded, texts, strict=True)
        ]
        digests = b"".join([hashlib.blake2b(one, digest_size=16).digest() for one in named])
        found = signatures(*shingle_hashes(normal))
        _append(self._texts_file, b"".join(encoded))
        # One byte a permutation is enough to tell the far ones: unequal values agree in it once in 256.
        _append(self._signatures_file, found.astype(np.uint8).tobytes())
        for path, keys in zip(self._band_files, band_keys(found), strict=True):
            _append(path, keys.tobytes())
        self._digests.append(np.frombuffer(digests, np.uint64).reshape(-1, 2))
        self._sizes.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))

    def close(self) -> None:
        """Make ready for comparing; nothing can be added from here on."""
        self.digests = np.concatenate([np.empty((0, 2), np.uint64), *self._digests])
        sizes = np.concatenate([np.empty(0, np.int64), *self._sizes])
        self._digests, self._sizes = [], []
        self._offsets = np.concatenate(([0], np.cumsum(sizes)))
        self.shingled = sizes > 0
        self._signatures = np.frombuffer(_mapped(self._signatures_file), np.uint8).reshape(-1, PERMUTATIONS)
        self._texts = _mapped(self._texts_file)

    def __len__(self) -> int:
        return len(self.shingled)

    def bands(self) -> Iterator[np.ndarray]:
        """The keys (N,) of each band."""
        for path in self._band_files:
            yield np.fromfile(path, np.uint64)

    def similar(self, left: np.ndarray, right: np.ndarray, threshold: float) -> np.ndarray:
        """The exact similarities (N,) of pairs of places; 0 where even the estimate is far under `threshold`."""
        found = np.zeros(len(left))
        for start in range(0, len(left), CHUNK_PAIRS):
            near = np.arange(start, min(start + CHUNK_PAIRS, len(left)))
            agree = self._signatures[left[near]] == self._signatures[right[near]]
            near = near[np.count_nonzero(agree, axis=1) >= (threshold - MARGIN) * PERMUTATIONS]
            found[near] = self.exactly(left[near], right[near])
        return found

    def exactly(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The exact similarities (N,) of pairs of places."""
        found = np.empty(len(left))
        weight = np.cumsum(self._size(left) + self._size(right))
        for part in np.split(np.arange(len(left)), np.flatnonzero(np.diff(weight // CHUNK_CHARACTERS)) + 1):
            places, position = np.unique(np.concatenate((left[part], right[part])), return_inverse=True)
            spans = zip(self._offsets[places].tolist(), self._offsets[places + 1].tolist(), strict=True)
            normal = [self._texts[start:end].decode("utf-8", "surrogatepass") for start, end in spans]
            found[part] = similarities(normal, position[: len(part)], position[len(part) :])
        return found

    def _size(self, places: np.ndarray) -> np.ndarray:
        return self._offsets[places + 1] - self._offsets[places]


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, characters = 0, 0
    for place, text in enumerate(texts):
        characters += len(text)
        if characters >= CHUNK_CHARACTERS or place + 1 - start >= CHUNK_TEXTS:
            yield texts[start : place + 1]
            start, characters = place + 1, 0
    if start < len(texts):
        yield texts[start:]


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def _mapped(path: Path) -> mmap | bytes:
    if not path.stat().st_size:
        return b""
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)
