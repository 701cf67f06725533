"""Which view and which settings suit the labels: by log loss out of fold, each at its own calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.calibration import trust_in
from training.encoder import Encoder
from training.examples import Examples
from training.folds import assign_folds
from training.frozen.families import FAMILIES
from training.frozen.ground import Ground, prepare
from training.frozen.judging import OutOfFold, Pooled, clearly_less, judge, pool
from training.scoring.views import View

FOLDS = 5
STRENGTH_TO_COMPARE_VIEWS = 20.0
STANDARD_ERRORS = 1.0
"""A view takes the place of the encoder's own only when it is better by so many standard errors."""
LABELS_TO_CHOOSE_BY = 2000
"""The best view and settings change slowly with the number of labels: more than this many are not read to choose."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A family's best setting, and what its heads said out of fold."""

    family: str
    setting: float
    said: OutOfFold
    alone: Pooled


def deal(examples: Examples, rng: np.random.Generator, folds: int = FOLDS) -> NDArray[np.int64]:
    """The fold (N,) of each example; fewer folds where there are fewer groups."""
    return assign_folds(examples, min(folds, len(np.unique(examples.groups))), rng)


def choose_view(encoder: Encoder, examples: Examples, classes: int, rng: np.random.Generator) -> View:
    """The view whose vectors tell the labels best; the encoder's own, unless another is clearly better."""
    views = encoder.views()
    examples = _some(examples, rng)
    encoder.embed_views(examples.inputs(), views)  # one pass for all of them, into the encoder's cache
    fold = deal(examples, rng)
    best, loss = views[0], None
    for view in views:
        ground = prepare(encoder, view, examples, None)
        said = pool((judge(ground, examples, fold, classes, "logistic", STRENGTH_TO_COMPARE_VIEWS),), examples).losses
        if loss is None or clearly_less(said, loss, trust_in(examples), STANDARD_ERRORS):
            best, loss = view, said
    return best


def choose_setting(
    ground: Ground,
    examples: Examples,
    fold: NDArray[np.int64],
    classes: int,
    family: str,
    tuned: float | None = None,
) -> Chosen:
    """The setting of a family with the least log loss; the `tuned` one where there is one."""
    found = []
    for setting in FAMILIES[family].settings if tuned is None else (tuned,):
        said = judge(ground, examples, fold, classes, family, setting)
        found.append(Chosen(family, setting, said, pool((said,), examples)))
    return min(found, key=lambda one: one.alone.loss)


def _some(examples: Examples, rng: np.random.Generator) -> Examples:
    if len(examples) <= LABELS_TO_CHOOSE_BY:
        return examples
    return examples.take(np.sort(rng.choice(len(examples), LABELS_TO_CHOOSE_BY, replace=False)))
