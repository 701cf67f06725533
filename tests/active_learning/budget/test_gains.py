"""What one more answer is expected to tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.budget.belief import GivenAnswers, believe
from active_learning.budget.gains import (
    gain_of_new,
    gain_of_second_look,
    gain_of_second_opinion,
    information,
)

K = 4
EVERYBODY = np.ones(2, dtype=bool)


def two_people(third="x", **more):
    """A belief of ten records that p answered and one, `third`, that p and q answered alike."""
    names = [f"r{row}" for row in range(10)]
    answers = GivenAnswers([*names, third, third], [*["p"] * 10, "p", "q"], [*[row % K for row in range(10)], 1, 1])
    return believe(answers, K, **more)


@given(st.integers(0, 1000), st.integers(2, 8), st.floats(0.3, 0.99))
def test_an_answer_tells_no_more_than_is_unknown_and_never_less_than_nothing(seed, k, accuracy):
    rng = np.random.default_rng(seed)
    before = rng.dirichlet(np.full(k, 0.5), 20)
    channel = accuracy * np.eye(k) + (1 - accuracy) * (1 - np.eye(k)) / (k - 1)
    told = information(before, channel)
    unknown = -(before * np.log(np.maximum(before, 1e-300))).sum(axis=1)
    assert (told >= 0).all()
    assert (told <= unknown + 1e-9).all()


def test_an_oracle_tells_all_that_is_unknown():
    assert information(np.full((1, K), 1 / K), np.eye(K)) == pytest.approx([np.log(K)])


def test_somebody_who_guesses_tells_nothing():
    assert information(np.array([[0.7, 0.1, 0.1, 0.1]]), np.full((K, K), 1 / K)) == pytest.approx([0.0], abs=1e-12)


def test_a_doubtful_record_is_worth_more_than_a_clear_one():
    belief = two_people()
    clear, doubtful = [0.97, 0.01, 0.01, 0.01], [0.4, 0.4, 0.1, 0.1]
    of_clear, of_doubtful = gain_of_new(np.array([clear, doubtful]), belief)
    assert of_doubtful > 2 * of_clear


def test_nobody_is_left_to_ask_where_all_have_answered():
    belief = two_people()
    gains = dict(zip(belief.ids.tolist(), gain_of_second_opinion(belief, EVERYBODY), strict=True))
    assert gains["x"] == 0
    assert all(gain > 0 for name, gain in gains.items() if name != "x")


def test_who_cannot_be_asked_any_more_gives_no_second_opinion():
    belief = two_people()
    assert not gain_of_second_opinion(belief, np.array([True, False])).any()
    assert not gain_of_second_look(belief, np.zeros(2, dtype=bool)).any()


def test_the_same_person_tells_less_than_another_of_the_same_care():
    ids = np.array([f"r{row}" for row in range(10)])
    model = np.full((10, K), 0.25)
    belief = two_people(model_ids=ids, probabilities=model)
    same = gain_of_second_look(belief, np.array([True, False]))
    other = gain_of_second_opinion(belief, EVERYBODY)
    alone = belief.ids != "x"
    assert (same[alone] > 0).all()
    assert (same[alone] < other[alone]).all()


def test_a_label_that_the_model_denies_is_worth_more():
    said = np.full((10, K), 0.02)
    said[np.arange(10), np.arange(10) % K] = 0.94
    said[0] = [0.02, 0.94, 0.02, 0.02]
    belief = two_people(model_ids=np.array([f"r{row}" for row in range(10)]), probabilities=said)
    gains = gain_of_second_opinion(belief, EVERYBODY)[:10]
    assert gains.argmax() == 0
    assert gains[0] > 3 * gains[1:].max()


def test_a_better_person_tells_more():
    belief = two_people()
    said = np.array([[0.4, 0.3, 0.2, 0.1]])
    told = [information(said, belief.channel(accuracy))[0] for accuracy in (0.6, 0.8, 0.95)]
    assert told == sorted(told)
