"""`auto`: at each round the rung with the best cross-validated score for its cost, or several together where that pays.

All rungs are judged on the same labels, out of fold. A dearer one must earn its place: it is taken when its log loss is
lower by more than `STANDARD_ERRORS` standard errors of the difference, example by example. Costs are multiplications
(tokens times parameters times passes), never seconds, so that a repeated run chooses the same.

The rungs on frozen vectors share one cross-validation, of seconds. The fine-tune is tried where there are labels enough
for it and it costs no more than `MOST_COST`; what it says goes together with what the frozen heads say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.calibration import Floats, trust_in
from training.encoder import Encoder
from training.ensemble import Ensemble, together
from training.errors import NotFinite, OutOfMemory
from training.examples import Examples, Inputs
from training.frozen.choosing import FOLDS
from training.frozen.judging import Pooled, clearly_less
from training.frozen.rung import FittedFrozen, Study, study
from training.probe import FROZEN_RUNGS

if TYPE_CHECKING:
    from training.ladder import Classifier, FittedModel

STANDARD_ERRORS = 0.5

FEWEST_LABELS = 100
LABELS_A_CLASS = 8
GOOD_ENOUGH = 0.99
"""With fewer labels, or where the frozen rungs are so often right, the encoder is left as it is."""
MOST_COST: dict[str, float] = {"cpu": 3e13, "cuda": 3e16}
"""Multiplications that a fine-tune may take, and its reading of the pool: some ten minutes of a laptop, or a GPU."""
CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, eq=False)
class Auto:
    """The rung that chooses among the others.

    Args:
        classes: The K classes, in the order of the probabilities.
        encoder: What the frozen rungs stand on, and the others start from.
        fine_tune: The rung that changes the encoder; None leaves it out.
    """

    classes: Sequence[str]
    encoder: Encoder

    fine_tune: "Classifier | None" = None

    name = "auto"

    def fit(
        self,
        examples: Examples,
        *,
        seed: int,
        unlabelled: Inputs | None = None,
        start: "FittedModel | None" = None,
    ) -> "FittedModel":
        """The model of the rung that cross-validation prefers; its recipe says why.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
        """
        frozen = self._frozen(examples, seed, unlabelled, FOLDS)
        cost = estimated_cost(self.encoder, examples, unlabelled)
        why_not = self._why_not_fine_tune(examples, frozen, cost)
        if why_not is not None or self.fine_tune is None:
            frozen.recipe["why"] += "" if why_not is None else f" The fine-tune was not tried: {why_not}."
            return frozen
        try:
            tuned = self.fine_tune.fit(examples, seed=seed, start=_fine_tuned_of(start))
        except (NotFinite, OutOfMemory) as error:
            frozen.recipe["why"] += f" The fine-tune was given up: {error}"
            return frozen
        return _better(frozen, tuned, examples, seed, cost)

    def _why_not_fine_tune(self, examples: Examples, frozen: FittedFrozen, cost: float) -> str | None:
        """A clause, or None when it is to be tried."""
        if self.fine_tune is None:
            return None
        classes = len(np.unique(examples.labels))
        wanted = max(FEWEST_LABELS, LABELS_A_CLASS * classes)
        if len(examples) < wanted:
            return f"it wants {wanted} labels"
        if frozen.recipe["cross_validated"][frozen.recipe["model"]]["accuracy"] > GOOD_ENOUGH:
            return "there is next to nothing to gain"
        most = MOST_COST["cuda" if self.encoder.device.name == "cuda" else "cpu"]
        return f"it would take {cost:.0e} multiplications, more than {most:.0e}" if cost > most else None

    def _frozen(self, examples: Examples, seed: int, unlabelled: Inputs | None, folds: int) -> FittedFrozen:
        # Neighbours tell something where all is labelled too; what is sure of itself has nothing to learn from then.
        alone = {name: FROZEN_RUNGS[name] for name in ("probe", "propagation")}
        choices = dict(FROZEN_RUNGS) if unlabelled is not None and len(unlabelled) else alone
        families = tuple(dict.fromkeys(family for some in choices.values() for family in some))
        studied = study(self.encoder, self.classes, examples, unlabelled, families, seed, folds)
        pooled = {name: studied.pooled(some) for name, some in choices.items()}
        taken = cheapest_of_the_best(pooled, trust_in(examples))
        fitted = studied.model(taken, choices[taken], seed)
        fitted.recipe.update(_told(studied, pooled, taken))
        return fitted


def estimated_cost(encoder: Encoder, examples: Examples, pool: Inputs | None) -> float:
    """About how many multiplications a fine-tune of the examples takes, and to read the pool with what it made."""
    from training.fine_tune import MEMBERS, Schedule

    schedule = Schedule()
    shown = MEMBERS * schedule.epochs_for(len(examples)) * len(examples)
    fit = 3.0 * shown / len(examples) * _reading_cost(encoder, examples.texts)
    return fit + (0.0 if pool is None else MEMBERS * _reading_cost(encoder, pool.texts))


def _reading_cost(encoder: Encoder, texts: Sequence[str]) -> float:
    """About how many multiplications it takes to read the texts once: tokens times weights."""
    tokens = sum(min(encoder.folder.max_length, 2 + len(text) / CHARACTERS_A_TOKEN) for text in texts)
    return tokens * _weights_in_layers(encoder)


def _weights_in_layers(encoder: Encoder) -> float:
    """About how many weights each token meets: twelve times the width squared, a layer."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(encoder.folder.path)
    return 12.0 * config.num_hidden_layers * float(config.hidden_size) ** 2


def _fine_tuned_of(start: "FittedModel | None") -> "FittedModel | None":
    """The fine-tuned member of the last round's model."""
    if isinstance(start, Ensemble):
        return next((one for one in start.members if not isinstance(one, FittedFrozen)), None)
    return None if isinstance(start, FittedFrozen) else start


def _better(frozen: FittedFrozen, tuned: "FittedModel", examples: Examples, seed: int, cost: float) -> "FittedModel":
    """The two together where that is clearly better out of fold, else the frozen one."""
    both = together([frozen, tuned], examples, seed)
    of_frozen, of_tuned, of_both = (_judged(one, examples) for one in (frozen, tuned, both))
    name = tuned.recipe["model"]
    scores = dict(frozen.recipe["cross_validated"])
    cost += scores[frozen.recipe["model"]]["cost"]
    scores[name] = {**_scores(of_tuned, examples), "cost": cost}
    scores[f"with {name}"] = {**_scores(of_both, examples), "cost": cost}
    better = clearly_less(_losses(of_both, examples), _losses(of_frozen, examples), trust_in(examples), STANDARD_ERRORS)
    taken: FittedModel = both if better else frozen
    losses = (
        f"{scores[frozen.recipe['model']]['log_loss']:.3f} alone, {scores[f'with {name}']['log_loss']:.3f} together"
    )
    what = f"{frozen.recipe['model']} with {name}" if better else f"{frozen.recipe['model']} without {name}"
    taken.recipe.update(
        asked_for="auto",
        cross_validated=scores,
        why=f"{what}: log loss out of fold on {len(examples)} labels {losses}.",
    )
    return taken


def _judged(model: "FittedModel", examples: Examples) -> Floats:
    assert model.judged is not None
    return model.judged.of(examples.ids).probabilities


def _losses(probabilities: Floats, examples: Examples) -> Floats:
    return -np.log(np.maximum(probabilities[np.arange(len(examples)), examples.labels], 1e-6))


def cheapest_of_the_best(pooled: dict[str, Pooled], trust: Floats) -> str:
    """Of choices from the cheapest to the dearest, the last that is clearly better than the one taken before it."""
    names = list(pooled)
    taken = names[0]
    for name in names[1:]:
        if clearly_less(pooled[name].losses, pooled[taken].losses, trust, STANDARD_ERRORS):
            taken = name
    return taken


def _told(studied: Study, pooled: dict[str, Pooled], taken: str) -> dict[str, Any]:
    # All frozen rungs read each text once.
    cost = _reading_cost(studied.encoder, studied.examples.texts) * (
        1 + len(studied.ground.unlabelled) / len(studied.examples)
    )
    scores = {name: {**_scores(one.probabilities(), studied.examples), "cost": cost} for name, one in pooled.items()}
    return {"asked_for": "auto", "cross_validated": scores, "why": _why(studied, scores, taken)}


def _scores(probabilities: Floats, examples: Examples) -> dict[str, float]:
    """Accuracy, and log loss in nats, of probabilities (N, K) of the examples."""
    trust = trust_in(examples)
    return {
        "accuracy": float(np.average(probabilities.argmax(axis=1) == examples.labels, weights=trust)),
        "log_loss": float(np.average(_losses(probabilities, examples), weights=trust)),
    }


def _why(studied: Study, scores: dict[str, dict[str, Any]], taken: str) -> str:
    """One line."""
    view = "" if studied.ground.view == "sentence" else f' on the view "{studied.ground.view}"'
    others = ", ".join(f"{name} {one['log_loss']:.3f}" for name, one in scores.items() if name != taken)
    against = f"; {others}" if others else ""
    return (
        f"{taken}{view}: log loss {scores[taken]['log_loss']:.3f} and accuracy {scores[taken]['accuracy']:.3f} "
        f"out of fold on {len(studied.examples)} labels{against}."
    )
