"""BADGE: records that would change the model much, and each in its own way.

Ash, Zhang, Krishnamurthy, Langford and Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
Bounds", ICLR 2020. A record stands as the gradient of its loss, were the likeliest class its label, in the weights of
the last layer: the outer product of (probabilities - one-hot) and the embedding. The batch is drawn by the seeding of
k-means++ (Arthur and Vassilvitskii, SODA 2007) among these. The product of two such gradients is the product of the
products of their factors, so that no gradient of K times D numbers is ever made.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.pool import Floats, Pool, Selection
from active_learning.strategies.grouping import Vectors, unit_rows
from active_learning.strategies.seeded_order import Positions, draw_seed, one_of_each_cluster

REASON = "Its label would change the model much, and otherwise than those of the others that were chosen."
DRAWS = 256  # at most, at once
ROUNDING = 1e-5  # squared distances below this share of the squared lengths are those of equal gradients


def badge(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose `n` records by k-means++ among their gradients, the longest gradient first.

    Each next record is drawn with a chance in proportion to its squared distance to the nearest that is chosen. Draws
    are made by the hundred for the distances of the moment, and each is then accepted with the chance that its
    distance is still that large: exactly the draws of k-means++, with few passes over the pool.

    Args:
        pool: Needs `probabilities` (N, K) and `embeddings` (N, D).
        n: How many to choose.
        rng: Seeds the draws.

    Returns:
        min(n, clusters left) distinct ids in the order of the draws; `scores` are half the squared length of the
        probabilities' part of the gradient, in [0, 1].

    Raises:
        PoolError: The pool has no probabilities or no embeddings.
    """
    gradients = _Gradients(pool.need_probabilities("badge"), pool.need_embeddings("badge"))
    seed = draw_seed(rng)
    rows = one_of_each_cluster(pool, seed, len(pool))
    lengths = gradients.squared_lengths(rows)
    n = min(n, len(rows))
    chosen = _seed_k_means(gradients, rows, lengths, n, np.random.default_rng(seed)) if n > 0 else rows[:0]
    return Selection(pool.ids[rows[chosen]], np.clip(lengths[chosen] / 2, 0, 1), REASON)


def _seed_k_means(
    gradients: "_Gradients", rows: Positions, lengths: npt.NDArray[np.float64], n: int, rng: np.random.Generator
) -> Positions:
    chosen = [int(lengths.argmax())]
    far = np.full(len(rows), np.inf)
    applied = 0
    while len(chosen) < n:
        _bring_nearer(far, gradients, rows, lengths, chosen[applied:])
        applied = len(chosen)
        far[chosen] = 0
        sums = np.cumsum(far)
        if sums[-1] <= 0:  # every gradient left equals one that is chosen
            rest = np.setdiff1d(np.arange(len(rows)), chosen)
            return np.concatenate([chosen, rest[: n - len(chosen)]]).astype(np.intp)
        lots = rng.random((2, min(DRAWS, 4 * (n - len(chosen)))))
        draws = np.minimum(np.searchsorted(sums, lots[0] * sums[-1], side="right"), len(rows) - 1)
        drawn = gradients.of(rows[draws])
        between = gradients.squared_distances(drawn, lengths[draws], drawn, lengths[draws])
        now = far[draws].copy()
        for place, chance in enumerate(lots[1]):
            if len(chosen) < n and chance * far[draws[place]] < now[place]:
                chosen.append(int(draws[place]))
                now = np.minimum(now, between[place])
                now[draws == draws[place]] = 0
    return np.array(chosen, dtype=np.intp)


def _bring_nearer(
    far: npt.NDArray[np.float64],
    gradients: "_Gradients",
    rows: Positions,
    lengths: npt.NDArray[np.float64],
    chosen: list[int],
) -> None:
    """Lower `far`, the squared distances to the nearest chosen record, by those to `chosen`."""
    centres = [(gradients.of(rows[some]), lengths[some]) for some in np.array_split(chosen, len(chosen) // 64 + 1)]
    for part in row_slices(len(rows)):
        factors = gradients.of(rows[part])
        for centre, centre_lengths in centres:
            squared = gradients.squared_distances(factors, lengths[part], centre, centre_lengths)
            far[part] = np.minimum(far[part], squared.min(axis=1))


@dataclass(frozen=True)
class _Factors:
    """Gradients as the factors that they are the outer products of: (R, K) float32 and (R, D) float32."""

    residuals: Vectors
    vectors: Vectors


@dataclass(frozen=True)
class _Gradients:
    probabilities: Floats
    embeddings: Floats

    def of(self, rows: Positions) -> _Factors:
        residuals = self.probabilities[rows].astype(np.float32)
        residuals[np.arange(len(rows)), residuals.argmax(axis=1)] -= 1
        return _Factors(residuals, unit_rows(self.embeddings[rows]))

    def squared_lengths(self, rows: Positions) -> npt.NDArray[np.float64]:
        """(R,) of these rows."""
        squared = np.empty(len(rows))
        for part in row_slices(len(rows)):
            factors = self.of(rows[part])
            squared[part] = np.square(factors.residuals).sum(axis=1) * np.square(factors.vectors).sum(axis=1)
        return squared

    @staticmethod
    def squared_distances(
        some: _Factors,
        some_lengths: npt.NDArray[np.float64],
        others: _Factors,
        other_lengths: npt.NDArray[np.float64],
    ) -> Vectors:
        """(A, B) float32 between the gradients of two lots of rows, given their squared lengths."""
        products = (some.residuals @ others.residuals.T) * (some.vectors @ others.vectors.T)
        sums = some_lengths[:, None].astype(np.float32) + other_lengths[None, :].astype(np.float32)
        squared = sums - 2 * products
        return np.where(squared > ROUNDING * sums, squared, np.float32(0))
