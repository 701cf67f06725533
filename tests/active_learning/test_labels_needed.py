"""Labels needed for a wanted accuracy: on the mean curve, with an interval from the band over the seeds."""

import pytest

from active_learning.labels_needed import first_reached, labels_needed
from active_learning.learning_curves import CONTROL, Curves, Point

SIZES = (100, 200, 300)


def curves(**arms: list[tuple[float, float, float]]) -> Curves:
    """One curve a seed for each arm."""
    points = tuple(
        Point(name, seed, size, value, 0.0)
        for name, seeds in arms.items()
        for seed, values in enumerate(seeds)
        for size, value in zip(SIZES, values, strict=True)
    )
    return Curves(tuple(arms), tuple(range(len(next(iter(arms.values()))))), points)


ONE_SEED = curves(random=[(0.5, 0.6, 0.7)], margin=[(0.6, 0.8, 0.8)])


def test_it_is_interpolated_where_the_mean_curve_first_reaches_it():
    assert first_reached(SIZES, (0.5, 0.7, 0.6), 0.6) == 150
    assert first_reached(SIZES, (0.5, 0.7, 0.9), 0.4) == 100
    assert first_reached(SIZES, (0.5, 0.7, 0.8), 0.9) is None


def test_the_share_is_of_what_random_needed():
    random, margin = labels_needed(ONE_SEED, [0.7])
    assert (random.strategy, random.labels, random.share) == (CONTROL, 300, 1.0)
    assert (margin.strategy, margin.labels) == ("margin", pytest.approx(150))
    assert margin.share == pytest.approx(0.5) and margin.share_said() == "50%"


def test_where_random_never_reached_it_the_share_is_at_most_of_its_last_number():
    random, margin = labels_needed(ONE_SEED, [0.75])
    assert (random.labels, random.said(), random.share_said()) == (None, "not reached", "")
    assert margin.labels == pytest.approx(175)
    assert margin.share_at_most and margin.share_said() == "under 58%"


def test_the_interval_is_where_the_ends_of_the_band_reach_it():
    steady = [(0.50, 0.60, 0.70), (0.51, 0.61, 0.71), (0.49, 0.59, 0.69)]
    (random,) = labels_needed(curves(random=steady), [0.6])
    assert random.labels == pytest.approx(200)
    reach = 4.3027 * 0.01 / 3**0.5
    assert (random.low, random.high) == pytest.approx((200 - 1000 * reach, 200 + 1000 * reach), abs=0.1)
    assert random.said() == "200 (175 to 225)"
    (random,) = labels_needed(curves(random=steady), [0.7])
    assert random.high is None and random.said().endswith("to not reached)")


def test_a_single_seed_has_no_interval():
    assert labels_needed(ONE_SEED, [0.55])[0].said() == "150"


def test_a_curve_that_begins_above_it_needed_at_most_its_first_number():
    random, margin = labels_needed(ONE_SEED, [0.55])
    assert (margin.said(), margin.share_said()) == ("at most 100", "under 67%")
    random, margin = labels_needed(ONE_SEED, [0.5])
    assert (random.said(), margin.said()) == ("at most 100", "at most 100")
    assert margin.share is None, "nobody knows which of the two would have needed fewer"
