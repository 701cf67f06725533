"""Tuning: a study finds what is better, goes on where it was stopped, and is used until it is forgotten."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.labelled_words import CLASSES, some_examples
from training import ladder
from training.encoder import Encoder
from training.errors import NotFinite, TooFewLabels
from training.frozen.rung import FittedFrozen, FrozenRung
from training.tuning import TuningUnavailable, forget_tuned, read_tuned, tune

pytest.importorskip("optuna")


def test_finds_nothing_worse_than_the_rung_as_it_is(encoder: Encoder, tmp_path: Path) -> None:
    found = tune("probe", some_examples(30), encoder, CLASSES, 6, tmp_path, 0)
    assert found.trials == 6
    assert found.log_loss <= found.log_loss_untuned
    assert read_tuned(tmp_path, "probe", encoder.key) == found
    assert read_tuned(tmp_path, "probe", "another encoder") is None


def test_a_stopped_study_goes_on_as_it_would_have(encoder: Encoder, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise Stopped

    examples = some_examples(30)
    with pytest.raises(Stopped):
        tune("probe", examples, encoder, CLASSES, 7, tmp_path / "stopped", 0, progress=stop)
    told: list[tuple[int, int]] = []
    went_on = tune(
        "probe", examples, encoder, CLASSES, 7, tmp_path / "stopped", 0, progress=lambda *at: told.append(at)
    )
    assert told[0] == (4, 7)
    assert went_on == tune("probe", examples, encoder, CLASSES, 7, tmp_path / "whole", 0)


def test_a_study_that_was_stopped_within_a_trial_goes_on_as_it_would_have(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = some_examples(30)
    whole = tune("probe", examples, encoder, CLASSES, 8, tmp_path / "whole", 0)
    fit, fitted = FrozenRung.fit, 0

    def fitting(self: FrozenRung, *given: object, **named: object) -> FittedFrozen:
        nonlocal fitted
        fitted += 1
        if fitted in (2, 7):
            raise KeyboardInterrupt
        return fit(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(FrozenRung, "fit", fitting)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tune("probe", examples, encoder, CLASSES, 8, tmp_path / "stopped", 0)
    assert tune("probe", examples, encoder, CLASSES, 8, tmp_path / "stopped", 0) == whole


def test_half_a_line_of_a_killed_study_is_no_trial(encoder: Encoder, tmp_path: Path) -> None:
    examples = some_examples(30)
    tune("probe", examples, encoder, CLASSES, 3, tmp_path / "killed", 0)
    (journal,) = (tmp_path / "killed").glob("*.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    for trials in (4, 5):  # the second reads what the first wrote behind it
        went_on = tune("probe", examples, encoder, CLASSES, trials, tmp_path / "killed", 0)
    assert went_on == tune("probe", examples, encoder, CLASSES, 5, tmp_path / "whole", 0)


def test_settings_that_run_into_nan_are_the_worst_and_the_study_goes_on(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = FrozenRung.fit

    def fitting(self: FrozenRung, *given: object, **named: object) -> FittedFrozen:
        if self.tuned:
            raise NotFinite("The loss became NaN.")
        return fit(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(FrozenRung, "fit", fitting)
    found = tune("probe", some_examples(30), encoder, CLASSES, 7, tmp_path, 0)
    assert (found.settings, found.trials) == ({}, 7)


def test_another_pool_is_another_study(encoder: Encoder, tmp_path: Path) -> None:
    for n in (5, 6):
        tune("probe", some_examples(30), encoder, CLASSES, 1, tmp_path, 0, unlabelled=some_examples(n, seed=4).inputs())
    assert len(list(tmp_path.glob("*.journal"))) == 2


def test_one_class_leaves_no_study(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(TooFewLabels):
        tune("probe", some_examples(9, classes=1), encoder, CLASSES, 2, tmp_path, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["propagation", "fine-tune"])
def test_what_was_found_is_what_is_fitted(encoder: Encoder, tmp_path: Path, name: str) -> None:
    tuned = {"view": "middle", "logistic": 7.5, "propagated": 0.6}
    if name == "fine-tune":
        tuned = {"view": "first-word", "learning_rate": 3e-4, "examples_seen": 50, "batch": 8}
    fitted = ladder.classifier(name, CLASSES, encoder, tuned=tuned).fit(
        some_examples(24), seed=0, unlabelled=some_examples(12, seed=4).inputs()
    )
    told = fitted.recipe | fitted.recipe.get("heads", {})
    assert {key: told[key] for key in tuned} == tuned


def test_what_was_found_can_be_forgotten(encoder: Encoder, tmp_path: Path) -> None:
    tune("probe", some_examples(30), encoder, CLASSES, 2, tmp_path, 0)
    assert forget_tuned(tmp_path, "probe")
    assert read_tuned(tmp_path, "probe", encoder.key) is None
    assert not forget_tuned(tmp_path, "probe")


def test_auto_has_nothing_to_tune(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(TuningUnavailable, match="name one of probe"):
        tune("auto", some_examples(30), encoder, CLASSES, 2, tmp_path, 0)


def test_the_same_seed_tries_the_same(encoder: Encoder, tmp_path: Path) -> None:
    losses = [tune("probe", some_examples(30), encoder, CLASSES, 4, tmp_path / n, 1).log_loss for n in ("a", "b")]
    np.testing.assert_allclose(losses[0], losses[1])
