"""The audit of a project's labels: resolve what people said, and let cleanlab doubt it.

The probabilities that the audit rests on are out of sample, and the project's own model gave them: out of fold for the
labels that it was fitted on, and for the holdout, which it never saw, as it predicts.
"""

from pathlib import Path

import numpy as np

from active_learning.fit import Say, fit_model
from active_learning.learning_set import read_learning_set
from active_learning.settings import LearningSettings
from labeling.audit import Audit, audit
from labeling.relook import settle
from labeling.resolve import resolve_labels
from store import predictions
from store.database import Store
from store.label_schema import LabelSchema
from training.examples import Predictions, strings


def audit_labels(
    store: Store,
    schema: LabelSchema,
    folder: Path,
    settings: LearningSettings,
    *,
    round_id: str | None = None,
    say: Say,
) -> Audit:
    """Resolve the labels, settle what was looked at again, find what is probably wrong, and keep it as issues.

    The model of these labels is fitted where that was not done yet; the next fit finds it.

    Raises:
        NothingLabelled: No record has a label.
        TooFewLabels: There are fewer labels or classes than a fit needs.
    """
    resolve_labels(store, schema)
    settle(store, schema)
    model = fit_model(store, schema, folder, settings, round_id=round_id, say=say)
    assert model.snapshot_id is not None
    learning = read_learning_set(store, schema, model.snapshot_id)
    said = _read(predictions.out_of_fold(store, model.model_id)).of(learning.train.ids)
    if len(learning.holdout):
        measured = _read(predictions.predictions(store, model.model_id)).of(learning.holdout.ids)
        said = Predictions(
            np.concatenate([said.ids, measured.ids]), np.concatenate([said.probabilities, measured.probabilities])
        )
    return audit(store, schema, said)


def _read(rows: tuple[list[str], np.ndarray]) -> Predictions:
    return Predictions(strings(rows[0]), rows[1])
