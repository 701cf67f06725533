"""What is believed of each label now, from everybody's answers and a model that was not fitted on them.

Read from the store for two uses: which labels are worth another answer, and how far a fit trusts each of them.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from active_learning.budget.belief import Belief, GivenAnswers, believe
from labeling.answers import Answers, read_answers, standing_answers
from store import labels, models, predictions
from store.database import Store
from store.label_schema import LabelSchema
from training.examples import Examples

RECENT = 200
"""Whoever gave none of the last so many answers is not counted on for another."""
ENOUGH = 10_000
"""So many records of the pool tell which classes the model mixes up; a pool of a million is not copied for that."""
LEAST_TRUST = 0.02
"""No label is trusted less: a fit needs weights above 0."""
LOOKED_AGAIN = "re-look"


@dataclass(frozen=True)
class Known:
    """What is known of the records that somebody answered.

    Attributes:
        belief: Of first looks alone; a second look is no independent answer.
        askable: (M,) bool, which of the belief's annotators can be asked still: those who answered lately, not where
            labels were imported from.
    """

    belief: Belief
    askable: NDArray[np.bool_]


def known_now(store: Store, schema: LabelSchema, model: models.Model | None) -> Known | None:
    """What is believed now; None where nobody answered, or an answer is not of exactly one class."""
    given = read_answers(store)
    answers = standing_answers(given.annotations, schema, relooks=given.relooks, first_looks_only=True)
    if not len(answers) or (answers.classes < 0).any():
        return None
    k = len(schema.classes)
    ids, said, others = _of_model(store, model, set(answers.records), k)
    belief = believe(_given(answers), k, model_ids=ids, probabilities=said, others=others)
    return Known(belief, np.isin(belief.annotators, _lately(answers)))


def trusted(store: Store, schema: LabelSchema, examples: Examples, model: models.Model | None) -> Examples:
    """The examples as a fit should take them: each label with the trust in it as its weight, for all that is known.

    A label like most weighs 1, one that is rather wrong hardly anything. Where people disagree, the label is the
    likeliest of those that they gave; the store keeps what they voted, since what is measured with must not lean on a
    model. One that was looked at again stands, and is trusted as its own quality says. `model` is the one of before:
    it was not fitted on what was labelled since, and of the rest its out-of-fold probabilities are taken. Without a
    model, or where one person alone gave imported labels, they differ only by who answered.
    """
    known = known_now(store, schema, model)
    if known is None or not len(examples):
        return examples
    kept = labels.labels(store).select(["record_id", "quality", "method"]).to_pylist()
    looked_at = {row["record_id"]: row["quality"] for row in kept if row["method"] == LOOKED_AGAIN}
    again = np.array([name in looked_at for name in examples.ids.tolist()])
    believed = np.where(again, examples.labels, known.belief.likeliest(examples.ids, examples.labels))
    trust = known.belief.trust(examples.ids, believed)
    trust[again] = [looked_at[name] for name in examples.ids[again].tolist()]
    weights = np.clip(trust / np.median(trust), LEAST_TRUST, 1.0)
    return replace(examples, labels=believed, weights=weights)


def _given(answers: Answers) -> GivenAnswers:
    return GivenAnswers(
        records=np.array(answers.records, dtype=np.str_)[answers.record],
        annotators=np.array(answers.annotators, dtype=np.str_)[answers.annotator],
        classes=answers.classes[answers.value],
    )


def _lately(answers: Answers) -> list[str]:
    """Who gave one of the last `RECENT` answers to an assignment; imported labels answer none."""
    asked = np.array([bool(name) for name in answers.assignment], dtype=bool)
    rows = np.flatnonzero(asked)
    last = rows[np.argsort(answers.at[rows], kind="stable")][-RECENT:]
    return sorted({answers.annotators[person] for person in answers.annotator[last]})


def _of_model(
    store: Store, model: models.Model | None, answered: set[str], k: int
) -> tuple[NDArray[np.str_] | None, NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """What the model says of the answered records that it was not fitted on, with their ids, and of some others."""
    if model is None:
        return None, None, None
    judged, of_judged = predictions.out_of_fold(store, model.model_id)
    everything, said = predictions.predictions(store, model.model_id)
    if said.shape[-1] != k:
        return None, None, None  # the model is of before a class was added
    fitted_on = set(judged)
    fresh = [row for row, name in enumerate(everything) if name in answered and name not in fitted_on]
    rest = [row for row, name in enumerate(everything) if name not in answered]
    rest = rest[:: max(1, len(rest) // ENOUGH)]
    ids = np.array([*judged, *(everything[row] for row in fresh)], dtype=np.str_)
    return ids, np.concatenate([of_judged.reshape(-1, k), said[fresh]]), said[rest]
