"""A budget of answers is spent on the most telling questions, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.budget.ranking import KINDS, Question, spend
from active_learning.pool import PoolError

ONE = st.just(1)


@st.composite
def questions(draw, answers=ONE):
    n = draw(st.integers(0, 30))
    return [
        Question(f"r{place}", draw(st.sampled_from(KINDS)), draw(st.sampled_from([0.0, 0.1, 0.5, 0.9])), draw(answers))
        for place in range(n)
    ]


@given(questions(), st.integers(0, 40))
def test_the_budget_is_spent_exactly_on_distinct_records(some, budget):
    chosen = spend(some, budget)
    ids = [one.record_id for one in chosen]
    assert len(ids) == len(set(ids)) == min(budget, len(some))


@given(questions(st.integers(1, 3)), st.integers(0, 40))
def test_questions_that_ask_several_never_go_over_the_budget(some, budget):
    assert sum(one.answers for one in spend(some, budget)) <= budget


@given(questions(), st.integers(0, 40))
def test_nothing_left_out_tells_more_than_what_is_asked(some, budget):
    chosen = spend(some, budget)
    left = [one.gain for one in some if one not in chosen]
    assert not chosen or not left or max(left) <= min(one.gain for one in chosen)


@given(questions(), st.integers(0, 40))
def test_asking_twice_gives_the_same(some, budget):
    assert spend(some, budget) == spend(some, budget)


def test_of_equal_gains_the_new_record_comes_first_then_the_order_given():
    some = [Question("b", "second-look", 0.5), Question("z", "new", 0.5), Question("a", "new", 0.5 + 1e-13)]
    assert [one.record_id for one in spend(some, 3)] == ["z", "a", "b"]


def test_a_question_for_three_people_gives_way_where_two_answers_are_left():
    some = [Question("a", "new", 0.9, 3), Question("b", "new", 0.8, 3), Question("c", "second-opinion", 0.1)]
    assert [one.record_id for one in spend(some, 5)] == ["a", "c"]


@pytest.mark.parametrize(
    "some",
    [
        [Question("a", "new", 0.1), Question("a", "second-look", 0.2)],
        [Question("a", "new", float("nan"))],
        [Question("a", "new", -0.1)],
        [Question("a", "new", 0.1, 0)],
    ],
)
def test_what_makes_no_sense_is_refused(some):
    with pytest.raises(PoolError):
        spend(some, 1)
