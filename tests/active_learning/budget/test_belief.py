"""What is believed of answered records, and how good each annotator is found to be."""

import numpy as np
import pytest

from active_learning.budget.belief import PRIOR_ACCURACY, GivenAnswers, believe
from active_learning.pool import PoolError

K = 5


def crowd(n, wrong, *, each=1, seed=0):
    """`n` records of `K` classes, each answered by `each` people drawn at random; their answers and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(K, size=n)
    rows = [(row, person) for row in range(n) for person in rng.permutation(len(wrong))[:each]]
    classes = [
        (truth[row] + rng.integers(1, K)) % K if rng.random() < wrong[person] else truth[row] for row, person in rows
    ]
    names = np.array([f"r{row:04d}" for row in range(n)])
    return names, truth, GivenAnswers([names[row] for row, _ in rows], [f"p{person}" for _, person in rows], classes)


def model_of(truth, right, seed=1):
    """(N, K) what a calibrated model says that is right about `right` of the records."""
    rng = np.random.default_rng(seed)
    said = np.full((len(truth), K), (1 - right) / (K - 1))
    top = np.where(rng.random(len(truth)) < right, truth, (truth + rng.integers(1, K, len(truth))) % K)
    said[np.arange(len(truth)), top] = right
    return said


def test_annotators_are_told_apart_where_no_two_answered_the_same_record():
    names, truth, answers = crowd(600, (0.05, 0.15, 0.3))
    found = believe(answers, K, model_ids=names, probabilities=model_of(truth, 0.8))
    assert found.accuracy == pytest.approx([0.95, 0.85, 0.7], abs=0.07)
    assert found.accuracy[0] > found.accuracy[1] > found.accuracy[2]


def test_annotators_are_told_apart_by_what_they_share_without_a_model():
    _, _, answers = crowd(400, (0.05, 0.15, 0.3), each=3)
    assert believe(answers, K).accuracy == pytest.approx([0.95, 0.85, 0.7], abs=0.06)


def test_a_person_with_one_answer_is_taken_for_as_good_as_the_others():
    names, truth, answers = crowd(300, (0.3, 0.3), each=2)
    one_more = GivenAnswers(
        np.append(answers.records, names[0]), np.append(answers.annotators, "q"), np.append(answers.classes, truth[0])
    )
    found = believe(one_more, K)
    others, newcomer = found.accuracy[:2].mean(), found.accuracy[2]
    assert abs(newcomer - others) < 0.06


def test_a_label_that_the_model_denies_is_trusted_less():
    names, truth, answers = crowd(400, (0.15,))
    said = model_of(truth, 0.9)
    trust = believe(answers, K, model_ids=names, probabilities=said).trust(names, answers.classes)
    right = answers.classes == truth
    assert trust[right].mean() > 0.9
    assert trust[~right].mean() < 0.6


def test_where_two_disagree_the_model_and_their_care_decide_among_what_they_said():
    names, truth, answers = crowd(400, (0.05, 0.3), each=2)
    said = model_of(truth, 0.8)
    found = believe(answers, K, model_ids=names, probabilities=said)
    careless = answers.classes[answers.annotators == "p1"]
    likeliest = found.likeliest(names, careless)
    given = np.stack([answers.classes[answers.annotators == "p0"], careless], axis=1)
    assert (likeliest[:, None] == given).any(axis=1).all(), "a class that nobody gave is nobody's answer"
    assert (likeliest == truth).mean() > max(0.94, (careless == truth).mean())


def test_of_equally_likely_answers_the_label_stands_and_so_does_one_that_nobody_gave():
    found = believe(GivenAnswers(["a", "a"], ["p", "q"], [1, 3]), K)
    ids = np.array(["a", "z"])
    for label in (1, 3):
        assert found.likeliest(ids, np.array([label, 2])).tolist() == [label, 2]


def test_two_who_agree_are_believed_more_than_one():
    answers = GivenAnswers(["a", "a", "b"], ["p", "q", "p"], [1, 1, 2])
    found = believe(answers, K)
    assert found.posterior[0, 1] > found.posterior[1, 2] > 0.5


def test_a_class_that_the_model_takes_for_another_is_where_wrong_answers_go():
    _, _, answers = crowd(50, (0.1,))
    said = np.full((40, K), 0.01)
    said[:, :2] = 0.485
    found = believe(answers, K, others=said)
    assert found.mistakes.sum(axis=1) == pytest.approx(np.ones(K))
    assert np.diag(found.mistakes) == pytest.approx(np.zeros(K))
    assert found.mistakes[0, 1] > 2 * found.mistakes[0, 2:].max()


def test_the_order_of_answers_means_nothing():
    names, truth, answers = crowd(60, (0.1, 0.3), each=2)
    said = model_of(truth, 0.7)
    turned = np.random.default_rng(3).permutation(len(answers))
    one = believe(answers, K, model_ids=names, probabilities=said)
    other = believe(
        GivenAnswers(answers.records[turned], answers.annotators[turned], answers.classes[turned]),
        K,
        model_ids=names[::-1],
        probabilities=said[::-1],
    )
    assert one.ids.tolist() == other.ids.tolist()
    assert one.posterior == pytest.approx(other.posterior)
    assert one.accuracy == pytest.approx(other.accuracy)


def test_without_any_answer_nothing_is_believed():
    found = believe(GivenAnswers([], [], []), K)
    assert (found.posterior.shape, found.accuracy.shape) == ((0, K), (0,))
    assert found.typical_accuracy == pytest.approx(PRIOR_ACCURACY)


def test_one_who_answered_nothing_else_but_agrees_with_all_is_no_wonder():
    answers = GivenAnswers(["a", "b", "c"], ["p", "p", "p"], [0, 1, 2])
    found = believe(answers, K)
    assert found.trust(np.array(["a", "z"]), np.array([0, 3])) == pytest.approx([found.posterior[0, 0], 1.0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: GivenAnswers(["a", "a"], ["p", "p"], [0, 1]), "more than once"),
        (lambda: GivenAnswers(["a"], ["p", "q"], [0]), "as many"),
        (lambda: believe(GivenAnswers(["a"], ["p"], [K]), K), "names class 5"),
        (
            lambda: believe(
                GivenAnswers(["a"], ["p"], [0]), K, model_ids=np.array(["a"]), probabilities=np.full((1, K), np.nan)
            ),
            "finite",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, says):
    with pytest.raises(PoolError, match=says):
        make()
