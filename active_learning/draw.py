"""Who goes before people in a round: the holdout and the control arm at random, the rest by a strategy and by what
another answer to a labelled record would tell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.budget.gains import gain_of_new
from active_learning.budget.ranking import Question, spend
from active_learning.draw_again import Again, Labelled, purpose_of
from active_learning.pool import Pool, Selection, Strategy
from active_learning.settings import LearningSettings
from active_learning.strategies.auto import doubts_mean_little

NOTHING: NDArray[np.str_] = np.zeros(0, dtype=np.str_)


@dataclass(frozen=True)
class Drawn:
    """One record that was drawn for a round.

    Attributes:
        purpose: `selected`, `control` or `holdout`; `second-opinion` or `relook` of a labelled record.
        why: The reason, as a person reads it.
        score: How much the strategy wants it, in [0, 1], or what another answer would tell, in nats; `None` for a
            random draw.
        answers_wanted: How many people are asked; of an assignment that is opened again, those who answered among them;
            0 where the record is only counted in the control arm.
        suggestion: The class that people are shown as the answer, in place of what a model says.
        assignment: The assignment that is sent or opened for it; `None` where it is named by record, purpose and round.
        opens: Whether that assignment was answered before and is opened for one more person.
    """

    record_id: str
    purpose: str
    why: str
    score: float | None
    answers_wanted: int = 1
    suggestion: str | None = None
    assignment: str | None = None
    opens: bool = False


def draw_round(
    pool: Pool,
    settings: LearningSettings,
    number: int,
    choose: Strategy,
    *,
    holdout_wanted: int,
    labelled: Labelled | None = None,
    answers: int | None = None,
    chosen_before: NDArray[np.str_] = NOTHING,
) -> list[Drawn]:
    """The records of round `number`, in the order in which people see them.

    The holdout comes first from the pool, then the control arm, both uniformly at random over clusters. What was chosen
    before takes part in the draw of the control arm: where it falls on such a record, that is counted in, last of all
    and without an answer, and the strategy has the answer. The strategy chooses from what is left. Of what it chose,
    those records give way of which an answer tells less than another answer to a labelled one, and these are asked
    about in their place. All are spread evenly over the batch, each arm in its own order, so that work that stops
    half-way has given each its share. The answer depends on the pool's content and the seed, not on the order of its
    rows.

    Args:
        pool: The records that may be chosen, one a cluster.
        choose: The strategy, given a pool, a number and a generator.
        holdout_wanted: How many records the holdout still lacks; at most a quarter of the pool is taken.
        labelled: What may be asked again; only new records are asked about without it, without a model, and while there
            are so few labels a class that a model's doubts mean little.
        answers: How many answers are asked for besides those of the holdout and of `repeat_share`; `settings.size`
            records' worth unless given.
        chosen_before: The labelled records that a strategy chose, and that are in no control arm.
    """
    each = settings.annotators_per_record
    answers = settings.size * each if answers is None else answers
    rng = np.random.default_rng([settings.seed, number])
    shuffled = rng.permutation(np.sort(pool.ids))
    n_holdout = min(holdout_wanted, len(shuffled) // 4)
    n_train = min(answers // each, len(shuffled) - n_holdout)
    n_control = round(n_train * settings.control_share)
    counted = _counted(chosen_before, len(shuffled) - n_holdout, n_control, [settings.seed, number, 2])
    n_control -= len(counted)
    holdout, control = shuffled[:n_holdout], shuffled[n_holdout : n_holdout + n_control]
    rest = np.isin(pool.ids, shuffled[n_holdout + n_control :])
    selection = choose(pool.take(rest), n_train - n_control, np.random.default_rng([settings.seed, number, 1]))
    chosen = [Drawn(str(one), "selected", selection.reason, float(score)) for one, score in _scored(selection)]
    again: list[Drawn] = []
    if labelled is not None and pool.probabilities is not None and not doubts_mean_little(pool):
        chosen, again = _share_out(chosen, pool, labelled, answers - n_control * each, each)
    arms = [
        chosen,
        [Drawn(str(one), "control", "Drawn at random, to show what choosing saves.", None) for one in control],
        [Drawn(str(one), "holdout", "Drawn at random, to measure with; never trained on.", None) for one in holdout],
    ]
    fresh = _with_repeats(_interleave(arms), settings, rng)
    return (_interleave([fresh, again]) if again else fresh) + counted


def _counted(chosen_before: NDArray[np.str_], n_left: int, n_control: int, seed: list[int]) -> list[Drawn]:
    """The records chosen before that a draw of `n_control` from them and the `n_left` others falls on."""
    rng = np.random.default_rng(seed)
    n = int(rng.hypergeometric(len(chosen_before), n_left, n_control)) if len(chosen_before) else 0
    drawn = sorted(rng.choice(np.sort(chosen_before), n, replace=False).tolist()) if n else []
    return [Drawn(one, "control", "Drawn at random; it has a label already.", None, 0) for one in drawn]


def _share_out(
    chosen: list[Drawn], pool: Pool, labelled: Labelled, answers: int, each: int
) -> tuple[list[Drawn], list[Drawn]]:
    """The strategy's choices that `answers` answers are spent on, in its order, and what is asked again, the most
    telling first."""
    row = {name: place for place, name in enumerate(pool.ids.tolist())}
    said = pool.need_probabilities("budget")[[row[one.record_id] for one in chosen]].astype(np.float64)
    new = gain_of_new(said, labelled.belief).tolist()
    questions = [Question(one.record_id, "new", gain, each) for one, gain in zip(chosen, new, strict=True)]
    questions += [
        Question(name, one.kind, one.gain)
        for name, one in sorted(labelled.again.items(), key=lambda item: item[0])
        if name not in row
    ]
    spent = spend(questions, answers)
    kept = {one.record_id for one in spent if one.kind == "new"}
    again = [_drawn_again(labelled.again[one.record_id]) for one in spent if one.kind != "new"]
    return [one for one in chosen if one.record_id in kept], again


def _drawn_again(one: Again) -> Drawn:
    return Drawn(
        one.record_id,
        purpose_of(one),
        one.why,
        one.gain,
        one.answers_wanted,
        assignment=one.assignment,
        opens=one.opens,
    )


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
