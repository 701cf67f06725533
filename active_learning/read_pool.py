"""The pool as a strategy takes it: the store's candidates as arrays, with what is known of the labelled records."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from active_learning.cold_start import cold_start_vectors
from active_learning.pool import Pool
from active_learning.settings import LearningSettings
from store import labels, models, predictions, records, splits
from store.database import Store
from store.embeddings import StoredVectors
from store.label_schema import LabelSchema, kind_module
from training.encoder import Encoder
from training.examples import Inputs
from training.frozen.ground import centred
from training.model_folder import load


def as_pool(
    store: Store,
    schema: LabelSchema,
    settings: LearningSettings,
    candidates: pa.Table,
    model: models.Model | None,
    *,
    members_from: Path | None = None,
) -> Pool:
    """The pool's rows, embedded; with the current model's probabilities if it has some, and with the vectors, labels
    and probabilities of what is labelled.

    Args:
        candidates: The records that may be chosen.
        model: The current model. Vectors are those that it sees, where it stands on a frozen encoder.
        members_from: The project's folder, when it is wanted what each member of the model says; that is kept nowhere,
            so the model is loaded and reads the pool.
    """
    encoder = Encoder(settings.encoder, StoredVectors(store))
    inputs = _inputs(candidates)
    labelled, classes = _labelled(store, schema)
    known, said = ([], None) if model is None else predictions.predictions(store, model.model_id)
    # A model of other classes cannot be held against labels of these; what came with its label after the fit, no model
    # has spoken of.
    comparable = model is None or model.schema_hash == schema.hash
    spoken_of = set(labelled.ids.tolist()) <= set(known)
    vectors, labelled_vectors = _vectors(encoder, model, inputs, labelled)
    return Pool(
        ids=inputs.ids,
        probabilities=None if said is None else _of(inputs.ids, known, said),
        embeddings=vectors,
        labelled_embeddings=labelled_vectors if len(labelled) else None,
        clusters=np.array(candidates["cluster_id"].to_pylist(), dtype=np.str_),
        members=None if model is None or members_from is None else _members(store, members_from, model, inputs),
        labelled_labels=classes if comparable and len(labelled) else None,
        labelled_probabilities=_of(labelled.ids, known, said) if said is not None and spoken_of else None,
    )


def _vectors(
    encoder: Encoder, model: models.Model | None, pool: Inputs, labelled: Inputs
) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) and (L, D) in the view that the model found best, centred as it does; `cold_start_vectors` without one."""
    view = None if model is None else model.recipe.get("view")
    if view is None:
        both = cold_start_vectors(encoder, pool, labelled)
        return both[0], both[1]
    both = tuple(encoder.embed(part, view=view).vectors for part in (pool, labelled))
    centre = np.concatenate(both).mean(axis=0, dtype=np.float64).astype(np.float32)
    return centred(both[0], centre), centred(both[1], centre)


def _members(store: Store, folder: Path, model: models.Model, pool: Inputs) -> np.ndarray | None:
    return load(folder / model.path, cache=StoredVectors(store)).predict(pool).members


def _labelled(store: Store, schema: LabelSchema) -> tuple[Inputs, np.ndarray]:
    """What is labelled and may be trained on, and its classes (L,) int64."""
    # What is only measured with teaches the model nothing, so it covers nothing.
    measured = {row["record_id"] for row in splits.splits(store).to_pylist() if row["split"] in ("holdout", "test")}
    index = kind_module("training", schema.kind).label_index
    believed = {
        row["record_id"]: index(schema, json.loads(row["value"]))
        for row in labels.labels(store).to_pylist()
        if row["record_id"] not in measured
    }
    return _inputs(records.records(store, list(believed))), np.array(list(believed.values()), dtype=np.int64)


def _inputs(rows: pa.Table) -> Inputs:
    return Inputs(
        ids=np.array(rows["record_id"].to_pylist(), dtype=np.str_),
        texts=[text or "" for text in rows["text"].to_pylist()],
        content_hashes=np.array(rows["content_hash"].to_pylist(), dtype=np.str_),
    )


def _of(ids: np.ndarray, known: list[str], said: np.ndarray) -> np.ndarray:
    place = {one: row for row, one in enumerate(known)}
    return said[[place[one] for one in ids.tolist()]]
