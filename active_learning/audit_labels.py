"""The audit of a project's labels: resolve what people said, and let cleanlab doubt it.

The probabilities that the audit rests on are out of sample: out of fold for training labels, and for the holdout from a
probe that was fitted on the training labels alone.
"""

import numpy as np

from active_learning.learning_set import read_learning_set
from active_learning.settings import LearningSettings
from labeling.audit import Audit, audit
from labeling.relook import settle
from labeling.resolve import resolve_labels
from store import snapshots
from store.database import Store
from store.embeddings import StoredVectors
from store.label_schema import LabelSchema
from training.encoder import Encoder
from training.examples import Predictions
from training.probe import Probe


def audit_labels(store: Store, schema: LabelSchema, settings: LearningSettings) -> Audit:
    """Resolve the labels, settle what was looked at again, find what is probably wrong, and keep it as issues.

    Raises:
        NothingLabelled: No record has a label.
        TooFewLabels: There are fewer labels or classes than out-of-fold probabilities need.
    """
    resolve_labels(store, schema)
    settle(store, schema)
    snapshot = snapshots.take_snapshot(store, schema)
    learning = read_learning_set(store, schema, snapshot.snapshot_id)
    store.let_go()
    probe = Probe(schema.classes, Encoder(settings.encoder, StoredVectors(store)))
    said = probe.out_of_fold(learning.train, seed=settings.seed)
    if len(learning.holdout):
        measured = probe.fit(learning.train, seed=settings.seed).predict(learning.holdout.inputs())
        said = Predictions(
            np.concatenate([said.ids, measured.ids]), np.concatenate([said.probabilities, measured.probabilities])
        )
    return audit(store, schema, said)
