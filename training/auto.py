"""`auto`: at each round the rung with the best cross-validated score for its cost, or several together where that pays.

All rungs are judged on the same labels, out of fold. A dearer one must earn its place: it is taken when its log loss is
lower by more than `STANDARD_ERRORS` standard errors of the difference, example by example. Costs are multiplications
(tokens times parameters times passes), never seconds, so that a repeated run chooses the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.encoder import Encoder
from training.examples import Examples, Inputs, Predictions
from training.frozen.choosing import FOLDS
from training.frozen.judging import Pooled
from training.frozen.rung import FittedFrozen, Study, study
from training.probe import FROZEN_RUNGS

if TYPE_CHECKING:
    from training.ladder import FittedModel

STANDARD_ERRORS = 0.5

# From the cheapest to the dearest; the last is an ensemble of all heads.
FROZEN_CHOICES: dict[str, tuple[str, ...]] = {
    **FROZEN_RUNGS,
    "ensemble": ("logistic", "propagated", "self-trained"),
}


@dataclass(frozen=True, eq=False)
class Auto:
    """The rung that chooses among the others.

    Args:
        classes: The K classes, in the order of the probabilities.
        encoder: What the frozen rungs stand on, and the others start from.
    """

    classes: Sequence[str]
    encoder: Encoder

    name = "auto"

    def fit(
        self,
        examples: Examples,
        *,
        seed: int,
        unlabelled: Inputs | None = None,
        start: "FittedModel | None" = None,  # noqa: ARG002
    ) -> FittedFrozen:
        """The model of the rung that cross-validation prefers; its recipe says why.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
        """
        return self._fit(examples, seed, unlabelled, FOLDS)

    def _fit(self, examples: Examples, seed: int, unlabelled: Inputs | None, folds: int) -> FittedFrozen:
        # Neighbours tell something where all is labelled too; what is sure of itself has nothing to learn from then.
        alone = {name: FROZEN_CHOICES[name] for name in ("probe", "propagation")}
        choices = FROZEN_CHOICES if unlabelled is not None and len(unlabelled) else alone
        families = tuple(dict.fromkeys(family for some in choices.values() for family in some))
        studied = study(self.encoder, self.classes, examples, unlabelled, families, seed, folds)
        pooled = {name: studied.pooled(some) for name, some in choices.items()}
        taken = cheapest_of_the_best(pooled)
        fitted = studied.model(taken, choices[taken], seed)
        fitted.recipe.update(_told(studied, pooled, taken))
        return fitted

    def out_of_fold(
        self,
        examples: Examples,
        folds: int = FOLDS,
        *,
        seed: int,
        unlabelled: Inputs | None = None,
    ) -> Predictions:
        """For every example the calibrated probabilities of the chosen rung, fitted without it or its group.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
        """
        judged = self._fit(examples, seed, unlabelled, folds).judged
        assert judged is not None
        return judged


def cheapest_of_the_best(pooled: dict[str, Pooled]) -> str:
    """Of choices from the cheapest to the dearest, the last that is clearly better than the one taken before it."""
    names = list(pooled)
    taken = names[0]
    for name in names[1:]:
        gain = pooled[taken].losses - pooled[name].losses
        gain = gain[~np.isnan(gain)]
        if len(gain) > 1 and gain.mean() > STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain)):
            taken = name
    return taken


def _told(studied: Study, pooled: dict[str, Pooled], taken: str) -> dict[str, Any]:
    scores = {
        name: {"accuracy": _accuracy(studied, one), "log_loss": one.loss, "heads": len(one.weights)}
        for name, one in pooled.items()
    }
    return {"asked_for": "auto", "cross_validated": scores, "why": _why(studied, scores, taken)}


def _accuracy(studied: Study, pooled: Pooled) -> float:
    right = pooled.probabilities().argmax(axis=1) == studied.examples.labels
    return float(right.mean())


def _why(studied: Study, scores: dict[str, dict[str, Any]], taken: str) -> str:
    """One line."""
    view = "" if studied.ground.view == "sentence" else f' on the view "{studied.ground.view}"'
    others = ", ".join(f"{name} {one['log_loss']:.3f}" for name, one in scores.items() if name != taken)
    against = f"; {others}" if others else ""
    return (
        f"{taken}{view}: log loss {scores[taken]['log_loss']:.3f} and accuracy {scores[taken]['accuracy']:.3f} "
        f"out of fold on {len(studied.examples)} labels{against}."
    )
