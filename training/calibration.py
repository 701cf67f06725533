"""Probabilities that mean what they say: temperature scaling, and the mass of classes that no label speaks of.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (temperature); Good, "The Population Frequencies of
Species and the Estimation of Population Parameters", Biometrika 1953 (missing mass).
"""

import numpy as np
from numpy.typing import NDArray

from training.examples import Examples

Floats = NDArray[np.float64]

# Records that a strategy chose count together as much as this many drawn at random: they steady the estimate
# while few random ones are there and lose their say as those grow.
CHOSEN_COUNT_AS = 20.0
TEMPERATURES = (0.05, 20.0)
HIGHEST_MISSING_MASS = 0.5


def sample_weights(random: NDArray[np.bool_]) -> Floats:
    """(N,) the weight of each example in a score or a calibration that is to hold for the pool.

    A record drawn at random stands for the pool and weighs 1. Those that a strategy chose are harder or more typical
    than the pool; together they weigh `CHOSEN_COUNT_AS` at most. Where none is random, all weigh 1.
    """
    chosen = int((~random).sum())
    if not random.any() or not chosen:
        return np.ones(len(random))
    return np.where(random, 1.0, min(1.0, CHOSEN_COUNT_AS / chosen))


def trust_in(examples: Examples) -> Floats:
    """(N,) how much each example counts where models are judged: for the pool, and as far as its label is trusted."""
    return sample_weights(examples.random) * examples.weights


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities (N, K) of logits (N, K)."""
    from scipy.special import log_softmax as of_rows

    result: Floats = of_rows(np.asarray(logits, dtype=np.float64), axis=1)
    return result


def fit_temperature(logits: Floats, labels: NDArray[np.int64], weights: Floats) -> float:
    """The temperature with the least weighted log loss on logits (N, K) that were not fitted on these labels.

    The labels count as a little unsure, as if there were one example more that is of each class alike (Platt,
    "Probabilistic Outputs for Support Vector Machines", 1999): a handful that are all right would else prove that the
    model is never wrong. Classes of which a row has -inf are none of its own. Without a single example it is 1.
    """
    from scipy.optimize import minimize_scalar

    if not len(labels):
        return 1.0
    rows, own = np.arange(len(labels)), np.isfinite(logits)
    unsure = 1 / (weights.sum() + 1)

    def loss(t: float) -> float:
        logs = log_softmax(logits / np.exp(t))
        alike = np.where(own, logs, 0.0).sum(axis=1) / own.sum(axis=1)
        return float(-(weights * ((1 - unsure) * logs[rows, labels] + unsure * alike)).sum() / weights.sum())

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def missing_mass(examples: Examples) -> float:
    """How probable it is that a record of the pool has a class of which there is no label.

    Good's leave-one-out estimate: the share of examples whose class no other example has, chosen ones among the others.
    Only those drawn at random tell; where fewer than `CHOSEN_COUNT_AS` are random, all are asked.
    """
    alone = np.bincount(examples.labels)[examples.labels] == 1
    told = examples.random if examples.random.sum() >= CHOSEN_COUNT_AS else np.ones(len(examples), dtype=bool)
    return float(min(HIGHEST_MISSING_MASS, alone[told].sum() / max(1, told.sum())))


def unseen_share(mass: Floats, unseen: NDArray[np.int64], classes: int) -> Floats:
    """(N,) what the unseen classes of each row get together: `mass` (N,), but at most 1/K for each of `unseen` (N,).

    A class that no label speaks of is no likelier than the mean class; without this bound one rare class that is left
    would take all of the mass and outdo every class that the model knows. It always gets a little, so that its log is
    finite.
    """
    share: Floats = np.where(unseen > 0, np.minimum(np.maximum(mass, 1e-6), unseen / classes), 0.0)
    return share


def spread(probabilities: Floats, seen: NDArray[np.int64], classes: int, mass: float) -> Floats:
    """Probabilities (N, S) of the seen classes as (N, K), with `mass`, bounded, shared by the classes never seen."""
    unseen = np.setdiff1d(np.arange(classes), seen)
    full = np.zeros((len(probabilities), classes))
    full[:, seen] = probabilities
    if len(unseen):
        share = float(unseen_share(np.array(mass), np.array(len(unseen)), classes))
        full *= 1 - share
        full[:, unseen] = share / len(unseen)
    return full
