"""Models: what was fitted, on which snapshot, how well it does, where it lies."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.database import Store, utc_now


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        path: Its folder, relative to the project's.
        metrics: On the holdout, each scalar with its interval; `None` until it was evaluated.
        alias: `current` for the model whose predictions are shown.
    """

    model_id: str
    rung: str
    encoder: str
    recipe: dict[str, Any]
    seed: int
    snapshot_id: str | None
    round_id: str | None
    metrics: dict[str, Any] | None
    calibration: dict[str, Any] | None
    path: str
    alias: str | None
    schema_hash: str
    fitted_at: datetime


def add_model(store: Store, model: Model) -> None:
    """Add a model and make it the current one.

    Its id says what made it: one that is there already keeps what is known of it, its figures above all.
    """
    with store.transaction() as db:
        db.execute("UPDATE models SET alias = NULL WHERE alias = 'current'")
        db.execute(
            """
            INSERT INTO models VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'current', $11, $12)
            ON CONFLICT (model_id) DO UPDATE SET
                alias = 'current',
                round_id = coalesce(models.round_id, excluded.round_id)
            """,
            [
                model.model_id,
                model.rung,
                model.encoder,
                json.dumps(model.recipe, sort_keys=True),
                model.seed,
                model.snapshot_id,
                model.round_id,
                json.dumps(model.metrics) if model.metrics is not None else None,
                json.dumps(model.calibration) if model.calibration is not None else None,
                model.path,
                model.schema_hash,
                utc_now(),
            ],
        )


def set_metrics(store: Store, model_id: str, metrics: dict[str, Any]) -> None:
    """Keep what the holdout says of a model."""
    with store.transaction() as db:
        db.execute("UPDATE models SET metrics = $2 WHERE model_id = $1", [model_id, json.dumps(metrics)])


def models(store: Store) -> list[Model]:
    """Every model, oldest first."""
    return [_model(row) for row in store.read("SELECT * FROM models ORDER BY fitted_at, model_id").to_pylist()]


def model(store: Store, model_id: str) -> Model | None:
    """The model with that id."""
    rows = store.read("SELECT * FROM models WHERE model_id = $1", [model_id]).to_pylist()
    return _model(rows[0]) if rows else None


def current_model(store: Store) -> Model | None:
    """The model whose predictions are shown, if one was fitted."""
    rows = store.read("SELECT * FROM models WHERE alias = 'current'").to_pylist()
    return _model(rows[0]) if rows else None


def _model(row: dict[str, Any]) -> Model:
    parsed = {name: json.loads(row[name]) if row[name] else None for name in ("recipe", "metrics", "calibration")}
    return Model(**(row | parsed))
