"""What a live project can prove: the labels that choosing saved, and whether more are worth asking for.

Read from the store at the time a model is evaluated, and kept with its figures: nothing is fitted when it is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from active_learning.curve_fits import Floats
from active_learning.draw_again import SECOND_OPINION
from active_learning.labels_saved import LabelsSaved, Predicts, control_curve, labels_saved, labels_saved_by_rounds
from active_learning.learning_set import LearningSet
from active_learning.settings import LearningSettings
from active_learning.stopping import Agreement, Prices, StopAdvice, agreement, stop_advice
from labeling.answers import RELOOK
from store import models, predictions, rounds
from store.database import Store
from training.ensemble import NAME as ENSEMBLE
from training.examples import Examples, Predictions

MOST_MODELS = 12
# A model that spoke of fewer of the records measured now, before they were drawn or brought in, is left out.
LEAST_SHARE = 0.8


@dataclass(frozen=True)
class Proof:
    """What was found.

    Attributes:
        rounds: How many models with ever more labels were measured.
    """

    saved: LabelsSaved
    advice: StopAdvice
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it, among a model's figures."""
        return {
            "labels_saved": self.saved.to_json(),
            "stop_advice": self.advice.to_json(),
            "rounds_measured": self.rounds,
        }

    @classmethod
    def from_json(cls, figures: dict[str, Any] | None) -> "Proof | None":
        """What a model's figures hold of it; None where they were measured before there was any."""
        if not figures or not figures.get("labels_saved"):
            return None
        return cls(
            LabelsSaved.from_json(figures["labels_saved"]),
            StopAdvice.from_json(figures["stop_advice"]),
            int(figures["rounds_measured"]),
        )

    def sentences(self) -> list[str]:
        """For a person: labels saved, the warning where random would have served as well, and the stop advice."""
        warning = self.saved.warning(self.rounds)
        return [self.saved.sentence(), *([warning] if warning else []), *self.advice.sentences()]


def prove(
    store: Store,
    learning: LearningSet,
    settings: LearningSettings,
    model: models.Model,
    fit: Callable[[Examples], Predicts] | None,
) -> Proof:
    """Measure what choosing saved and what more labels would bring.

    Args:
        fit: Fits the model's own rung, for the curve of random labels, or of several that speak together the one on
            vectors; None where that is too dear to do a dozen times: then what past rounds measured of the control arm
            has to do.
    """
    rng = np.random.default_rng([settings.seed, 0x70726F6F])
    holdout = learning.holdout
    n_labels, correct, kappas = learning_curve(store, holdout, model)
    advice = stop_advice(n_labels, correct, more=settings.size, kappas=kappas, prices=prices(settings), rng=rng)
    return Proof(_saved(learning, settings, model, store, fit, rng), advice, len(n_labels))


def prices(settings: LearningSettings) -> Prices:
    """What the project file says of prices, and how many people answer for a label."""
    return Prices(
        settings.price_per_answer,
        settings.value_per_point,
        settings.annotators_per_record + settings.repeat_share,
    )


def learning_curve(store: Store, holdout: Examples, current: models.Model) -> tuple[Floats, Floats, tuple[float, ...]]:
    """The project's models so far, the last dozen of them with ever more labels and the same schema, up to `current`.

    Returns:
        How many labels each had (P,); whether it was right on each holdout record that all of them spoke of (P, H); and
        how far each agreed with the one before, oldest first.
    """
    said: list[tuple[models.Model, dict[str, int]]] = []
    for one in reversed(_up_to(store, current)):
        fewer = not said or one.recipe["labels"] < said[-1][0].recipe["labels"]
        wanted = fewer and len(said) < MOST_MODELS and one.schema_hash == current.schema_hash
        classes = _classes_said(store, one, holdout) if wanted else {}
        if classes and len(classes) >= LEAST_SHARE * len(holdout):
            said.append((one, classes))
    said.reverse()
    ids = [one for one in holdout.ids.tolist() if all(one in classes for _, classes in said)]
    truth = dict(zip(holdout.ids.tolist(), holdout.labels.tolist(), strict=True))
    correct = np.array([[classes[one] == truth[one] for one in ids] for _, classes in said], dtype=np.float64)
    n_labels = np.array([one.recipe["labels"] for one, _ in said], dtype=np.float64)
    return n_labels, correct.reshape(len(said), len(ids)), _kappas(said, ids)


def agreement_with_current(store: Store, said: Predictions, train: Examples, model_id: str) -> Agreement | None:
    """How far a model that was just fitted says what the current one said, of records that it was not fitted on.

    Call it before the predictions of the new one are written: then those of the old one are whole.
    """
    current = models.current_model(store)
    if current is None or current.model_id == model_id:
        return None
    ids, probabilities = predictions.predictions(store, current.model_id)
    before = dict(zip(ids, probabilities.argmax(axis=1).tolist() if len(ids) else [], strict=True))
    learnt = set(train.ids.tolist())
    both = [one for one in said.ids.tolist() if one in before and one not in learnt]
    now = said.of(both).probabilities.argmax(axis=1)
    return agreement(np.array([before[one] for one in both], dtype=np.int64), now)


def _saved(
    learning: LearningSet,
    settings: LearningSettings,
    model: models.Model,
    store: Store,
    fit: Callable[[Examples], Predicts] | None,
    rng: np.random.Generator,
) -> LabelsSaved:
    labels, holdout = len(learning.train), learning.holdout
    if learning.train.random.all():
        return LabelsSaved(labels, labels, len(holdout), unknown="No label was chosen by a strategy yet.")
    if fit is not None and model.rung == ENSEMBLE:
        # Like is compared with like: the rung on vectors, fitted on the chosen labels and on random ones.
        classes = fit(learning.train).predict(holdout.inputs()).probabilities.argmax(axis=1)
    else:
        said = _classes_said(store, model, holdout)
        classes = np.array([said[one] for one in holdout.ids.tolist()])
    correct = classes == holdout.labels
    again = round(_answered_again(store) / prices(settings).answers_per_label)
    if fit is None:
        return labels_saved_by_rounds(correct, labels, *_control_by_rounds(store, model), rng, again=again)
    curve = control_curve(learning.control, holdout, fit, seed=settings.seed)
    return labels_saved(correct, labels, curve, rng, again=again)


def _answered_again(store: Store) -> int:
    """How many answers rounds asked for of labelled records, and had."""
    had = [one.numbers.get("asked", {}) for one in rounds.rounds(store) if "answered" in one.numbers]
    return sum(asked.get(purpose, 0) for asked in had for purpose in (RELOOK, SECOND_OPINION))


def _control_by_rounds(store: Store, model: models.Model) -> tuple[Floats, Floats]:
    """How many labels the control arm had after past rounds (P,), rising, and the accuracy (P,) of its models.

    Only of rounds whose model was of the same rung.
    """
    rung_of = {one.model_id: one.rung for one in _up_to(store, model)}
    measured: dict[int, float] = {}
    for one in rounds.rounds(store):
        control, same = one.numbers.get("control"), rung_of.get(one.numbers.get("model_id", "")) == model.rung
        if control and same:
            measured[one.numbers["control_labels"]] = control["accuracy"]["value"]
    sizes = sorted(measured)
    return np.array(sizes, dtype=np.float64), np.array([measured[size] for size in sizes], dtype=np.float64)


def _up_to(store: Store, current: models.Model) -> list[models.Model]:
    every = models.models(store)
    place = [one.model_id for one in every].index(current.model_id)
    return every[: place + 1]


def _classes_said(store: Store, model: models.Model, holdout: Examples) -> dict[str, int]:
    """By id, the class that a model says of holdout records."""
    ids, probabilities = predictions.predictions(store, model.model_id)
    wanted = set(holdout.ids.tolist())
    classes: NDArray[np.int64] = probabilities.argmax(axis=1) if len(ids) else np.zeros(0, dtype=np.int64)
    return {one: said for one, said in zip(ids, classes.tolist(), strict=True) if one in wanted}


def _kappas(said: list[tuple[models.Model, dict[str, int]]], ids: list[str]) -> tuple[float, ...]:
    """What was kept of each model's agreement with the one before; else that on the holdout."""
    kappas = []
    for (_, before), (model, now) in pairwise(said):
        kept = model.recipe.get("agreement")
        found = agreement(np.array([before[one] for one in ids]), np.array([now[one] for one in ids]))
        if kept or found:
            kappas.append(float(kept["kappa"]) if kept else found.kappa)  # type: ignore[union-attr]
    return tuple(kappas)
