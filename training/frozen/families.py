"""The families of heads, and what each says of labelled records that it was not fitted on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats
from training.examples import Examples
from training.frozen.ground import Ground
from training.frozen.heads import Head, NeighbourHead, floored
from training.frozen.logistic import fit_head
from training.frozen.self_training import self_train

Rows = NDArray[np.int64]

# The smallest is for labels of which many are wrong.
STRENGTHS = (1.0, 4.0, 20.0, 100.0, 500.0)
REACHES = (0.5, 0.8)


@dataclass(frozen=True)
class Family:
    """A way to make a head, with the settings that cross-validation chooses from.

    Attributes:
        settings: Of which one is chosen.
        fit: The head for some rows of the labelled examples.
        judge: For the rows held back, the log probabilities (H, S) of a head for the other rows, and its classes (S,).
    """

    settings: tuple[float, ...]
    fit: Callable[[Ground, Examples, Rows, float], Head]
    judge: Callable[[Ground, Examples, Rows, Rows, float], tuple[Floats, NDArray[np.int64]]]


def _logistic(ground: Ground, examples: Examples, rows: Rows, strength: float) -> Head:
    return fit_head(ground.labelled[rows], examples.labels[rows], strength, examples.weights[rows])


def _self_trained(ground: Ground, examples: Examples, rows: Rows, strength: float) -> Head:
    return self_train(ground.labelled[rows], examples.labels[rows], examples.weights[rows], ground.unlabelled, strength)


def _beliefs(ground: Ground, examples: Examples, rows: Rows, reach: float) -> tuple[NDArray[np.float32], Rows]:
    seen, own = np.unique(examples.labels[rows], return_inverse=True)
    return ground.graph.spread(rows, own, examples.weights[rows], len(seen), reach), seen


def _propagated(ground: Ground, examples: Examples, rows: Rows, reach: float) -> Head:
    beliefs, seen = _beliefs(ground, examples, rows, reach)
    return NeighbourHead(seen, np.concatenate([ground.labelled, ground.unlabelled]), beliefs)


def _judge_propagated(
    ground: Ground, examples: Examples, rows: Rows, held: Rows, reach: float
) -> tuple[Floats, NDArray[np.int64]]:
    # What is held back stays in the graph, without its label: so it is with the records of the pool.
    beliefs, seen = _beliefs(ground, examples, rows, reach)
    return floored(beliefs[held]), seen


def _judge_by(
    fit: Callable[[Ground, Examples, Rows, float], Head],
) -> Callable[[Ground, Examples, Rows, Rows, float], tuple[Floats, NDArray[np.int64]]]:
    def judge(
        ground: Ground, examples: Examples, rows: Rows, held: Rows, setting: float
    ) -> tuple[Floats, NDArray[np.int64]]:
        head = fit(ground, examples, rows, setting)
        return head.log_probabilities(ground.labelled[held]), head.seen

    return judge


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "logistic": Family(STRENGTHS, _logistic, _judge_by(_logistic)),
        "propagated": Family(REACHES, _propagated, _judge_propagated),
        "self-trained": Family((20.0,), _self_trained, _judge_by(_self_trained)),
    }
)
