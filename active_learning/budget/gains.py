"""What one more answer is expected to tell about a record's label, in nats: the same measure for every question.

The mutual information of the answer and the right class (Lindley, "On a Measure of the Information Provided by an
Experiment", 1956). ActiveLab (Goh and Mueller, "ActiveLab: Active Learning with Re-Labeling by Multiple Annotators",
2023) ranks the same questions by how well the label is known; that asks again and again where more answers do not
help, since nobody good is left to ask or the same person would say the same.
"""

import numpy as np
from numpy.typing import NDArray

from active_learning.budget.belief import Belief

Floats = NDArray[np.float64]

SLIPS = 0.5
"""Of what somebody got wrong they notice so much when they look again."""
REVISION = 2.0
"""What is learnt of a labelled record counts twice: a wrong label that is put right teaches what is right, and stops
teaching what is wrong."""
ROWS_AT_ONCE = 4096


def information(probabilities: Floats, channel: Floats) -> Floats:
    """(N,) how much an answer tells about the right class, in nats, at least 0.

    Args:
        probabilities: (N, K) what is believed before it.
        channel: (K, K) row k: how likely each answer is where k is right.
    """
    of_channel = _entropy(channel)
    found = np.empty(len(probabilities))
    for start in range(0, len(found), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        part = np.asarray(probabilities[rows], dtype=np.float64)
        found[rows] = _entropy(part @ channel) - part @ of_channel
    return np.maximum(found, 0.0)


def gain_of_new(probabilities: Floats, belief: Belief) -> Floats:
    """(N,) what an answer to a record that nobody answered tells, in nats, from somebody as good as all together.

    Args:
        probabilities: (N, K) what the model says of the records.
    """
    return information(probabilities, belief.channel(belief.typical_accuracy))


def gain_of_second_opinion(belief: Belief, askable: NDArray[np.bool_]) -> Floats:
    """(R,) what an answer tells about a record that is answered already, in nats times `REVISION`, from one of those
    who have not answered it, each as likely as the others; 0 where all have.

    Args:
        askable: (M,) who can be asked still.
    """
    left = (belief.given < 0) & askable
    found: Floats = REVISION * _of_others(belief, left) / np.maximum(left.sum(axis=1), 1)
    return found


def gain_of_second_look(belief: Belief, askable: NDArray[np.bool_]) -> Floats:
    """(R,) what an answer tells about a record that is answered already, in nats times `REVISION`, from anyone who can
    be asked, those who answered it among them: these see a slip of their own half of the time, else say the same.

    Args:
        askable: (M,) who can be asked still.
    """
    total = _of_others(belief, (belief.given < 0) & askable)
    for person in np.flatnonzero(askable):
        rows = np.flatnonzero(belief.given[:, person] >= 0)
        total[rows] += _of_the_same(belief.posterior[rows], belief.given[rows, person])
    found: Floats = REVISION * total / max(int(askable.sum()), 1)
    return found


def _of_others(belief: Belief, left: NDArray[np.bool_]) -> Floats:
    """(R,) the sum of what an answer of each person tells, of those whom `left` (R, M) names."""
    total = np.zeros(len(belief.ids))
    for person in range(len(belief.annotators)):
        rows = np.flatnonzero(left[:, person])
        if len(rows):
            total[rows] += information(belief.posterior[rows], belief.channel(float(belief.accuracy[person])))
    return total


def _of_the_same(posterior: Floats, own: NDArray[np.int64]) -> Floats:
    """(N,) what the same person's second answer tells: where they were wrong, the right class with the chance `SLIPS`,
    else what they said before."""
    rows = np.arange(len(own))
    told = posterior * SLIPS
    wrong = 1 - posterior[rows, own]
    told[rows, own] = 1 - wrong * SLIPS
    noise = float(_entropy(np.array([[SLIPS, 1 - SLIPS]]))[0])
    return np.maximum(_entropy(told) - wrong * noise, 0.0)


def _entropy(rows: Floats) -> Floats:
    from scipy.special import entr

    found: Floats = entr(rows).sum(axis=1)
    return found
