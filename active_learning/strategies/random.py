"""Random: what every other strategy has to beat, and what an honest measure is drawn with."""

import numpy as np

from active_learning.pool import Pool, Selection
from active_learning.strategies.seeded_order import cluster_lots, draw_seed, one_of_each_cluster


def random(pool: Pool, n: int, rng: np.random.Generator) -> Selection:
    """Choose `n` clusters uniformly, and of each one record at random; `scores` are the lots that were drawn."""
    seed = draw_seed(rng)
    chosen = one_of_each_cluster(pool, seed, n)
    return Selection(pool.ids[chosen], cluster_lots(pool, seed)[chosen], "Drawn at random.")
