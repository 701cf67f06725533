"""Predictions: calibrated probabilities of one model for one record.

Of the current model for the pool, of older ones only for records that were chosen or labelled. Beside them what was
said out of fold of the labelled records that a model was fitted on, by models that had not seen them.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from store.database import Store


def write_predictions(store: Store, model_id: str, ids: Sequence[str], probabilities: np.ndarray) -> None:
    """Keep a model's probabilities, float (N, K) in the order of the schema's classes; its earlier ones are replaced.

    What older models said of records that were neither chosen nor labelled is dropped.
    """
    with store.transaction() as db, store.table("new_predictions", _batch(ids, probabilities)):
        db.execute("DELETE FROM predictions WHERE model_id = $1", [model_id])
        db.execute("INSERT INTO predictions SELECT $1, record_id, probabilities FROM new_predictions", [model_id])
        db.execute(
            """
            DELETE FROM predictions
            WHERE model_id <> $1
              AND record_id NOT IN (SELECT record_id FROM labels)
              AND record_id NOT IN (SELECT record_id FROM assignments)
            """,
            [model_id],
        )


def add_predictions(store: Store, model_id: str, ids: Sequence[str], probabilities: np.ndarray) -> None:
    """Keep what a model says of more records, none of which it has spoken of: float (N, K)."""
    with store.transaction() as db, store.table("more_predictions", _batch(ids, probabilities)):
        db.execute("INSERT INTO predictions SELECT $1, record_id, probabilities FROM more_predictions", [model_id])


def predictions(store: Store, model_id: str) -> tuple[list[str], np.ndarray]:
    """What a model said: record ids (N,) in order, and probabilities float64 (N, K)."""
    return _read(store, "predictions", model_id)


def write_out_of_fold(store: Store, model_id: str, ids: Sequence[str], probabilities: np.ndarray) -> None:
    """Keep what was said out of fold of the records that a model was fitted on, float (N, K)."""
    with store.transaction() as db, store.table("new_out_of_fold", _batch(ids, probabilities)):
        db.execute("DELETE FROM out_of_fold WHERE model_id = $1", [model_id])
        db.execute("INSERT INTO out_of_fold SELECT $1, record_id, probabilities FROM new_out_of_fold", [model_id])


def out_of_fold(store: Store, model_id: str) -> tuple[list[str], np.ndarray]:
    """What was said out of fold of the records that a model was fitted on: ids (N,) in order, and float64 (N, K)."""
    return _read(store, "out_of_fold", model_id)


def _batch(ids: Sequence[str], probabilities: np.ndarray) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(probabilities, dtype=np.float32).ravel())
    width = int(probabilities.shape[1]) if len(ids) else 1
    column = pa.FixedSizeListArray.from_arrays(flat, width) if len(ids) else pa.array([], pa.list_(pa.float32()))
    return pa.table({"record_id": pa.array(ids, pa.string()), "probabilities": column.cast(pa.list_(pa.float32()))})


def _read(store: Store, table: str, model_id: str) -> tuple[list[str], np.ndarray]:
    rows = store.read(
        f"SELECT record_id, probabilities FROM {table} WHERE model_id = $1 ORDER BY record_id", [model_id]
    )
    if not rows.num_rows:
        return [], np.empty((0, 0))
    flat = rows["probabilities"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    probabilities = flat.reshape(rows.num_rows, -1).astype(np.float64)
    return rows["record_id"].to_pylist(), probabilities / probabilities.sum(axis=1, keepdims=True)
