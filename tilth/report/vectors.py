"""The vectors that a project has of its records, whichever view of the encoder they show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from store.database import Store
from store.embeddings import StoredVectors, encoder_keys
from store.models import Model

SENTENCE = "sentence"


def keys_to_try(store: Store, current: Model | None) -> list[str]:
    """What vectors are kept under: of the current model's encoder, else of the one that has most.

    The view that the model reads comes first, then the fullest: often it is the only one that has every record.
    """
    keys = encoder_keys(store)
    if not keys:
        return []
    encoder = (current.encoder if current is not None else keys[0]).partition("#")[0]
    view = current.recipe.get("view", SENTENCE) if current is not None else SENTENCE
    read = encoder if view == SENTENCE else f"{encoder}#{view}"
    return sorted((key for key in keys if key.partition("#")[0] == encoder), key=lambda key: key != read)


def known_vectors(
    store: Store, keys: Sequence[str], hashes: Sequence[str]
) -> tuple[dict[str, int], NDArray[np.float32]]:
    """Of the key that knows most of `hashes`: the row of each content hash that it knows, and the vectors (M, D)."""
    wanted = len(set(hashes))
    best: tuple[list[str], NDArray[np.float32]] = ([], np.empty((0, 0), dtype=np.float32))
    for key in keys:
        found, vectors = StoredVectors(store).get(key, hashes)
        if len(found) > len(best[0]):
            best = (found, vectors)
        if len(found) == wanted:
            break
    return {content: row for row, content in enumerate(best[0])}, best[1]
