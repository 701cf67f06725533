"""The rungs that learn from the pool, and the one that chooses, keep what every rung promises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.training.labelled_words import some_examples
from tests.training.test_rungs import TEST, RungContract
from training.auto import Auto
from training.encoder import Encoder
from training.ensemble import together
from training.examples import Examples, Inputs
from training.ladder import Classifier, FittedModel
from training.probe import frozen_rung

POOL = some_examples(90, seed=5).inputs()


@dataclass(frozen=True)
class WithPool:
    """A rung that is always given the same pool."""

    rung: Any
    name: str = "with a pool"

    def fit(
        self, examples: Examples, *, seed: int, unlabelled: Inputs | None = POOL, start: FittedModel | None = None
    ) -> FittedModel:
        fitted: FittedModel = self.rung.fit(examples, seed=seed, unlabelled=unlabelled, start=start)
        return fitted


class TestPropagation(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return WithPool(frozen_rung("propagation", cls.classes, encoder))

    def test_gives_what_each_head_says(self, fitted: FittedModel) -> None:
        members = fitted.predict(TEST.inputs()).members
        assert members is not None and members.shape == (2, len(TEST), 4)
        np.testing.assert_allclose(members.sum(axis=2), 1, atol=1e-9)


class TestSelfTraining(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return WithPool(frozen_rung("self-training", cls.classes, encoder))


class TestAuto(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return WithPool(Auto(cls.classes, encoder))

    def test_says_why_in_one_line_and_keeps_every_score(self, fitted: FittedModel) -> None:
        scores = fitted.recipe["cross_validated"]
        assert set(scores) == {"probe", "propagation", "self-training", "semi-supervised"}
        assert fitted.recipe["why"].startswith(fitted.recipe["model"]) and "\n" not in fitted.recipe["why"]

    def test_keeps_what_was_said_out_of_fold_of_each_example(self, fitted: FittedModel) -> None:
        assert fitted.judged is not None and set(fitted.judged.ids) == set(some_examples(60).ids)

    def test_does_without_a_pool(self, shared_encoder: Encoder) -> None:
        fitted = Auto(self.classes, shared_encoder).fit(some_examples(30), seed=0)
        assert set(fitted.recipe["cross_validated"]) == {"probe", "propagation"} and fitted.recipe["unlabelled"] == 0


class OfTwo:
    """A probe and a self-trained head, fitted apart and put together."""

    name = "ensemble"

    def __init__(self, encoder: Encoder) -> None:
        self.rungs = [frozen_rung(name, RungContract.classes, encoder) for name in ("probe", "self-training")]

    def fit(
        self, examples: Examples, *, seed: int, unlabelled: Inputs | None = POOL, start: FittedModel | None = None
    ) -> FittedModel:
        members = [rung.fit(examples, seed=seed, unlabelled=unlabelled, start=start) for rung in self.rungs]
        return together(members, examples, seed)


class TestEnsemble(RungContract):
    @classmethod
    def make(cls, encoder: Encoder) -> Classifier:
        return OfTwo(encoder)

    def test_gives_what_each_member_says(self, fitted: FittedModel) -> None:
        members = fitted.predict(TEST.inputs()).members
        assert members is not None and members.shape == (2, len(TEST), 4)

    def test_its_card_says_where_the_members_lie(self, fitted: FittedModel, tmp_path: Path) -> None:
        fitted.save(tmp_path / "m")
        card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
        assert "a folder of its own, `0`" in card and "heads.safetensors" not in card
        assert (tmp_path / "m" / "0" / "README.md").is_file()


def test_labels_of_the_pool_are_never_needed_and_labelled_texts_count_once(encoder: Encoder) -> None:
    examples = some_examples(30)
    again = Inputs(np.array([f"again-{row}" for row in range(30)]), examples.texts)
    fitted = frozen_rung("propagation", RungContract.classes, encoder).fit(examples, seed=0, unlabelled=again)
    assert fitted.recipe["unlabelled"] == 0
