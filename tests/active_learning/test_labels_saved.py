"""Labels saved so far: told with an interval where the control arm and the holdout can tell it, and else why not."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from active_learning.labels_saved import ControlCurve, LabelsSaved, control_curve, labels_saved, labels_saved_by_rounds
from training.errors import TooFewLabels
from training.examples import Examples, Inputs, Predictions

RECORDS = 400
SIZES = np.array([25.0, 50, 100, 200])


def right(accuracy, hardness):
    return hardness < accuracy


def at_random(n):
    return 0.95 - 1.5 * np.asarray(n, dtype=float) ** -0.5


def curve(seed=0, sizes=SIZES):
    """Random labels on a holdout of 400, with the luck of which labels were drawn."""
    rng = np.random.default_rng(seed)
    hardness = rng.random(RECORDS)
    lucky = at_random(sizes) + rng.normal(scale=0.005, size=len(sizes))
    return hardness, ControlCurve(sizes, np.array([right(one, hardness) for one in lucky], dtype=float))


def saved(accuracy, labels, seed=0, sizes=SIZES):
    hardness, control = curve(seed, sizes)
    return labels_saved(right(accuracy, hardness), labels, control, np.random.default_rng(seed))


def test_the_interval_holds_what_was_saved():
    held = []
    for seed in range(20):
        found = saved(float(at_random(300)), labels=150, seed=seed)  # 300 random labels do what 150 chosen ones did
        low, high = found.saved[1], found.saved[2]
        held.append((low is not None and low <= 150) and (high is None or high >= 150))
    assert np.mean(held) >= 0.9


def test_answers_to_labelled_records_are_no_labels_saved():
    hardness, control = curve()
    correct = right(float(at_random(300)), hardness)
    once, again = (labels_saved(correct, 150, control, np.random.default_rng(0), again=n) for n in (0, 40))
    assert again.saved[:2] == (once.saved[0] - 40, once.saved[1] - 40)
    assert again.gain[0] < once.gain[0], "40 more random labels would be more accurate"
    assert "150 labels and answers worth 40 more gave" in again.sentence()


def test_a_model_no_better_than_random_saved_nothing_and_a_warning_comes_after_three_rounds():
    found = saved(float(at_random(150)), labels=150)
    assert found.saved[1] <= 0 <= found.saved[2]
    assert found.warning(2) is None
    assert "Random choice would perhaps have served as well" in found.warning(3)


def test_no_warning_where_choosing_gained_for_sure():
    found = saved(float(at_random(150)) + 0.08, labels=150)
    assert found.gain[1] > 0
    assert found.warning(5) is None
    assert found.saved[1] > 0 and found.sentence().startswith("Labels saved so far: ")


@pytest.mark.parametrize(
    ("labels", "sizes", "missing"),
    [
        (2000, SIZES, "200 random labels tell nothing of 2,000"),
        (30, np.array([10.0, 20, 30]), "30 random labels to measure with, and 40 are needed"),
        (30, np.array([30.0, 60]), "60 random labels"),
    ],
)
def test_where_the_control_arm_is_too_small_it_says_what_is_missing(labels, sizes, missing):
    found = saved(0.8, labels, sizes=sizes)
    assert found.saved is None
    assert "not known" in found.sentence() and missing in found.sentence()


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ((140, 60, 260), "about 140 (60 to 260). For the accuracy that 300 labels gave, about 440 drawn at random"),
        ((140, 60, None), "about 140 (60 or more). For the accuracy"),
        ((None, 60, None), "at least 60; how many more cannot be told from 200 random labels."),
        ((None, None, None), "many; how many more cannot be told from 200 random labels."),
        (
            (-27, -85, None),
            "none that is certain yet. For the accuracy that 300 labels gave, random choice would have needed between "
            "85 fewer and far more.",
        ),
        ((5, -85, 1400), "would have needed between 85 fewer and 1,400 more."),
        ((0, 0, 30), "would have needed between as many and 30 more."),
        (
            (-60, -90, -20),
            "none. For the accuracy that 300 labels gave, random choice would have needed about 60 fewer (20 to 90).",
        ),
    ],
)
def test_the_sentence_says_no_negative_number(saved, says):
    needed = tuple(None if one is None else one + 300 for one in saved)
    said = LabelsSaved(300, 200, 400, 0.9, needed, saved, (0.0, 0.0, 0.0)).sentence()
    assert said.startswith("Labels saved so far: ") and says in said


def test_a_small_holdout_says_so():
    found = labels_saved(np.ones(20, dtype=bool), 100, ControlCurve(SIZES, np.ones((4, 20))), np.random.default_rng(0))
    assert "20 labelled records are held out, and 50 are needed" in found.sentence()


def test_it_is_kept_as_json_and_read_again():
    for found in (saved(0.85, 150), saved(0.999, 150), saved(0.8, 5000)):
        assert LabelsSaved.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_what_past_rounds_measured_of_the_control_arm_tells_it_too_with_a_wider_interval():
    hardness, control = curve(3)
    correct = right(float(at_random(300)), hardness)
    known = labels_saved(correct, 150, control, np.random.default_rng(0))
    found = labels_saved_by_rounds(correct, 150, SIZES, control.correct.mean(axis=1), np.random.default_rng(0))
    assert found.saved[1] <= 150 and (found.saved[2] is None or found.saved[2] >= 150)
    assert found.gain[2] - found.gain[1] > known.gain[2] - known.gain[1]
    few = labels_saved_by_rounds(correct, 150, SIZES[:2], np.array([0.6, 0.7]), np.random.default_rng(0))
    assert "50 random labels" in few.sentence()


@dataclass
class Nearest:
    """One nearest neighbour on the line; keeps what it was given."""

    given: list

    def __call__(self, examples):
        self.given.append(examples)
        if len(np.unique(examples.labels)) < 2:
            raise TooFewLabels("one class")
        return Neighbour(np.array([float(text) for text in examples.texts]), examples.labels)


@dataclass
class Neighbour:
    places: np.ndarray
    labels: np.ndarray

    def predict(self, inputs: Inputs) -> Predictions:
        near = np.abs(np.array([float(text) for text in inputs.texts])[:, None] - self.places).argmin(axis=1)
        return Predictions(inputs.ids, np.eye(2)[self.labels[near]])


def line(name, n, seed):
    rng = np.random.default_rng(seed)
    places = rng.random(n)
    return Examples([f"{name}{row}" for row in range(n)], [str(one) for one in places], (places > 0.5).astype(int))


def test_no_record_is_measured_by_a_model_that_was_fitted_on_it():
    control, holdout = line("c", 30, 1), line("h", 60, 2)
    fit = Nearest([])
    found = control_curve(control, holdout, fit, seed=0)
    assert found.correct.shape == (len(found.n_labels), 60)
    assert found.n_labels.max() == 30 + 40, "the control arm and two thirds of the holdout"
    full = [set(one.ids.tolist()) for one in fit.given if len(one) == 70]
    left_out = [set(holdout.ids.tolist()) - one for one in full]
    assert [len(one) for one in left_out] == [20, 20, 20] and len(set.union(*left_out)) == 60
    assert found.correct[-1].mean() > 0.9
    assert found.correct[-1].mean() >= found.correct[0].mean()


def test_draws_are_nested_and_the_same_for_a_seed():
    control, holdout = line("c", 30, 1), line("h", 60, 2)
    fits = [Nearest([]), Nearest([])]
    curves = [control_curve(control, holdout, fit, seed=3) for fit in fits]
    np.testing.assert_array_equal(curves[0].correct, curves[1].correct)
    sizes = len(curves[0].n_labels)
    for part in range(3):
        drawn = [set(one.ids.tolist()) for one in fits[0].given[part * sizes : (part + 1) * sizes]]
        assert all(fewer < more for fewer, more in pairwise(drawn))
