"""What a model is fitted on and measured with: a snapshot's rows as arrays that travel with their ids."""

import json
from dataclasses import dataclass

import numpy as np

from active_learning.control_arm import asked_for, in_control
from store import records, snapshots
from store.database import Store
from store.label_schema import LabelSchema, kind_module
from training.examples import Examples


@dataclass(frozen=True)
class LearningSet:
    """The labelled data of one snapshot.

    Attributes:
        train: What may be fitted on, in the order of record ids; members of a group that is measured with are set
            aside. A validation split that came with imported data belongs to it: tilth takes its own from the
            training labels.
        control: The part of `train` that was drawn at random for the control arm; see `control_arm`.
        holdout: What is only measured with: the holdout, and the test split that came with imported data.
    """

    snapshot_id: str
    train: Examples
    control: Examples
    holdout: Examples


def read_learning_set(store: Store, schema: LabelSchema, snapshot_id: str) -> LearningSet:
    """The rows of a snapshot, split as it says."""
    rows = snapshots.rebuild(store, snapshot_id).sort_by("record_id")
    ids = rows["record_id"].to_pylist()
    texts = dict(zip(ids, records.records(store, ids)["text"].to_pylist(), strict=True))
    control = in_control(store)
    chosen = asked_for(store, "selected") - control
    split = np.array(rows["split"].to_pylist(), dtype=np.str_)
    values = [json.loads(value) for value in rows["value"].to_pylist()]
    to_index = kind_module("training", schema.kind).label_index
    examples = Examples(
        ids=np.array(ids, dtype=np.str_),
        texts=[texts[one] or "" for one in ids],
        labels=np.array([to_index(schema, value) for value in values], dtype=np.int64),
        # Imported labels are the user's own sample: nobody chose them by a model.
        random=np.array([one not in chosen for one in ids], dtype=bool),
        groups=np.array(rows["group_id"].to_pylist(), dtype=np.str_),
        content_hashes=np.array(rows["content_hash"].to_pylist(), dtype=np.str_),
    )
    measured = np.flatnonzero(np.isin(split, ["holdout", "test"]))
    # A group that a later record joined across splits would let the model see what it is measured with.
    kept_apart = np.isin(examples.groups, examples.groups[measured])
    train = np.flatnonzero(np.isin(split, ["train", "validation"]) & ~kept_apart)
    drawn = np.array([row for row in train if ids[row] in control], dtype=np.int64)
    return LearningSet(snapshot_id, examples.take(train), examples.take(drawn), examples.take(measured))
