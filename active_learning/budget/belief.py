"""What is believed of each record that somebody answered, and how often each annotator is right.

The one-coin form of Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm",
1979, with a model's out-of-fold probabilities as what is believed of a record before anybody answered it (as in Goh et
al., "CROWDLAB", 2022, but by Bayes' rule in place of a weighted mean). So annotators are told apart where no two of
them answered the same record.

Two things are added. Somebody who answered little is taken for as good as the others are together. And a wrong answer
is not any other class alike: half of the wrong ones go where the model too takes one class for the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.pool import PoolError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[np.str_]

PRIOR_ACCURACY = 0.9
PRIOR_ANSWERS = 10.0
"""Before any answer, all annotators together are as if they had given so many, nine of ten of them right; and each one
is, beside their own answers, as if they had given so many at the rate of all."""
MOST_ACCURATE = 0.99
EM_STEPS = 30
SETTLED = 1e-5
"""Nobody's accuracy moves by as much in a further step."""
NEAR_SHARE = 0.5
"""So much of what people get wrong goes to the classes that the model takes for the right one."""
LEAST_BETTER = 1e-9
"""Classes whose likelihoods differ by less are equally likely."""
LEAST = 1e-3
"""No class is thought less likely than this by the model alone: it has not seen everything."""


@dataclass(frozen=True, eq=False)
class GivenAnswers:
    """Who answered what, one row an answer.

    Args:
        records: (n,) record ids.
        annotators: (n,) names; nobody answers a record twice.
        classes: (n,) int64, the class given.

    Raises:
        PoolError: Lengths differ, or somebody answered a record twice.
    """

    records: Strings
    annotators: Strings
    classes: Ints

    def __post_init__(self) -> None:
        for name, kind in (("records", np.str_), ("annotators", np.str_), ("classes", np.int64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if not len(self.records) == len(self.annotators) == len(self.classes):
            raise PoolError("answers need as many records as annotators and classes.")
        if len(set(zip(self.records.tolist(), self.annotators.tolist(), strict=True))) < len(self.records):
            raise PoolError("somebody's answer to one record stands there more than once; keep the newest.")

    def __len__(self) -> int:
        return len(self.records)


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed after all answers.

    Attributes:
        ids: (R,) the records that somebody answered, sorted.
        posterior: (R, K) how likely each class is the right one; rows sum to 1.
        annotators: (M,) names, sorted.
        accuracy: (M,) how often each is right, in (0, 1).
        typical_accuracy: How often all of them together are right.
        mistakes: (K, K) row k: how a wrong answer falls on the classes where k is right; 0 on the diagonal, rows sum
            to 1.
        given: (R, M) int64, the class that each gave each record; -1 where they gave none.
    """

    ids: Strings
    posterior: Floats
    annotators: Strings
    accuracy: Floats
    typical_accuracy: float
    mistakes: Floats
    given: Ints

    def channel(self, accuracy: float) -> Floats:
        """(K, K) row k: how likely each answer of a person of that accuracy is where k is right."""
        k = len(self.mistakes)
        return accuracy * np.eye(k) + (1 - accuracy) * self.mistakes

    def trust(self, ids: Strings, labels: Ints) -> Floats:
        """(N,) how likely the label (N,) of each record `ids` (N,) is right; of a record that nobody answered, 1."""
        rows = self._rows(ids)
        known = rows >= 0
        trust = np.ones(len(ids))
        trust[known] = self.posterior[rows[known], labels[known]]
        return trust

    def likeliest(self, ids: Strings, labels: Ints) -> Ints:
        """(N,) the likeliest class that somebody gave each record `ids` (N,): its label (N,) of several that are
        equally likely, and of a record that nobody answered."""
        rows = self._rows(ids)
        found = np.array(labels, dtype=np.int64)
        known = np.flatnonzero(rows >= 0)
        named = np.zeros((len(self.ids), len(self.mistakes)), dtype=bool)
        at, person = np.nonzero(self.given >= 0)
        named[at, self.given[at, person]] = True
        support = np.where(named, self.posterior, -1.0)[rows[known]]
        best = support.max(axis=1, initial=-1.0)
        better = best > support[np.arange(len(known)), found[known]] + LEAST_BETTER
        found[known[better]] = support[better].argmax(axis=1)
        return found

    def _rows(self, ids: Strings) -> Ints:
        """(N,) the row of each record; -1 of one that nobody answered."""
        place = {name: row for row, name in enumerate(self.ids.tolist())}
        return np.array([place.get(name, -1) for name in ids.tolist()], dtype=np.int64)


def believe(
    answers: GivenAnswers,
    n_classes: int,
    *,
    model_ids: Strings | None = None,
    probabilities: Floats | None = None,
    others: Floats | None = None,
) -> Belief:
    """What is believed of each answered record, and of each annotator.

    Args:
        answers: First looks alone; a second look is no independent answer.
        n_classes: K.
        model_ids: (N,) the records that a model which was not fitted on them judged; it may lack some.
        probabilities: (N, K) what it said, calibrated.
        others: (U, K) what the model says of records that nobody answered; they tell which classes it mixes up.

    Raises:
        PoolError: A class is not under `n_classes`, or the probabilities do not fit.
    """
    if len(answers) and not 0 <= answers.classes.min() <= answers.classes.max() < n_classes:
        raise PoolError(f"an answer names class {answers.classes.max()}; there are {n_classes}.")
    ids, record = np.unique(answers.records, return_inverse=True)
    annotators, person = np.unique(answers.annotators, return_inverse=True)
    given = np.full((len(ids), len(annotators)), -1, dtype=np.int64)
    given[record, person] = answers.classes
    before = _before_answers(ids, n_classes, model_ids, probabilities)
    mistakes = _mistakes(before if others is None else np.concatenate([before, others]))
    posterior, accuracy, typical = _em(before, record, person, answers.classes, len(annotators), mistakes)
    return Belief(ids, posterior, annotators, accuracy, typical, mistakes, given)


def _before_answers(ids: Strings, k: int, model_ids: Strings | None, probabilities: Floats | None) -> Floats:
    before: Floats = np.full((len(ids), k), 1 / k)
    if model_ids is None or probabilities is None:
        return before
    if probabilities.shape != (len(model_ids), k) or not np.isfinite(probabilities).all():
        raise PoolError(f"{len(model_ids)} records need finite probabilities of {k} classes.")
    place = {name: row for row, name in enumerate(np.asarray(model_ids).tolist())}
    rows = np.array([place.get(name, -1) for name in ids.tolist()], dtype=np.int64)
    before[rows >= 0] = probabilities[rows[rows >= 0]]
    before = before + LEAST
    flat: Floats = before / before.sum(axis=1, keepdims=True)
    return flat


def _mistakes(said: Floats) -> Floats:
    """(K, K) where wrong answers fall: half anywhere, half where the model's own doubt falls.

    Args:
        said: (N, K) what the model says of records, out of fold.
    """
    k = said.shape[1]
    if k < 2:
        return np.zeros((k, k))
    near = said.T @ said
    np.fill_diagonal(near, 0.0)
    # A few records say little of 77 x 77 pairs: as if each pair had been taken for one another evenly, a little.
    near = near + (1.0 - np.eye(k)) * max(near.sum(), 1e-12) / (k * (k - 1)) * 0.1
    anywhere = (1.0 - np.eye(k)) / (k - 1)
    found: Floats = NEAR_SHARE * near / near.sum(axis=1, keepdims=True) + (1 - NEAR_SHARE) * anywhere
    return found


def _em(
    before: Floats, record: Ints, person: Ints, answer: Ints, m: int, mistakes: Floats
) -> tuple[Floats, Floats, float]:
    """(R, K) the posterior, (M,) each one's accuracy, and that of all of them together."""
    counted = np.bincount(person, minlength=m).astype(np.float64)
    accuracy: Floats = np.full(m, PRIOR_ACCURACY)
    typical = PRIOR_ACCURACY
    posterior = before
    least = min(1 / before.shape[1] + 0.01, 0.5)
    of_others = _were_they_wrong(before, record, person, answer, m, mistakes)
    for _ in range(EM_STEPS):
        was = accuracy
        posterior = _posterior(of_others, record, answer, accuracy[person])
        right = np.bincount(person, weights=posterior[record, answer], minlength=m)
        typical = float((right.sum() + PRIOR_ANSWERS * PRIOR_ACCURACY) / (counted.sum() + PRIOR_ANSWERS))
        accuracy = np.clip((right + PRIOR_ANSWERS * typical) / (counted + PRIOR_ANSWERS), least, MOST_ACCURATE)
        if np.abs(accuracy - was).max(initial=0.0) < SETTLED:
            break
    return posterior, accuracy, float(np.clip(typical, least, MOST_ACCURATE))


def _were_they_wrong(before: Floats, record: Ints, person: Ints, answer: Ints, m: int, mistakes: Floats) -> Floats:
    """(R, K) log odds of each class but for how good people are: what each answer says of the classes that it is not,
    and nothing of its own."""
    said = np.log(mistakes + np.eye(len(mistakes))).T
    evidence: Floats = np.log(before)
    for one in range(m):  # nobody answers a record twice, so each row is written once
        rows = person == one
        evidence[record[rows]] += said[answer[rows]]
    return evidence


def _posterior(of_others: Floats, record: Ints, answer: Ints, accuracy: Floats) -> Floats:
    evidence = of_others.copy()
    # Being wrong is as likely whichever other class is right; so only the class that was given gains or loses by it.
    np.add.at(evidence, (record, answer), np.log(accuracy / (1 - accuracy)))
    evidence -= evidence.max(axis=1, keepdims=True)
    np.exp(evidence, out=evidence)
    evidence /= evidence.sum(axis=1, keepdims=True)
    return evidence
