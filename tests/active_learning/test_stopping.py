"""Stop advice: cautious, in words that say what more labels bring and cost."""

import json

import numpy as np
import pytest

from active_learning.stopping import Prices, StopAdvice, agreement, steady, stop_advice

RECORDS = 400
STEADY = (0.97, 0.99, 0.995, 0.995)


def correct(*accuracies):
    """Which of 400 records each model got right: the easy ones first."""
    return np.array([np.arange(RECORDS) < round(accuracy * RECORDS) for accuracy in accuracies], dtype=float)


def advice(accuracies, kappas=STEADY, prices=None, more=100):
    n_labels = 100.0 * np.arange(1, len(accuracies) + 1)
    return stop_advice(
        n_labels,
        correct(*accuracies),
        more=more,
        kappas=kappas,
        prices=prices or Prices(),
        rng=np.random.default_rng(0),
    )


FLAT = (0.80, 0.895, 0.90, 0.90, 0.90, 0.90)
RISING = (0.50, 0.60, 0.67, 0.72, 0.76)


def test_a_flat_curve_of_steady_models_is_where_to_stop():
    found = advice(FLAT)
    assert found.stop and found.gain[2] < 1
    assert "think about stopping" in found.sentences()[-1]


def test_a_rising_curve_is_not_and_the_gain_is_told_with_its_interval():
    found = advice(RISING)
    value, low, high = found.gain
    assert not found.stop
    assert low < value < high and low < 3.0 < high
    assert found.sentences()[0] == f"100 more labels: +{value:.1f} points of accuracy ({low:.1f} to {high:.1f})."


def test_a_flat_curve_of_models_that_still_change_goes_on():
    assert not advice(FLAT, kappas=(0.9, 0.95, 0.97)).stop


def test_three_rounds_are_too_few_to_advise_a_stop():
    assert advice(FLAT[1:4]).gain is not None
    assert not advice(FLAT[1:4]).stop


def test_two_rounds_and_a_small_holdout_leave_the_gain_unknown_and_say_what_is_missing():
    assert "2 of the 3 rounds" in advice(FLAT[:2]).sentences()[0]
    few = stop_advice(
        np.arange(1.0, 5), np.ones((4, 20)), more=50, kappas=(), prices=Prices(), rng=np.random.default_rng(0)
    )
    assert few.gain is None and "20 labelled records are held out" in few.sentences()[0]


def test_prices_decide_where_they_are_told():
    dear = Prices(per_answer=0.05, per_point=0.01, answers_per_label=2)
    worth = Prices(per_answer=0.05, per_point=10.0)
    assert advice(RISING, prices=dear).stop
    assert not advice(RISING, prices=worth).stop
    assert advice(RISING, prices=dear).cost == pytest.approx(10.0)
    assert "at a price of 10.00; the gain is worth" in advice(RISING, prices=dear).sentences()[0]
    assert not advice(FLAT, kappas=(0.9,), prices=Prices(per_answer=0.05)).stop, "a price alone decides nothing"


def test_the_last_three_agreements_decide_whether_models_are_steady():
    assert steady((0.5, 0.99, 0.99, 0.99))
    assert not steady((0.99, 0.99))
    assert not steady((0.999, 0.999, 0.95))


def test_agreement_is_cohens_kappa():
    # observed .8; expected .5 * .5 + .5 * .5: kappa .6
    one, other = np.repeat([0, 1], 50), np.r_[np.repeat([0], 40), np.repeat([1], 50), np.repeat([0], 10)]
    found = agreement(one, other)
    assert (found.kappa, found.share, found.records) == (pytest.approx(0.6), 0.8, 100)
    assert agreement(np.zeros(5, dtype=int), np.zeros(5, dtype=int)).kappa == 1.0
    assert agreement(np.zeros(0, dtype=int), np.zeros(0, dtype=int)) is None


def test_advice_is_kept_as_json_and_read_again():
    for found in (advice(FLAT), advice(FLAT[:2])):
        assert StopAdvice.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
