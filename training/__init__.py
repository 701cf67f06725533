"""Turns labels into models: embed, fit, predict, calibrate, evaluate.

    model = training.classifier("probe", classes, "all-MiniLM-L6-v2", cache=cache).fit(examples, seed=0)
    predictions = model.predict(inputs)

It knows nothing of where records come from: `Examples` and `Inputs` go in, `Predictions` come out, every array with its
ids. torch, transformers and scikit-learn are imported when a name that needs them is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.encoder import Embeddings, Encoder
    from training.errors import EncoderError, ExamplesError, FitError, ModelFolderError, NotFinite, TooFewLabels
    from training.examples import Examples, Inputs, Predictions, content_hash
    from training.ladder import RUNGS, Classifier, FittedModel, classifier
    from training.metrics import Estimate, Metrics, evaluate
    from training.model_card import CardFacts
    from training.model_folder import load
    from training.vector_cache import MemoryCache, NothingKept, VectorCache

__all__ = [
    "RUNGS",
    "CardFacts",
    "Classifier",
    "Embeddings",
    "Encoder",
    "EncoderError",
    "Estimate",
    "Examples",
    "ExamplesError",
    "FitError",
    "FittedModel",
    "Inputs",
    "MemoryCache",
    "Metrics",
    "ModelFolderError",
    "NotFinite",
    "NothingKept",
    "Predictions",
    "TooFewLabels",
    "VectorCache",
    "classifier",
    "content_hash",
    "evaluate",
    "load",
]

# OpenMP reads this when torch is first imported. Its threads otherwise spin while they wait: beside other processes
# that cost 60% more processor time for the same vectors, and as much time on the clock.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_ERRORS = ("EncoderError", "ExamplesError", "FitError", "ModelFolderError", "NotFinite", "TooFewLabels")
_HOMES = {
    **dict.fromkeys(("RUNGS", "Classifier", "FittedModel", "classifier"), "ladder"),
    **dict.fromkeys(("Embeddings", "Encoder"), "encoder"),
    **dict.fromkeys(_ERRORS, "errors"),
    **dict.fromkeys(("Examples", "Inputs", "Predictions", "content_hash"), "examples"),
    **dict.fromkeys(("Estimate", "Metrics", "evaluate"), "metrics"),
    **dict.fromkeys(("MemoryCache", "NothingKept", "VectorCache"), "vector_cache"),
    "CardFacts": "model_card",
    "load": "model_folder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"training.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
