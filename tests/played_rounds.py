"""Rounds of a project played without Label Studio: what people would have answered is written down as labels."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from active_learning.fit import evaluate_model, fit_model, metrics_json
from active_learning.learning_set import read_learning_set
from active_learning.settings import LearningSettings
from store import assignments, labels, models, predictions, records, rounds, splits
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records
from training.examples import Predictions
from training.metrics import evaluate

AT = datetime(2026, 11, 1, tzinfo=UTC)


def play(
    store: Store,
    schema: LabelSchema,
    settings: LearningSettings,
    answers: Mapping[str, str],
    *,
    sizes: list[int],
    holdout: int,
    control: int = 0,
    prove: bool = False,
) -> None:
    """Bring in the texts of `answers` (text to class), and play a round for each of `sizes`.

    The first round draws the holdout and its records at random; later ones take the records of which the model is
    least sure, and `control` more at random. `prove` measures what a round measures, at a dozen fits a round; without
    it the model is measured alone.
    """
    rng = np.random.default_rng(settings.seed)
    add_records(store, pa.table({"text": list(answers)}), source_name="played.csv")
    table = records.records(store)
    right = {row["record_id"]: answers[row["text"]] for row in table.to_pylist()}
    left = rng.permutation(table["record_id"].to_pylist()).tolist()
    for number, size in enumerate(sizes, start=1):
        current = rounds.begin_round(store, first_step="select", strategy="least-confidence", size=size, seed=0)
        held = [left.pop() for _ in range(holdout)] if number == 1 else []
        at_random = [left.pop() for _ in range(control)]
        unsure = _unsure(store, left)
        chosen = sorted(left, key=lambda one: unsure.get(one, 0.0), reverse=True)[:size]
        left = [one for one in left if one not in set(chosen)]
        drawn = {"selected": chosen, "control": at_random, "holdout": held}
        splits.assign_splits(
            store,
            pa.table({"record_id": pa.array(held, pa.string()), "split": ["holdout"] * len(held)}),
            origin="drawn",
        )
        _ask(store, current.round_id, drawn)
        _answer(store, schema, {one: right[one] for some in drawn.values() for one in some})
        model = fit_model(store, schema, store.path.parent, settings, round_id=current.round_id, say=lambda _: None)
        figures = _measured(store, schema, settings, model, prove=prove)
        asked = {purpose: len(some) for purpose, some in drawn.items()}
        numbers = {"asked": asked, "model_id": model.model_id} | figures
        rounds.move_round(store, current.round_id, rounds.DONE, numbers)


def _measured(
    store: Store, schema: LabelSchema, settings: LearningSettings, model: models.Model, *, prove: bool
) -> dict[str, Any]:
    if prove:
        return metrics_json(evaluate_model(store, schema, settings, model, say=lambda _: None), model.recipe["labels"])
    assert model.snapshot_id is not None
    holdout = read_learning_set(store, schema, model.snapshot_id).holdout
    ids, said = predictions.predictions(store, model.model_id)
    found = evaluate(Predictions(np.array(ids), said).of(holdout.ids), holdout.labels, schema.classes, resamples=50)
    figures = {"labels": model.recipe["labels"], "holdout": found.to_json(), "control_labels": 0, "control": None}
    models.set_metrics(store, model.model_id, figures)
    return figures


def _unsure(store: Store, ids: list[str]) -> dict[str, float]:
    current = models.current_model(store)
    if current is None:
        return {}
    known, said = predictions.predictions(store, current.model_id)
    return dict(zip(known, (1 - said.max(axis=1)).tolist(), strict=True))


def _ask(store: Store, round_id: str, drawn: Mapping[str, list[str]]) -> None:
    rows = [
        {
            "assignment_id": assignments.assignment_id(one, purpose, round_id),
            "record_id": one,
            "round_id": round_id,
            "purpose": purpose,
            "why": "Played.",
            "score": None,
            "position": place,
            "answers_wanted": 1,
            "model_id": None,
            "prediction": None,
        }
        for purpose, some in drawn.items()
        for place, one in enumerate(some)
    ]
    assignments.intend(
        store, pa.Table.from_pylist(rows, schema=assignments.GIVEN_COLUMNS), studio="played", project_id=1
    )
    assignments.mark(store, [row["assignment_id"] for row in rows], "answered")


def _answer(store: Store, schema: LabelSchema, given: Mapping[str, str]) -> None:
    rows = [
        {
            "record_id": one,
            "value": json.dumps({"label": label}),
            "quality": 0.9,
            "annotations": 1,
            "annotators": 1,
            "method": "single",
            "schema_hash": schema.hash,
            "resolved_at": AT,
        }
        for one, label in given.items()
    ]
    labels.write_labels(store, pa.Table.from_pylist(rows, schema=labels.COLUMNS))
