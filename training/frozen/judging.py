"""What heads say of examples that they were not fitted on, and how several of them are put together.

Log-linear pooling (Genest and Zidek, "Combining Probability Distributions", Statistical Science, 1986): the log
probabilities are added, each times a weight, and brought to sum to 1. The weights, which calibrate too, are those with
the least log loss out of fold; with one head the weight is 1 over the temperature (Guo et al., "On Calibration of
Modern Neural Networks", ICML 2017).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.calibration import Floats, log_softmax, missing_mass, trust_in, unseen_share
from training.examples import Examples
from training.frozen.families import FAMILIES
from training.frozen.ground import Ground

WEIGHT_OF_EQUAL_SHARES = 2.0
"""How strongly the weights are drawn to equal shares: as much as so many examples."""
WEIGHT_OF_SCALE = 1.0
"""How strongly the sum of the weights is drawn to 1: a handful of examples that are all right prove no certainty."""
HIGHEST_WEIGHT = 20.0


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Log probabilities (N, K), -inf where the fold had no label of the class, and the fold's missing mass (N,)."""

    log_probabilities: Floats
    mass: Floats

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(N, K) which classes the head that judged each example had seen."""
        return np.isfinite(self.log_probabilities)


def judge(
    ground: Ground, examples: Examples, fold: NDArray[np.int64], classes: int, family: str, setting: float
) -> OutOfFold:
    """What heads of a family say of every example, each fitted on the other folds (N,)."""
    said = np.full((len(examples), classes), -np.inf)
    mass = np.zeros(len(examples))
    for part in np.unique(fold):
        held, rows = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        log_probabilities, seen = FAMILIES[family].judge(ground, examples, rows, held, setting)
        said[np.ix_(held, seen)] = log_probabilities
        mass[held] = missing_mass(examples.take(rows))
    return OutOfFold(said, mass)


@dataclass(frozen=True, eq=False)
class Pooled:
    """Several heads' out-of-fold answers, put together.

    Attributes:
        weights: (M,) of the heads.
        losses: (N,) the log loss of each example whose class had been seen, NaN for others.
        loss: Their weighted mean, in nats.
    """

    heads: tuple[OutOfFold, ...]
    weights: Floats
    losses: Floats
    loss: float

    def probabilities(self) -> Floats:
        """(N, K), each row with the mass of its fold's unseen classes."""
        seen = self.heads[0].seen
        unseen = (~seen).sum(axis=1)
        share = unseen_share(self.heads[0].mass, unseen, seen.shape[1])[:, None]
        pooled = pool_logs([_told(head) for head in self.heads], self.weights, seen)
        return np.where(seen, pooled * (1 - share), share / np.maximum(1, unseen[:, None]))


def pool(heads: tuple[OutOfFold, ...], examples: Examples) -> Pooled:
    """The heads together, with the weights that suit the examples best.

    Only examples whose class had been seen tell: the others say nothing of sharpness; for them there is missing mass.
    """
    labels, trust = examples.labels, trust_in(examples)
    told = heads[0].seen[np.arange(len(labels)), labels]
    logs = np.stack([_told(head)[told] for head in heads])
    seen = heads[0].seen[told]
    weights = fit_weights(logs, seen, labels[told], trust[told])
    losses = np.full(len(labels), np.nan)
    if told.any():
        chosen = pool_logs(list(logs), weights, seen)[np.arange(told.sum()), labels[told]]
        losses[told] = -np.log(np.maximum(chosen, 1e-12))
    loss = float(np.average(losses[told], weights=trust[told])) if told.any() else 0.0
    return Pooled(heads, weights, losses, loss)


def clearly_less(losses: Floats, others: Floats, trust: Floats, standard_errors: float) -> bool:
    """Whether losses (N,) are lower than others (N,) of the same examples by so many standard errors of the mean.

    The mean of the differences is weighted by `trust` (N,); NaN tells nothing.
    """
    told = ~np.isnan(losses)
    if told.sum() < 2 or not trust[told].any():
        return False
    gain, share = (others - losses)[told], trust[told] / trust[told].sum()
    mean = float(share @ gain)
    error = float(np.sqrt(share**2 @ (gain - mean) ** 2 * len(gain) / (len(gain) - 1)))
    return mean > standard_errors * error


def pool_logs(logs: list[Floats], weights: Floats, seen: NDArray[np.bool_]) -> Floats:
    """(N, K) probabilities of the seen classes from M log probabilities (N, K); 0 for the others."""
    total = sum((weight * log for weight, log in zip(weights, logs, strict=True)), start=np.zeros(seen.shape))
    return np.exp(log_softmax(np.where(seen, total, -np.inf))) if len(total) else total


def fit_weights(logs: Floats, seen: NDArray[np.bool_], labels: NDArray[np.int64], trust: Floats) -> Floats:
    """The weights (M,), at least 0, with the least log loss, drawn to equal shares that sum to 1.

    Logs are (M, N, K), trust (N,).
    """
    from scipy.optimize import minimize

    heads, n = logs.shape[:2]
    equal = np.full(heads, 1 / heads)
    if not n:
        return equal
    rows = np.arange(n)
    share = trust / trust.sum()
    pull = (0.0 if heads == 1 else WEIGHT_OF_EQUAL_SHARES) / n

    def loss(weights: Floats) -> tuple[float, Floats]:
        said = pool_logs(list(logs), weights, seen)
        # The gradient of a log-linear model: what is expected of each head's log less what it gave the label.
        expected = np.einsum("nk,mnk->mn", said, np.where(seen, logs, 0))
        off_equal = weights - weights.mean()
        total = weights.sum() + 1e-6
        value = -(share * np.log(np.maximum(said[rows, labels], 1e-300))).sum()
        value += pull * (off_equal**2).sum() + WEIGHT_OF_SCALE / n * np.log(total) ** 2
        slope = (share * (expected - logs[:, rows, labels])).sum(axis=1)
        return float(value), slope + 2 * pull * off_equal + 2 * WEIGHT_OF_SCALE / n * np.log(total) / total

    bounds = [(0.05 if heads == 1 else 0.0, HIGHEST_WEIGHT)] * heads
    found = minimize(loss, equal, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x) if found.x.sum() > 0 else equal


def _told(head: OutOfFold) -> Floats:
    return np.where(head.seen, head.log_probabilities, 0.0)
