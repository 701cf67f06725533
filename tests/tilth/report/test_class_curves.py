"""Curves per class: the worst first, gaps where a round had no record, and lines that stay in their frame."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tilth.report.class_curves import HEIGHT, WIDTH, class_curves, sparkline


def measured(**f1: tuple[float, int]) -> dict:
    """What the holdout said: F1 and records of each class."""
    return {
        "per_class": {
            name: {"precision": value, "recall": value, "f1": value, "support": n} for name, (value, n) in f1.items()
        },
        "classes": list(f1),
        "confusion": [[0, 3, 1], [0, 5, 0], [2, 2, 0]],
    }


NOW = measured(good=(0.9, 8), bad=(0.2, 5), absent=(0.0, 0))


def test_the_worst_come_first_and_those_without_a_record_last():
    assert [one.label for one in class_curves([NOW], NOW)] == ["bad", "good", "absent"]


def test_the_curve_follows_the_rounds_with_a_gap_where_a_class_had_no_record():
    before = measured(good=(0.5, 8), bad=(0.0, 0), absent=(0.0, 0))
    found = {one.label: one for one in class_curves([before, NOW], NOW)}
    assert found["good"].curve == (0.5, 0.9)
    assert found["bad"].curve == (None, 0.2)
    assert found["good"].change is not None
    assert abs(found["good"].change - 0.4) < 1e-9
    assert found["bad"].change is None


def test_a_class_that_a_round_did_not_know_is_a_gap():
    before = {"per_class": {}}
    assert {one.label: one.curve for one in class_curves([before, NOW], NOW)}["good"] == (None, 0.9)


def test_it_says_what_a_class_is_most_often_taken_for():
    found = {one.label: one.mistaken_for for one in class_curves([NOW], NOW)}
    assert found == {"good": "bad (3)", "bad": "", "absent": "good (2)"}


def test_without_a_holdout_there_are_none():
    assert class_curves([NOW], None) == []


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=40))
def test_a_sparkline_stays_in_its_frame(curve):
    drawn = sparkline(curve)
    assert bool(drawn) == any(value is not None for value in curve)
    for line in re.findall(r'points="([^"]*)"', drawn):
        for pair in line.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
