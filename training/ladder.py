"""The interface that every rung of the ladder has, and the one place where a rung is called by its name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from store.errors import RequestError
from training.encoder import Encoder
from training.examples import Examples, Inputs, Predictions

if TYPE_CHECKING:
    from training.model_card import CardFacts
    from training.tracking import Tracking
    from training.vector_cache import VectorCache
    from training.warm_start import WarmStart

RUNGS = ("probe", "propagation", "self-training", "semi-supervised", "lora", "fine-tune")
"""From the cheapest to the dearest."""
AUTO = "auto"
"""Chooses among them by cross-validation, at each fit."""


class FittedModel(Protocol):
    """A model that can say what it thinks of a text."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The K classes, in the order of the probabilities."""
        ...

    @property
    def temperature(self) -> float:
        """What logits are divided by; it is applied in `predict`."""
        ...

    @property
    def recipe(self) -> dict[str, Any]:
        """What makes the same model again, given the same examples, and what the fit found out."""
        ...

    @property
    def judged(self) -> Predictions | None:
        """Calibrated out-of-fold probabilities of the examples that it was fitted on; None where the fit had none."""
        ...

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities and vectors, in the order of the inputs.

        Raises:
            NotFinite: The model gives NaN or infinity.
        """
        ...

    def save(self, folder: Path, card: "CardFacts | None" = None) -> None:
        """Write the folder that `training.load` reads, whole or not at all, with a model card."""
        ...


class Classifier(Protocol):
    """A way to make a model of labelled texts."""

    @property
    def name(self) -> str:
        """As the project file calls it."""
        ...

    def fit(
        self,
        examples: Examples,
        *,
        seed: int,
        unlabelled: Inputs | None = None,
        start: FittedModel | None = None,
    ) -> FittedModel:
        """A model for these examples: the same for the same examples and seed, to 1e-5.

        Args:
            examples: What is labelled.
            seed: Of every draw.
            unlabelled: Records of the pool; semi-supervised rungs learn from them how the data lies, others do without.
            start: The model of the round before, for rungs that can begin from one.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
            NotFinite: The fit ran into NaN or infinity.
        """
        ...


def classifier(
    name: str,
    classes: Sequence[str],
    encoder: str | Encoder,
    *,
    cache: "VectorCache | None" = None,
    tuned: Mapping[str, Any] = MappingProxyType({}),
    warm_start: "WarmStart" = "cold",
    tracking: "Tracking | None" = None,
) -> Classifier:
    """The rung of this name.

    Args:
        name: One of `RUNGS`, or `auto`.
        classes: The K classes, in the order of the probabilities.
        encoder: What to build on: a folder, a name on the Hub, `all-MiniLM-L6-v2`, or an `Encoder` that is at hand.
        cache: Where vectors are looked up and kept, when `encoder` is a name.
        tuned: Settings that `training.tuning` found for this rung, or for the fine-tune that `auto` tries; what is not
            among them is chosen as ever.
        warm_start: Where rungs that change the encoder begin when they are given the last round's model.
        tracking: Who is told of their losses.

    Raises:
        RequestError: There is no rung of this name.
        EncoderError: There is no such encoder, or it has no weights.
    """
    if name not in (AUTO, *RUNGS):
        known = ", ".join((AUTO, *RUNGS))
        raise RequestError(f'[training] model "{name}" is not known; it is one of {known}.')
    ready = encoder if isinstance(encoder, Encoder) else Encoder(encoder, cache)

    def _fine_tune(rung: str, settings: Mapping[str, Any]) -> Classifier:
        from training.fine_tune import fine_tune_rung

        return fine_tune_rung(rung, classes, ready, settings, warm_start, tracking)

    if name == AUTO:
        from training.auto import Auto

        # Heads on another view than the committee's err elsewhere, so that the two together gain more.
        return Auto(tuple(classes), ready, _fine_tune("fine-tune", {"view": "sentence", **tuned}))
    if name in ("lora", "fine-tune"):
        return _fine_tune(name, tuned)
    from training.probe import frozen_rung

    return frozen_rung(name, classes, ready, tuned)
