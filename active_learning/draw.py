"""Who goes before people in a round: the holdout and the control arm at random, the rest by a strategy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from active_learning.pool import Pool, Selection, Strategy
from active_learning.settings import LearningSettings


@dataclass(frozen=True)
class Drawn:
    """One record that was drawn for a round.

    Attributes:
        purpose: `selected`, `control` or `holdout`.
        why: The reason, as a person reads it.
        score: How much the strategy wants it, in [0, 1]; `None` for a random draw.
        answers_wanted: How many people are asked.
        suggestion: The class that people are shown as the answer, in place of what a model says.
    """

    record_id: str
    purpose: str
    why: str
    score: float | None
    answers_wanted: int = 1
    suggestion: str | None = None


def draw_round(
    pool: Pool, settings: LearningSettings, number: int, choose: Strategy, *, holdout_wanted: int
) -> list[Drawn]:
    """The records of round `number`, in the order in which people see them.

    The holdout comes first from the pool, then the control arm, both uniformly at random over clusters; the strategy
    chooses from what is left. The three are spread evenly over the batch, each in its own order, so that work that
    stops half-way has given each its share. The answer depends on the pool's content and the seed, not on the order
    of its rows.

    Args:
        pool: The records that may be chosen, one a cluster.
        choose: The strategy, given a pool, a number and a generator.
        holdout_wanted: How many records the holdout still lacks; at most a quarter of the pool is taken.
    """
    rng = np.random.default_rng([settings.seed, number])
    shuffled = rng.permutation(np.sort(pool.ids))
    n_holdout = min(holdout_wanted, len(shuffled) // 4)
    n_train = min(settings.size, len(shuffled) - n_holdout)
    n_control = round(n_train * settings.control_share)
    holdout, control = shuffled[:n_holdout], shuffled[n_holdout : n_holdout + n_control]
    rest = np.isin(pool.ids, shuffled[n_holdout + n_control :])
    selection = choose(pool.take(rest), n_train - n_control, np.random.default_rng([settings.seed, number, 1]))
    arms = [
        [Drawn(str(one), "selected", selection.reason, float(score)) for one, score in _scored(selection)],
        [Drawn(str(one), "control", "Drawn at random, to show what choosing saves.", None) for one in control],
        [Drawn(str(one), "holdout", "Drawn at random, to measure with; never trained on.", None) for one in holdout],
    ]
    return _with_repeats(_interleave(arms), settings, rng)


def _scored(selection: Selection) -> list[tuple[str, float]]:
    return list(zip(selection.ids.tolist(), selection.scores.tolist(), strict=True))


def _interleave(arms: Sequence[Sequence[Drawn]]) -> list[Drawn]:
    placed = [((i + 0.5) / len(arm), which, one) for which, arm in enumerate(arms) for i, one in enumerate(arm)]
    return [one for _, _, one in sorted(placed, key=lambda row: row[:2])]


def _with_repeats(batch: list[Drawn], settings: LearningSettings, rng: np.random.Generator) -> list[Drawn]:
    repeats = set(rng.permutation(len(batch))[: round(len(batch) * settings.repeat_share)].tolist())
    base = settings.annotators_per_record
    return [
        Drawn(one.record_id, one.purpose, one.why, one.score, base + (place in repeats))
        for place, one in enumerate(batch)
    ]
