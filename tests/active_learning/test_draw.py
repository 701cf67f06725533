"""A round's draw: holdout and control arm at random, the rest by the strategy, nothing twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.draw import draw_round
from active_learning.pool import Pool
from active_learning.settings import LearningSettings
from active_learning.strategies import strategy


def a_pool(n, seed=0):
    rng = np.random.default_rng(seed)
    ids = np.array([f"r{i:04d}" for i in range(n)])
    return Pool(ids=ids, probabilities=rng.dirichlet(np.ones(3), n), embeddings=rng.normal(size=(n, 4)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(1, 60), st.integers(0, 50), st.floats(0, 1), st.floats(0, 1), st.integers(0, 9))
def test_every_record_is_drawn_once_and_the_sizes_are_as_wanted(n, size, holdout, control, repeat, seed):
    wanted = LearningSettings(size=size, control_share=control, repeat_share=repeat, seed=seed)
    drawn = draw_round(a_pool(n), wanted, 1, strategy("margin"), holdout_wanted=holdout)
    ids = [one.record_id for one in drawn]
    assert len(ids) == len(set(ids))
    held = sum(one.purpose == "holdout" for one in drawn)
    assert held == min(holdout, n // 4)
    assert len(drawn) - held == min(size, n - held)
    assert sum(one.purpose == "control" for one in drawn) == round(min(size, n - held) * control)
    assert sum(one.answers_wanted == 2 for one in drawn) == round(len(drawn) * repeat)


def test_the_control_arm_is_drawn_from_what_was_chosen_before_too():
    before = np.array([f"old{i:03d}" for i in range(60)])
    wanted, found = LearningSettings(size=20, control_share=0.5), []
    for number in range(200):
        drawn = draw_round(a_pool(40), wanted, number, strategy("margin"), holdout_wanted=0, chosen_before=before)
        control = [one for one in drawn if one.purpose == "control"]
        assert len(control) == 10
        assert sum(one.answers_wanted for one in drawn) == 20, "the strategy has the answers that the arm needs not"
        assert {one.record_id for one in control if not one.answers_wanted} <= set(before.tolist())
        found += [one.record_id for one in control]
    # 60 of 100 records were chosen before: each record of either kind is drawn as often as any other
    share = np.mean([name.startswith("old") for name in found])
    assert share == pytest.approx(0.6, abs=0.04)
    assert len(set(found)) == 100


def test_nothing_is_counted_where_nothing_was_chosen_before():
    wanted = LearningSettings(size=20, control_share=0.5)
    drawn = draw_round(a_pool(60), wanted, 1, strategy("margin"), holdout_wanted=5)
    assert all(one.answers_wanted for one in drawn)


def test_the_draw_does_not_depend_on_the_order_of_the_pool():
    pool = a_pool(80)
    turned = Pool(ids=pool.ids[::-1], probabilities=pool.probabilities[::-1], embeddings=pool.embeddings[::-1])
    wanted = LearningSettings(size=20, control_share=0.3, seed=4)
    one, other = (draw_round(p, wanted, 2, strategy("auto"), holdout_wanted=10) for p in (pool, turned))
    assert one == other


def test_every_part_of_the_batch_has_a_share_of_each_arm():
    wanted = LearningSettings(size=40, control_share=0.25)
    drawn = draw_round(a_pool(200), wanted, 1, strategy("margin"), holdout_wanted=40)
    first_half = [one.purpose for one in drawn[: len(drawn) // 2]]
    assert {arm: first_half.count(arm) for arm in ("selected", "control", "holdout")} == pytest.approx(
        {"selected": 15, "control": 5, "holdout": 20}, abs=1
    )


def test_the_strategy_s_order_is_kept():
    pool = a_pool(100)
    wanted = LearningSettings(size=30, control_share=0.0)
    drawn = draw_round(pool, wanted, 1, strategy("margin"), holdout_wanted=0)
    scores = [one.score for one in drawn]
    assert scores == sorted(scores, reverse=True)
