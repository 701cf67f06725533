"""Learning curves carried on: the interval holds what comes, whatever the shape of the curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.curve_fits import Range, fit_curves

SHAPES = {
    "power law": lambda n: 0.95 - 1.2 * n**-0.5,
    "slow power law": lambda n: 0.97 - 0.9 * n**-0.25,
    "exponential": lambda n: 0.92 - 0.6 * np.exp(-0.08 * np.sqrt(n)),
    "inverse logarithm": lambda n: 1.1 - 1.6 / np.log(n + 3),
    "none of the families": lambda n: 0.9 - 0.5 * n**-0.3 - 0.3 * np.exp(-n / 60),
    "at its end": lambda n: 0.9 - 3 * n**-1.0,
}
RECORDS = 300


def measured(shape, sizes, rng):
    """Draws (B, P) of accuracies on a holdout of 300, of models whose training labels too were a matter of luck."""
    accuracy = np.clip(shape(sizes) + rng.normal(scale=0.008, size=len(sizes)), 0, 1)
    hardness = rng.random(RECORDS)
    own = rng.random((len(sizes), RECORDS))
    correct = np.where(rng.random((len(sizes), RECORDS)) < 0.7, hardness, own) < accuracy[:, None]
    shares = rng.multinomial(RECORDS, np.full(RECORDS, 1 / RECORDS), size=200) / RECORDS
    return shares @ correct.T


@pytest.mark.parametrize("name", SHAPES)
def test_the_interval_holds_the_accuracy_at_twice_the_labels_and_the_next_gain(name):
    shape, sizes = SHAPES[name], np.array([50.0, 100, 150, 200, 250])
    accuracy, gain, widths = [], [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        fits = fit_curves(sizes, measured(shape, sizes, rng), rng)
        then = Range.of(fits.accuracies(500))
        more = Range.of(fits.accuracies(300) - fits.accuracies(250))
        accuracy.append(then.low <= shape(500) <= then.high)
        gain.append(more.low <= shape(300) - shape(250) <= more.high)
        widths.append(more.high - more.low)
    assert np.mean(accuracy) >= 0.9
    assert np.mean(gain) >= 0.9
    assert np.mean(widths) < 0.06, "an interval that holds everything says nothing"


@given(seed=st.integers(0, 1000), far=st.floats(1, 50))
def test_a_curve_never_falls_and_stays_an_accuracy(seed, far):
    rng = np.random.default_rng(seed)
    fits = fit_curves(np.array([10.0, 20, 40]), rng.random((5, 3)), rng)
    near, there = (fits.a - fits.b * 0.5), fits.accuracies(40 * far)
    assert (fits.b >= 0).all() and (fits.a <= 1).all() and np.isfinite(near).all()
    assert ((there >= 0) & (there <= 1)).all()


def test_the_further_the_wider():
    rng = np.random.default_rng(1)
    fits = fit_curves(
        np.array([50.0, 100, 150, 200]), measured(SHAPES["power law"], np.array([50.0, 100, 150, 200]), rng), rng
    )
    widths = [Range.of(fits.accuracies(n)).high - Range.of(fits.accuracies(n)).low for n in (200, 400, 1000)]
    assert widths == sorted(widths)


def test_the_labels_for_an_accuracy_are_where_the_curve_reaches_it():
    sizes = np.array([25.0, 50, 100, 200, 400])
    exact = np.tile(SHAPES["power law"](sizes), (100, 1))
    fits = fit_curves(sizes, exact, np.random.default_rng(0))
    labels = fits.labels_for(np.full(100, SHAPES["power law"](300.0)), most=4000)
    assert Range.of(labels).low < 300 < Range.of(labels).high
    assert Range.of(labels).value == pytest.approx(300, rel=0.15)
    assert np.isinf(fits.labels_for(np.full(100, 0.999), most=1000)).all()


def test_two_points_are_no_curve():
    with pytest.raises(ValueError, match="needs 3 numbers"):
        fit_curves(np.array([10.0, 10, 20]), np.zeros((4, 3)), np.random.default_rng(0))
