"""Simulations: the same rounds for every arm, the same result for every run, however often it is killed."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from active_learning.learning_curves import CONTROL, Curves, Point, area, difference
from active_learning.simulate import Corpus, Schedule, SimulationError, hold_out, simulate
from active_learning.simulation_log import OtherSimulation
from active_learning.strategies import UnknownStrategy
from store.errors import TilthError
from training.examples import Examples, Inputs, Predictions

CLASSES = ("a", "b", "c", "d")
SCHEDULE = Schedule.even(start=8, size=6, rounds=4)


class Killed(Exception):
    """Stands in for the end of the process."""


@dataclass
class NearestMean:
    """The nearest class mean in the plane that a text writes out: a classifier that costs nothing."""

    fits: int = 0
    killed_at_fit: int | None = None

    def fit(self, examples: Examples, *, seed: int, unlabelled: Inputs | None = None) -> "NearestMean":
        self.fits += 1
        if self.fits == self.killed_at_fit:
            raise Killed
        places = plane(examples.texts)
        self.means = np.full((len(CLASSES), 2), 1e3)
        for label in np.unique(examples.labels):
            self.means[label] = places[examples.labels == label].mean(axis=0)
        return replace(self, fits=0)._with(self.means)

    def _with(self, means: np.ndarray) -> "NearestMean":
        self.means = means
        return self

    def predict(self, inputs: Inputs) -> Predictions:
        distances = np.linalg.norm(plane(inputs.texts)[:, None] - self.means[None], axis=2)
        closeness = np.exp(-np.minimum(distances, 50))
        return Predictions(inputs.ids, closeness / closeness.sum(axis=1, keepdims=True))


def plane(texts: list[str]) -> np.ndarray:
    return np.array([[float(number) for number in text.split()] for text in texts])


def corpus(size: int = 120, seed: int = 0) -> Corpus:
    """Four overlapping classes in the plane, one of them rare."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, size=size, p=[0.4, 0.3, 0.2, 0.1])
    places = np.array([[0, 0], [2, 0], [0, 2], [3, 3]])[labels] + rng.normal(scale=0.7, size=(size, 2))
    ids = np.array([f"r{number:03d}" for number in rng.permutation(size)])
    return Corpus(ids, [f"{x} {y}" for x, y in places], labels, CLASSES, embeddings=places.astype(np.float32))


def play(part: Corpus, *strategies: str, **wishes: object) -> Curves:
    wishes = {"classifier": NearestMean(), "seeds": (0, 1), **wishes}
    return simulate(part, strategies, SCHEDULE, **wishes)


def test_the_control_arm_is_always_played_with_the_same_seeds_and_rounds() -> None:
    curves = play(corpus(), "margin")
    assert curves.strategies == (CONTROL, "margin")
    played = {(point.strategy, point.seed, point.n_labels) for point in curves.points}
    assert played == {(arm, seed, n) for arm in curves.strategies for seed in (0, 1) for n in (8, 14, 20, 26)}


def test_a_strategy_that_needs_a_model_starts_from_the_control_arms_draw() -> None:
    curves = play(corpus(), "margin", "typiclust")
    first = {arm: [curves.curve(arm, seed)[0].accuracy for seed in (0, 1)] for arm in curves.strategies}
    assert first["margin"] == first[CONTROL]
    assert first["typiclust"] != first[CONTROL]


def test_the_same_call_gives_the_same_curves_whatever_the_order_of_the_rows() -> None:
    whole = corpus()
    shuffled = whole.take(np.random.default_rng(9).permutation(len(whole)))
    assert play(whole, "auto", "margin") == play(whole, "auto", "margin") == play(shuffled, "auto", "margin")


def test_the_test_split_is_never_drawn_from_and_every_model_is_measured_on_it() -> None:
    whole = corpus(160)
    test = whole.take(np.arange(40))
    rest = whole.take(np.arange(40, 160))
    exact = {round(point.accuracy * 40, 9) % 1 for point in play(rest, test=test).points}
    assert exact == {0.0}


def test_a_part_that_is_held_out_shares_no_cluster_with_what_is_drawn_from() -> None:
    whole = replace(corpus(), clusters=np.array([f"c{number // 3}" for number in range(120)]))
    drawn_from, measured = hold_out(whole, 0.25, seed=4)
    assert not set(drawn_from.clusters) & set(measured.clusters)
    assert len(set(measured.clusters)) == len(measured) == 10
    assert len(drawn_from) == 90


def log_in(folder: Path) -> Path:
    (log,) = folder.glob("*.jsonl")
    return log


def test_a_killed_simulation_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    expected = play(corpus(), "auto", logs=tmp_path)
    undisturbed = log_in(tmp_path).read_bytes()
    for fit in range(1, 17):
        (folder := tmp_path / str(fit)).mkdir()
        with pytest.raises(Killed):
            play(corpus(), "auto", logs=folder, classifier=NearestMean(killed_at_fit=fit))
        assert play(corpus(), "auto", logs=folder) == expected
        assert log_in(folder).read_bytes() == undisturbed


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    expected = play(corpus(), "auto", logs=tmp_path)
    log = log_in(tmp_path)
    whole = log.read_bytes()
    for cut in (1, 30, len(whole) // 2, len(whole) - 1):
        log.write_bytes(whole[:cut])
        assert play(corpus(), "auto", logs=tmp_path) == expected
        assert log.read_bytes() == whole


def test_a_finished_simulation_fits_nothing_again(tmp_path: Path) -> None:
    play(corpus(), "auto", logs=tmp_path)
    classifier = NearestMean()
    play(corpus(), "auto", logs=tmp_path, classifier=classifier)
    assert classifier.fits == 0


@pytest.mark.parametrize("content", [b'{"simulation": "of another"}\n', b"text,label\nx,y", b"[1]", b"notes"])
def test_a_log_that_is_none_of_this_simulation_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    play(corpus(), logs=tmp_path)
    log = log_in(tmp_path)
    log.write_bytes(content)
    with pytest.raises(OtherSimulation) as refusal:
        play(corpus(), logs=tmp_path)
    assert refusal.value.exit_code == 2
    assert log.read_bytes() == content


def test_other_labels_are_another_simulation_with_a_log_of_its_own(tmp_path: Path) -> None:
    play(corpus(), logs=tmp_path)
    first = log_in(tmp_path)
    written = first.read_bytes()
    play(corpus(seed=1), logs=tmp_path)
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert first.read_bytes() == written


class Recorder(NearestMean):
    """Keeps what each fit was given."""

    def fit(self, examples: Examples, *, seed: int, unlabelled: Inputs | None = None) -> NearestMean:
        self.given = [*getattr(self, "given", []), examples]
        return super().fit(examples, seed=seed, unlabelled=unlabelled)


def test_a_fit_is_given_its_labels_by_id_and_told_which_were_drawn_at_random() -> None:
    recorder = Recorder()
    play(corpus(), "margin", classifier=recorder, seeds=(0,))
    control, margin = recorder.given[:4], recorder.given[4:]
    assert all(examples.ids.tolist() == sorted(examples.ids) for examples in recorder.given)
    assert [int(examples.random.sum()) for examples in control] == [8, 14, 20, 26]
    assert [int(examples.random.sum()) for examples in margin] == [8, 8, 8, 8]


def test_progress_counts_every_round() -> None:
    seen: list[tuple[int, int]] = []
    play(corpus(), "margin", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 16) for done in range(17)]


def test_more_labels_than_records_are_refused_with_the_number_there_is() -> None:
    with pytest.raises(SimulationError, match="only 22 records"):
        play(corpus(30))


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(UnknownStrategy, match='"margin" was perhaps meant'):
        play(corpus(), "margn")
    with pytest.raises(SimulationError, match="rising"):
        Schedule((100, 100))
    with pytest.raises(SimulationError, match="at least one seed"):
        play(corpus(), seeds=())
    with pytest.raises(SimulationError, match="3 ids but 2 texts"):
        Corpus(np.array(["a", "b", "c"]), ["x", "y"], np.zeros(3, dtype=int), CLASSES)
    with pytest.raises(SimulationError, match="no index"):
        Corpus(np.array(["a"]), ["x"], np.array([4]), CLASSES)
    assert issubclass(SimulationError, TilthError)


def test_the_area_is_the_mean_accuracy_over_the_range_of_labels() -> None:
    assert area([100, 200, 400], [0.5, 0.7, 0.9]) == pytest.approx((0.6 * 100 + 0.8 * 200) / 300)
    assert area([100], [0.4]) == 0.4


def test_the_difference_is_paired_by_seed_with_students_interval() -> None:
    gain = difference([0.8, 0.7, 0.9], [0.7, 0.65, 0.75])
    assert gain.per_seed == pytest.approx((0.1, 0.05, 0.15))
    # mean .1, standard deviation .05, t with 2 degrees of freedom 4.3027
    assert (gain.low, gain.mean, gain.high) == pytest.approx(
        (0.1 - 4.3027 * 0.05 / 3**0.5, 0.1, 0.1 + 4.3027 * 0.05 / 3**0.5), abs=1e-5
    )


def test_curves_are_json_also_with_one_seed() -> None:
    points = tuple(Point(arm, 0, n, 0.5, 0.4) for arm in (CONTROL, "auto") for n in (10, 20))
    curves = Curves((CONTROL, "auto"), (0,), points)
    read = json.loads(json.dumps(curves.as_dict(), allow_nan=False))
    assert read["arms"]["auto"]["against_control"] == {"per_seed": [0.0], "mean": 0.0, "interval": None}
    assert read["arms"]["auto"]["curve"][1] == {"n_labels": 20, "accuracy": 0.5, "macro_f1": 0.4, "interval": None}
