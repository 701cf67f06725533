"""What tells records apart while there is no model: nobody knows yet which view of the encoder tells the classes.

Topics are told by a text's mean, the kind of a question or request by how it begins. Where one of the two alone is
looked at and the classes lie in the other, a first round may miss a class almost whole. Side by side they made better
first models on kinds of question (TREC-6) and on topics (Banking77), measured on training records that were not drawn;
with the beginning at its full weight, topics suffered.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training.examples import Inputs
from training.frozen.ground import centred

if TYPE_CHECKING:
    from training.encoder import Encoder
    from training.scoring.views import View

Vectors = npt.NDArray[np.float32]

WEIGHTS: "dict[View, float]" = {"sentence": 1.0, "first-word": 0.5}
ALL_WEIGHED_UP_TO = 300_000
"""Of more records only the first view is taken: the vectors of all would fill more than a gigabyte."""


def cold_start_vectors(encoder: "Encoder", *parts: Inputs) -> tuple[Vectors, ...]:
    """(N, V * D) for each part of a pool: its views side by side, each centred on all parts and as long as its weight.

    Raises:
        NotFinite: The encoder gave NaN or infinity for a text.
    """
    rows = sum(map(len, parts))
    views = tuple(WEIGHTS)[: None if rows <= ALL_WEIGHED_UP_TO else 1]
    said = [encoder.embed_views(part, views) for part in parts]
    beside: list[list[Vectors]] = [[] for _ in parts]
    for view in views:
        vectors = [one[view].vectors for one in said]
        centre = sum(one.sum(axis=0, dtype=np.float64) for one in vectors) / max(1, rows)
        for found, one in zip(beside, vectors, strict=True):
            found.append(np.float32(WEIGHTS[view]) * centred(one, centre.astype(np.float32)))
    return tuple(np.concatenate(found, axis=1) for found in beside)
