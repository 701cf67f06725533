"""Several fitted models that speak as one: their log probabilities added, each times a weight fitted out of fold.

The pooling of `training.frozen.judging`, of whole models: of rungs whose errors differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats, trust_in
from training.examples import Examples, Inputs, Predictions
from training.frozen.judging import fit_weights, pool_logs
from training.metrics import expected_calibration_error

if TYPE_CHECKING:
    from training.encoder import Encoder
    from training.ladder import FittedModel
    from training.model_card import CardFacts
    from training.vector_cache import VectorCache

NAME = "ensemble"
TOLD = ("view", "losses", "warm_start", "began")
"""What members found out that the ensemble's recipe tells too."""
LEAST = 1e-6
"""No member takes a class for less likely than this: one that is wrong and sure would outvote all others."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted models with their weights.

    Attributes:
        members: The models, of the same classes.
        recipe: What made it; `weights` has one a member.
        judged: Calibrated probabilities of the examples, out of fold.
    """

    members: tuple["FittedModel", ...]
    recipe: dict[str, Any]
    judged: Predictions | None = field(default=None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The K classes, in the order of the probabilities."""
        return self.members[0].classes

    @property
    def temperature(self) -> float:
        """1 over the sum of the weights."""
        return float(self.recipe["temperature"])

    def predict(self, inputs: Inputs) -> Predictions:
        """Calibrated probabilities, the first member's vectors, and what each member says, in the order of inputs."""
        said = [member.predict(inputs) for member in self.members]
        together = pooled([one.probabilities for one in said], np.array(self.recipe["weights"]))
        return Predictions(inputs.ids, together, said[0].embeddings, np.stack([one.probabilities for one in said]))

    def save(self, folder: Path, card: "CardFacts | None" = None) -> None:
        """Write the folder that `training.load` reads: a folder for each member, two JSON files and a model card."""
        from training.model_card import write_card
        from training.model_folder import replacing, write_config, write_judged, write_recipe

        with replacing(folder) as partial:
            for number, member in enumerate(self.members):
                member.save(partial / str(number))
            write_config(partial, self.classes)
            write_recipe(partial, self.classes, self.recipe)
            write_judged(partial, self.judged)
            write_card(partial, self.classes, self.recipe, card)


def together(members: Sequence["FittedModel"], examples: Examples, seed: int) -> Ensemble:
    """The members as one model, with the weights that suit their out-of-fold probabilities of the examples best.

    Every member was fitted on these examples and kept what was said of them out of fold.
    """
    judged = [one.judged.of(examples.ids).probabilities for one in members if one.judged is not None]
    weights = weights_of(judged, examples)
    said = pooled(judged, weights)
    equal = pooled(judged, np.full(len(judged), 1 / len(judged)))
    temperature = float(1 / max(1e-9, weights.sum()))
    trust = trust_in(examples)
    recipe = {
        "model": NAME,
        "encoder": members[0].recipe["encoder"],
        "encoder_revision": members[0].recipe["encoder_revision"],
        "members": [one.recipe["model"] for one in members],
        "weights": weights.tolist(),
        "temperature": temperature,
        "calibration": {
            "temperature": temperature,
            "ece_before": expected_calibration_error(equal, examples.labels, trust),
            "ece_after": expected_calibration_error(said, examples.labels, trust),
        },
        "seed": seed,
        "labels": len(examples),
        **{name: one.recipe[name] for one in members for name in TOLD if name in one.recipe},
    }
    return Ensemble(tuple(members), recipe, Predictions(examples.ids, said))


def weights_of(judged: Sequence[Floats], examples: Examples) -> Floats:
    """(M,) for M probabilities (N, K) of the examples."""
    trust = trust_in(examples)
    logs = np.log(np.maximum(np.stack(judged), LEAST))
    everything: NDArray[np.bool_] = np.ones(logs.shape[1:], dtype=bool)
    return fit_weights(logs, everything, examples.labels, trust)


def pooled(said: Sequence[Floats], weights: Floats) -> Floats:
    """(N, K) of M probabilities (N, K)."""
    logs = [np.log(np.maximum(one, LEAST)) for one in said]
    return pool_logs(logs, weights, np.ones(said[0].shape, dtype=bool))


def load_ensemble(
    folder: Path, recipe: dict[str, Any], encoder: "Encoder | None", cache: "VectorCache | None"
) -> Ensemble:
    """The ensemble that was saved in `folder`; see `training.load`."""
    from training.model_folder import load, read_judged

    members = tuple(
        load(folder / str(number), encoder=encoder, cache=cache) for number in range(len(recipe["members"]))
    )
    return Ensemble(members, recipe, read_judged(folder))
