"""A pool streamed through an encoder or a model, Arrow batches in and Arrow batches out, keyed by `record_id`.

Each function looks at one batch alone, so that one process, a process pool and Ray Data's `map_batches` run the very
same one. All that stays of a batch is what the encoder's cache keeps: with `NothingKept` memory does not grow with the
pool.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from training.errors import ExamplesError
from training.examples import Inputs
from training.scoring.views import View

if TYPE_CHECKING:
    from training.encoder import Encoder
    from training.ladder import FittedModel


def inputs_of(batch: pa.RecordBatch) -> Inputs:
    """The batch's `record_id` and `text`, and its `content_hash` where it has one; a text that is null is empty.

    Raises:
        ExamplesError: A column is missing, or an id repeats.
    """
    for name in ("record_id", "text"):
        if name not in batch.schema.names:
            raise ExamplesError(f"A batch to score has no column {name!r}; it has {', '.join(batch.schema.names)}.")
    hashes = None
    if "content_hash" in batch.schema.names:
        hashes = np.asarray(batch["content_hash"].to_pylist(), dtype=np.str_)
    texts = [text or "" for text in batch["text"].to_pylist()]
    return Inputs(np.asarray(batch["record_id"].to_pylist(), dtype=np.str_), texts, hashes)  # type: ignore[arg-type]


def embed_batch(batch: pa.RecordBatch, encoder: "Encoder", views: Sequence[View] = ("sentence",)) -> pa.RecordBatch:
    """`record_id` and, named for each view, its vectors: fixed-size lists of float32, of length 1.

    Raises:
        ExamplesError: A column is missing, or an id repeats.
        NotFinite: The encoder gave NaN or infinity for a text.
        OutOfMemory: A text does not fit in memory even alone.
    """
    embedded = encoder.embed_views(inputs_of(batch), views)
    columns = [_rows(np.ascontiguousarray(embedded[view].vectors, dtype=np.float32)) for view in views]
    return pa.RecordBatch.from_arrays([batch["record_id"], *columns], names=["record_id", *views])


def score_batch(batch: pa.RecordBatch, model: "FittedModel") -> pa.RecordBatch:
    """`record_id` and `probabilities`: calibrated, fixed-size lists of float64 in the order of the model's classes.

    Raises:
        ExamplesError: A column is missing, or an id repeats.
        NotFinite: The model gave NaN or infinity.
    """
    said = model.predict(inputs_of(batch))
    return pa.RecordBatch.from_arrays(
        [batch["record_id"], _rows(np.ascontiguousarray(said.probabilities))], names=["record_id", "probabilities"]
    )


def embed_batches(
    batches: Iterable[pa.RecordBatch], encoder: "Encoder", views: Sequence[View] = ("sentence",)
) -> Iterator[pa.RecordBatch]:
    """`embed_batch` of one batch after the other; the next is read when its turn comes."""
    return (embed_batch(batch, encoder, views) for batch in batches)


def score_batches(batches: Iterable[pa.RecordBatch], model: "FittedModel") -> Iterator[pa.RecordBatch]:
    """`score_batch` of one batch after the other; the next is read when its turn comes."""
    return (score_batch(batch, model) for batch in batches)


def _rows(matrix: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
