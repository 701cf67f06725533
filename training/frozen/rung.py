"""A rung on frozen vectors: choose the view, fit one head of each family, put them together, calibrated out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from training.calibration import Floats, missing_mass, spread, trust_in
from training.encoder import Encoder
from training.errors import ModelFolderError
from training.examples import Examples, Inputs, Predictions
from training.frozen.choosing import FOLDS, Chosen, choose_setting, choose_view, deal
from training.frozen.families import FAMILIES
from training.frozen.ground import Ground, centred, prepare, some_of
from training.frozen.heads import Head, head_of
from training.frozen.judging import Pooled, pool, pool_logs
from training.metrics import expected_calibration_error
from training.requirements import require_labels
from training.scoring.views import View

if TYPE_CHECKING:
    from training.ladder import FittedModel
    from training.model_card import CardFacts
    from training.vector_cache import VectorCache

TENSORS_FILE = "heads.safetensors"


@dataclass(frozen=True, eq=False)
class FrozenRung:
    """Heads of some families on the vectors of a frozen encoder.

    Args:
        name: As the project file calls it.
        families: Whose heads are put together.
        classes: The K classes, in the order of the probabilities.
        encoder: The frozen encoder.
        folds: How many folds choose view, settings and weights.
        tuned: The view, under "view", and settings by family, where they were tuned; the others are chosen.
    """

    name: str
    families: tuple[str, ...]
    classes: Sequence[str]
    encoder: Encoder
    folds: int = FOLDS
    tuned: Mapping[str, Any] = field(default_factory=dict)

    def fit(
        self,
        examples: Examples,
        *,
        seed: int,
        unlabelled: Inputs | None = None,
        start: "FittedModel | None" = None,  # noqa: ARG002  a fit takes seconds: there is nothing to carry over
    ) -> "FittedFrozen":
        """The model for these examples.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
        """
        studied = study(self.encoder, self.classes, examples, unlabelled, self.families, seed, self.folds, self.tuned)
        return studied.model(self.name, self.families, seed)


@dataclass(frozen=True, eq=False)
class Study:
    """What cross-validation found about examples: the ground, and of each family its best setting."""

    encoder: Encoder
    classes: tuple[str, ...]
    examples: Examples
    ground: Ground
    chosen: dict[str, Chosen]

    def pooled(self, families: Sequence[str]) -> Pooled:
        """These families together, out of fold."""
        return pool(tuple(self.chosen[family].said for family in families), self.examples)

    def judged(self, families: Sequence[str]) -> Predictions:
        """Their calibrated probabilities of each example, out of fold, with its vector."""
        return Predictions(self.examples.ids, self.pooled(families).probabilities(), self.ground.labelled)

    def model(self, name: str, families: Sequence[str], seed: int) -> "FittedFrozen":
        """Heads of these families, fitted on all examples."""
        pooled = self.pooled(families)
        rows = np.arange(len(self.examples))
        heads = tuple(
            FAMILIES[family].fit(self.ground, self.examples, rows, self.chosen[family].setting) for family in families
        )
        judged = self.judged(families)
        equal = pool_probabilities_uncalibrated(self, families)
        trust = trust_in(self.examples)
        recipe = {
            "model": name,
            "encoder": self.encoder.folder.asked,
            "encoder_revision": self.encoder.folder.revision,
            "view": self.ground.view,
            "heads": {family: self.chosen[family].setting for family in families},
            "weights": [float(weight) for weight in pooled.weights],
            "temperature": float(1 / max(1e-9, pooled.weights.sum())),
            "missing_mass": missing_mass(self.examples),
            "unlabelled": len(self.ground.unlabelled),
            "calibration": {
                "temperature": float(1 / max(1e-9, pooled.weights.sum())),
                "ece_before": expected_calibration_error(equal, self.examples.labels, trust),
                "ece_after": expected_calibration_error(judged.probabilities, self.examples.labels, trust),
            },
            "seed": seed,
            "labels": len(self.examples),
        }
        return FittedFrozen(self.classes, self.encoder, self.ground.view, self.ground.centre, heads, recipe, judged)


def pool_probabilities_uncalibrated(studied: Study, families: Sequence[str]) -> Floats:
    """(N, K) what the heads say out of fold with equal weights that sum to 1: before calibration."""
    from dataclasses import replace

    pooled = studied.pooled(families)
    return replace(pooled, weights=np.full(len(families), 1 / len(families))).probabilities()


def study(
    encoder: Encoder,
    classes: Sequence[str],
    examples: Examples,
    unlabelled: Inputs | None,
    families: Sequence[str],
    seed: int,
    folds: int = FOLDS,
    tuned: Mapping[str, Any] = MappingProxyType({}),
) -> Study:
    """Choose the view, then each family's setting, by what heads say of examples that they were not fitted on.

    Raises:
        TooFewLabels: Fewer than 2 classes, or too few labels, are there.
    """
    require_labels(examples, classes)
    rng = np.random.default_rng(seed)
    view = tuned.get("view") or choose_view(encoder, examples, len(classes), rng)
    # Without the pool the families that learn from it fall back on the labels alone.
    ground = prepare(encoder, view, examples, some_of(unlabelled, examples, seed))
    fold = deal(examples, rng, folds)
    chosen = {
        family: choose_setting(ground, examples, fold, len(classes), family, tuned.get(family)) for family in families
    }
    return Study(encoder, tuple(classes), examples, ground, chosen)


@dataclass(frozen=True, eq=False)
class FittedFrozen:
    """Fitted heads; `predict` embeds what has no vector yet."""

    classes: tuple[str, ...]
    encoder: Encoder
    view: View
    centre: np.ndarray
    heads: tuple[Head, ...]
    recipe: dict[str, Any]
    judged: Predictions | None = field(default=None)

    @property
    def temperature(self) -> float:
        """1 over the sum of the heads' weights."""
        return float(self.recipe["temperature"])

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities and the centred vectors, in the order of the inputs; with several heads, members."""
        placed = centred(self.encoder.embed(inputs, view=self.view).vectors, self.centre)
        logs = [head.log_probabilities(placed) for head in self.heads]
        seen = self.heads[0].seen
        everything = np.ones((len(inputs), len(seen)), dtype=bool)
        weights = np.array(self.recipe["weights"])
        mass = float(self.recipe["missing_mass"])
        k = len(self.classes)
        said = spread(pool_logs(logs, weights, everything), seen, k, mass)
        members = None
        if len(logs) > 1:
            members = np.stack([spread(np.exp(log) / np.exp(log).sum(1, keepdims=True), seen, k, mass) for log in logs])
        return Predictions(inputs.ids, said, placed, members)

    def save(self, folder: Path, card: "CardFacts | None" = None) -> None:
        """Write the folder that `training.load` reads: `heads.safetensors`, two JSON files and a model card."""
        from safetensors.numpy import save_file

        from training.model_card import write_card
        from training.model_folder import replacing, write_config, write_judged, write_recipe

        tensors = {"centre": self.centre}
        for number, head in enumerate(self.heads):
            tensors |= {f"{number}.{name}": np.ascontiguousarray(tensor) for name, tensor in head.tensors().items()}
        with replacing(folder) as partial:
            save_file(tensors, partial / TENSORS_FILE)
            write_config(partial, self.classes)
            write_recipe(partial, self.classes, self.recipe)
            write_judged(partial, self.judged)
            write_card(partial, self.classes, self.recipe, card)


def load_frozen(
    folder: Path, classes: tuple[str, ...], recipe: dict[str, Any], encoder: Encoder | None, cache: "VectorCache | None"
) -> FittedFrozen:
    """The model that was saved in `folder`, on `encoder` or on the one that its recipe names.

    Raises:
        ModelFolderError: The encoder has other weights than the one that the heads were fitted on.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from training.model_folder import read_judged

    encoder = encoder or Encoder(recipe["encoder"], cache)
    if encoder.folder.revision != recipe["encoder_revision"]:
        raise ModelFolderError(f"{folder}: the model needs another revision of {recipe['encoder']}; fit it again.")
    try:
        tensors = load_file(folder / TENSORS_FILE)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(f"{folder}: the model's heads cannot be read; fit it again.") from error
    heads = []
    for number in range(len(recipe["heads"])):
        mark = f"{number}."
        heads.append(head_of({name.removeprefix(mark): tensors[name] for name in tensors if name.startswith(mark)}))
    judged = read_judged(folder)
    return FittedFrozen(classes, encoder, recipe["view"], tensors["centre"], tuple(heads), recipe, judged)
