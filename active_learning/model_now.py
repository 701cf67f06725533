"""The model that records are chosen by: one of the schema's classes that has spoken of every record of the pool."""

from collections.abc import Callable
from pathlib import Path

from active_learning.fit import fit_model, score_pool
from active_learning.settings import LearningSettings
from store import models
from store.database import Store
from store.label_schema import LabelSchema
from store.snapshots import NothingLabelled
from training.errors import ModelFolderError, TooFewLabels


def model_now(
    store: Store, schema: LabelSchema, folder: Path, settings: LearningSettings, say: Callable[[str], None]
) -> models.Model | None:
    """The current model, after it has spoken of what came since it was fitted; None where there is none.

    It is fitted again where classes were added, renamed or taken away since, or where its folder cannot be read. With
    too few labels for that there is no model.
    """
    model = models.current_model(store)
    if model is None:
        return None
    try:
        if model.schema_hash == schema.hash:
            score_pool(store, folder)
            return model
        say("The classes changed since the model was fitted.")
    except ModelFolderError as error:
        say(f"The model cannot be used: {error}")
    try:
        return fit_model(store, schema, folder, settings, say=say)
    except (NothingLabelled, TooFewLabels) as error:
        say(f"No model was fitted: {error}")
        return None
