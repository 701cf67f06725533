"""Arms of a simulation: several models beside one another, over processes, with what each round is given."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest

from active_learning.learning_curves import CONTROL, Curves, Point
from active_learning.simulate import Corpus, Schedule, SimulationError, simulate
from active_learning.simulation_code import code_fingerprint
from active_learning.simulation_vectors import FolderVectors
from active_learning.simulations_kept import kept_simulations
from tests.kill.simulate_run import CLASSES, SCHEDULE, FittedMeans, NearestMean, corpus
from training.errors import TooFewLabels
from training.examples import Examples, Inputs

RUNGS = {"near": partial(NearestMean, 0.0), "pulled": partial(NearestMean, 0.3)}


def test_each_rung_is_played_with_each_strategy_and_has_a_control_arm_of_its_own():
    curves = simulate(corpus(), ("margin",), SCHEDULE, seeds=(0, 1), rungs=RUNGS)
    assert curves.arms == ((CONTROL, "near"), ("margin", "near"), (CONTROL, "pulled"), ("margin", "pulled"))
    played = {(point.rung, point.strategy, point.seed, point.n_labels) for point in curves.points}
    assert len(played) == len(curves.points) == 4 * 2 * len(SCHEDULE.sizes)
    assert curves.areas("margin", "near") != curves.areas("margin", "pulled")
    assert curves.against_control("margin", "pulled").per_seed == pytest.approx(
        np.subtract(curves.areas("margin", "pulled"), curves.areas(CONTROL, "pulled"))
    )
    assert curves.as_dict()["arms"].keys() == {"random, near", "margin, near", "random, pulled", "margin, pulled"}


def test_processes_give_what_one_process_gives_and_progress_counts_each_round():
    alone = simulate(corpus(), ("margin",), SCHEDULE, seeds=(0, 1), rungs=RUNGS)
    seen = []
    together = simulate(
        corpus(),
        ("margin",),
        SCHEDULE,
        seeds=(0, 1),
        rungs=RUNGS,
        jobs=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert together == alone
    assert seen == [(done, 32) for done in range(33)]


@dataclass(frozen=True)
class Listening:
    """Keeps what each fit was given, and cannot fit fewer than ten labels."""

    given: list[tuple[Examples, Inputs | None]] = field(default_factory=list)

    def fit(self, examples: Examples, *, seed: int, unlabelled: Inputs | None = None) -> FittedMeans:
        self.given.append((examples, unlabelled))
        if len(examples) < 10:
            raise TooFewLabels("fewer than ten")
        return NearestMean(0.0).fit(examples, seed=seed, unlabelled=unlabelled)


def test_a_fit_is_shown_the_rest_of_the_pool_and_nothing_of_the_holdout():
    whole = corpus()
    test, rest = whole.take(np.arange(20)), whole.take(np.arange(20, 90))
    model = Listening()
    simulate(rest, (), SCHEDULE, seeds=(0,), classifier=model, test=test)
    for examples, unlabelled in model.given:
        assert unlabelled is not None
        assert set(examples.ids) | set(unlabelled.ids) == set(rest.ids)
        assert not set(examples.ids) & set(unlabelled.ids)


def test_a_round_with_too_few_labels_for_a_fit_counts_as_saying_the_most_frequent_class():
    whole = corpus()
    test, rest = whole.take(np.arange(20)), whole.take(np.arange(20, 90))
    curves = simulate(rest, ("margin",), SCHEDULE, seeds=(0,), classifier=Listening(), test=test)
    first = curves.curve("margin", 0)[0]
    shares = {float(share) for share in np.bincount(test.labels, minlength=3) / 20}
    assert first.accuracy in shares
    second = [curves.curve(arm, 0)[1].accuracy for arm in (CONTROL, "margin")]
    assert second[0] == second[1], "margin goes on at random until there is a model"
    assert curves.curve("margin", 0)[-1].accuracy > 0.5


def test_the_whole_pool_may_be_labelled():
    whole = corpus()
    test, rest = whole.take(np.arange(60)), whole.take(np.arange(60, 90))
    model = Listening()
    curves = simulate(rest, ("margin",), Schedule((10, 30)), seeds=(0,), classifier=model, test=test)
    assert curves.curve("margin", 0)[-1].accuracy == curves.curve(CONTROL, 0)[-1].accuracy
    assert model.given[-1][1] is None


def test_labels_of_one_class_are_refused():
    one = replace(corpus(), labels=np.ones(90, dtype=np.int64))
    with pytest.raises(SimulationError, match='every label says "b"'):
        simulate(one, (), SCHEDULE, classifier=NearestMean(0.0))


def test_kept_simulations_are_read_again_with_the_arms_that_are_whole(tmp_path):
    assert kept_simulations(tmp_path / "none") == []
    (tmp_path / "notes.jsonl").write_text("no simulation\n")
    curves = simulate(corpus(), ("margin",), SCHEDULE, seeds=(0, 1), rungs=RUNGS, logs=tmp_path)
    (kept,) = kept_simulations(tmp_path)
    assert (kept.records, kept.curves.strategies, kept.curves.seeds) == (90, (CONTROL, "margin"), (0, 1))
    assert set(kept.curves.points) == set(curves.points)
    for log in tmp_path.glob("[!n]*.jsonl"):
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(lines[:-1]) + lines[-1][:20])
    (kept,) = kept_simulations(tmp_path)
    assert kept.curves.strategies == (CONTROL,)


def test_what_other_code_played_is_played_anew_and_the_newest_is_shown(tmp_path, monkeypatch):
    def play(code, noise):
        monkeypatch.setattr("active_learning.simulate.code_fingerprint", lambda: code)
        rungs = {"one": partial(NearestMean, noise)}
        return simulate(corpus(), ("margin",), SCHEDULE, seeds=(0,), rungs=rungs, logs=tmp_path)

    old, new = play("old", 0.0), play("new", 4.0)
    assert set(old.points) != set(new.points), "nothing of the other code's is carried on"
    logs = sorted(tmp_path.glob("*.jsonl"), key=lambda log: log.stat().st_mtime_ns)
    assert len(logs) == 2
    (kept,) = kept_simulations(tmp_path)
    assert set(kept.curves.points) == set(new.points)
    lines = logs[1].read_text().splitlines(keepends=True)
    logs[1].write_text("".join(lines[:2]))  # begun, and killed before the control arm was whole
    (kept,) = kept_simulations(tmp_path)
    assert set(kept.curves.points) == set(old.points)


def test_the_code_is_the_same_for_every_call_and_is_not_that_of_other_libraries(monkeypatch):
    assert code_fingerprint() == code_fingerprint()
    monkeypatch.setattr("active_learning.simulation_code.version", lambda library: "0.0")
    assert code_fingerprint.__wrapped__() != code_fingerprint()


def test_a_band_is_students_interval_over_the_seeds():
    points = tuple(Point(CONTROL, seed, 10, accuracy, 0.0) for seed, accuracy in enumerate((0.5, 0.6, 0.7)))
    (band,) = Curves((CONTROL,), (0, 1, 2), points).bands(CONTROL)
    reach = 4.3027 * 0.1 / 3**0.5
    assert (band.low, band.mean, band.high) == pytest.approx((0.6 - reach, 0.6, 0.6 + reach), abs=1e-4)


def test_vectors_in_a_folder_are_there_for_the_next_process_and_survive_a_cut_write(tmp_path):
    first = FolderVectors(tmp_path)
    first.put("encoder@1", ["a", "b"], np.array([[1, 2], [3, 4]], dtype=np.float32))
    (next(tmp_path.iterdir()) / "x.partial").write_bytes(b"cut")
    second = FolderVectors(tmp_path)
    found, vectors = second.get("encoder@1", ["b", "c", "a"])
    assert found == ["b", "a"]
    np.testing.assert_array_equal(vectors, [[3, 4], [1, 2]])
    assert second.get("encoder@2", ["a"])[0] == []


def test_a_corpus_says_how_many_can_be_drawn():
    whole = corpus()
    assert whole.drawable == 90
    assert replace(whole, clusters=np.repeat(np.arange(45).astype(str), 2)).drawable == 45
    assert isinstance(whole.take(np.arange(3)), Corpus) and whole.classes == CLASSES
