"""The rung as the project asks for it now: with settings that were tuned, and from where its fit begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from active_learning.settings import LearningSettings
from store import models
from store.database import Store
from store.embeddings import StoredVectors
from training.encoder import Encoder
from training.errors import EncoderError, ModelFolderError
from training.ladder import Classifier, FittedModel, classifier
from training.model_folder import load
from training.tracking import Tracking
from training.tuning import read_tuned


@dataclass(frozen=True)
class RungNow:
    """What decides a fit besides labels, encoder and seed.

    Attributes:
        name: The rung, or `auto`.
        tuned: The settings that `tilth tune` found for it, or for the fine-tune that `auto` tries; empty where none.
        warm_start: Where a fit begins.
        before: The id of the model that it begins from; None for a cold start.
        tracking: Who is told of losses.
    """

    name: str
    tuned: dict[str, Any]
    warm_start: Any
    before: str | None
    tracking: Tracking

    @property
    def facts(self) -> list[Any]:
        """What a model's id is made of beside labels, encoder and seed; nothing where all is as ever."""
        return [self.tuned, self.warm_start, self.before] if self.tuned or self.warm_start != "cold" else []

    def classifier(self, classes: tuple[str, ...], encoder: str | Encoder, store: Store) -> Classifier:
        """The rung, ready to fit."""
        return classifier(
            self.name,
            classes,
            encoder,
            cache=StoredVectors(store),
            tuned=self.tuned,
            warm_start=self.warm_start,
            tracking=self.tracking,
        )

    def start(self, folder: Path, store: Store) -> FittedModel | None:
        """The model that a fit begins from, where there is one and its folder is there."""
        if self.before is None:
            return None
        try:
            return load(folder / "models" / self.before, cache=StoredVectors(store))
        except (EncoderError, ModelFolderError):
            return None  # it was taken away, or its encoder was: the fit begins cold and says so


def rung_now(store: Store, folder: Path, settings: LearningSettings, encoder: str, snapshot_id: str) -> RungNow:
    """The rung for a fit on this snapshot, with the encoder of this key.

    A warm start begins from the newest model of another snapshot: fitting the same again gives the same.
    """
    # `auto` chooses the settings of frozen rungs at each fit anyway; those of a fine-tune would take too long.
    found = read_tuned(tuning_folder(folder), "fine-tune" if settings.model == "auto" else settings.model, encoder)
    before = None
    if settings.warm_start != "cold":
        others = [model.model_id for model in models.models(store) if model.snapshot_id != snapshot_id]
        before = others[-1] if others else None
    return RungNow(
        settings.model,
        {} if found is None else found.settings,
        settings.warm_start,
        before,
        Tracking(settings.track, folder / "runs"),  # type: ignore[arg-type]
    )


def tuning_folder(project: Path) -> Path:
    """Where studies and what they found lie."""
    return project / "models" / "tuning"
