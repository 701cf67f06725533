"""One round of active learning as a state machine that lives in the store.

A round's state names the step that comes next. Each step makes its work durable together with the move to the next state,
or can be run again without doing anything twice; a round that was killed goes on where it stopped.

    score -> select -> push -> wait -> audit -> fit -> evaluate -> done

`wait` pulls what people answered, and ends when nobody is asked any more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from active_learning.audit_labels import audit_labels
from active_learning.draw import Drawn, assignment_id, draw_round
from active_learning.fit import NothingToMeasureWith, evaluate_model, fit_model, metrics_json, score_pool
from active_learning.pool import Pool
from active_learning.settings import LearningSettings
from active_learning.strategies import strategy
from labeling.pull import pull
from labeling.push import push
from labeling.studio_client import StudioClient
from store import assignments, labels, models, pool, predictions, rounds, splits
from store.curation.duplicates import find_duplicates
from store.database import Store, utc_now
from store.embeddings import StoredVectors
from store.errors import RequestError
from store.label_schema import LabelSchema
from training.encoder import Encoder
from training.examples import Inputs

Say = Callable[[str], None]


class PoolEmpty(RequestError):
    """There is no record left to ask about."""


@dataclass(frozen=True)
class Bench:
    """What a round works with.

    Attributes:
        folder: The project's folder.
        client: The Label Studio project that people answer in.
        wait: Called while answers are outstanding, with how many are in and how many are wanted; the round goes on waiting
            while it gives True, and stops where it is, to be taken up later, when it gives False.
    """

    store: Store
    schema: LabelSchema
    folder: Path
    settings: LearningSettings
    client: StudioClient
    say: Say
    wait: Callable[[int, int], bool]


def run_round(bench: Bench) -> rounds.Round:
    """Take the open round, or a new one, as far as it goes: to its end, or to where people's answers are outstanding.

    Raises:
        PoolEmpty: Every record is labelled, held out or set aside.
    """
    current = rounds.open_round(bench.store)
    if current is None:
        settings = bench.settings
        _require_pool(bench.store)
        current = rounds.begin_round(
            bench.store, first_step="score", strategy=settings.strategy, size=settings.size, seed=settings.seed
        )
        bench.say(f"Round {current.number} begins.")
    else:
        bench.say(f"Round {current.number} goes on at: {current.state}.")
    while current.state != rounds.DONE:
        moved = STEPS[current.state](bench, current)
        if moved is None:
            return current
        current = moved
    return current


def _require_pool(store: Store) -> None:
    if not pool.pool(store).num_rows:
        raise PoolEmpty("No record is left to ask about: bring more in with tilth crawl or tilth import.")


def _score(bench: Bench, current: rounds.Round) -> rounds.Round:
    found = find_duplicates(bench.store)
    score_pool(bench.store, bench.folder)
    return rounds.move_round(bench.store, current.round_id, "select", {"set_aside_as_duplicates": found.set_aside})


def _select(bench: Bench, current: rounds.Round) -> rounds.Round:
    candidates = pool.pool(bench.store)
    model = models.current_model(bench.store)
    as_pool = _as_pool(bench, candidates, model)
    held_out = sum(row["records"] for row in splits.split_counts(bench.store).to_pylist() if row["split"] != "train")
    settings = replace(bench.settings, size=current.size, strategy=current.strategy, seed=current.seed)
    drawn = draw_round(
        as_pool, settings, current.number, strategy(current.strategy), holdout_wanted=max(0, settings.holdout - held_out)
    )
    cluster = dict(zip(candidates["record_id"].to_pylist(), candidates["cluster_id"].to_pylist(), strict=True))
    shown = _shown_predictions(bench, model, [one.record_id for one in drawn])
    counts = {purpose: sum(one.purpose == purpose for one in drawn) for purpose in ("selected", "control", "holdout")}
    held = [one.record_id for one in drawn if one.purpose == "holdout"]
    with bench.store.transaction():
        splits.assign_splits(
            bench.store,
            pa.table(
                {
                    "record_id": pa.array(held, pa.string()),
                    "split": pa.array(["holdout"] * len(held), pa.string()),
                    "group_id": pa.array([cluster[one] for one in held], pa.string()),
                }
            ),
            origin="drawn",
        )
        assignments.intend(bench.store, _assignment_rows(bench, current, drawn, model, shown))
        moved = rounds.move_round(bench.store, current.round_id, "push", {"asked": counts})
    bench.say(
        f"Chosen: {counts['selected']} by {current.strategy}, {counts['control']} at random to train on, "
        f"{counts['holdout']} at random to measure with."
    )
    return moved


def _as_pool(bench: Bench, candidates: pa.Table, model: models.Model | None) -> Pool:
    ids = np.array(candidates["record_id"].to_pylist(), dtype=np.str_)
    encoder = Encoder(bench.settings.encoder, StoredVectors(bench.store))
    hashes = np.array(candidates["content_hash"].to_pylist(), dtype=np.str_)
    embedded = encoder.embed(Inputs(ids=ids, texts=candidates["text"].to_pylist(), content_hashes=hashes))
    probabilities = None
    if model is not None:
        known, said = predictions.predictions(bench.store, model.model_id)
        place = {one: row for row, one in enumerate(known)}
        probabilities = said[[place[one] for one in ids.tolist()]]
    return Pool(
        ids=ids,
        probabilities=probabilities,
        embeddings=embedded.vectors,
        labelled_embeddings=_labelled_vectors(bench.store, encoder),
        clusters=np.array(candidates["cluster_id"].to_pylist(), dtype=np.str_),
    )


def _labelled_vectors(store: Store, encoder: Encoder) -> np.ndarray | None:
    hashes = labels.labelled_content_hashes(store)
    if not hashes:
        return None
    _, vectors = StoredVectors(store).get(encoder.key, hashes)
    return vectors if len(vectors) else None


def _shown_predictions(bench: Bench, model: models.Model | None, ids: list[str]) -> dict[str, np.ndarray]:
    if model is None:
        return {}
    known, said = predictions.predictions(bench.store, model.model_id)
    wanted = set(ids)
    return {one: said[row] for row, one in enumerate(known) if one in wanted}


def _assignment_rows(
    bench: Bench,
    current: rounds.Round,
    drawn: list[Drawn],
    model: models.Model | None,
    shown: dict[str, np.ndarray],
) -> pa.Table:
    now = utc_now()
    rows = [
        {
            "assignment_id": assignment_id(current.round_id, one.purpose, one.record_id),
            "record_id": one.record_id,
            "studio": bench.client.origin,
            "project_id": bench.client.project_id,
            "round_id": current.round_id,
            "purpose": one.purpose,
            "why": one.why,
            "score": one.score,
            "position": place,
            "answers_wanted": one.answers_wanted,
            "model_id": model.model_id if model is not None and one.record_id in shown else None,
            "prediction": assignments.prediction_json(bench.schema, shown.get(one.record_id)),
            "created_at": now,
        }
        for place, one in enumerate(drawn)
    ]
    return assignments.rows(rows)


def _push(bench: Bench, current: rounds.Round) -> rounds.Round:
    pushed = push(bench.store, bench.client, bench.schema)
    bench.say(f"Sent to Label Studio: {pushed.created} tasks.")
    return rounds.move_round(bench.store, current.round_id, "wait")


def _wait(bench: Bench, current: rounds.Round) -> rounds.Round | None:
    while True:
        pull(bench.store, bench.client, bench.schema)
        answered, wanted = assignments.answered(bench.store, current.round_id)
        if answered >= wanted:
            return rounds.move_round(bench.store, current.round_id, "audit", {"answers": answered})
        bench.store.let_go()
        if not bench.wait(answered, wanted):
            return None


def _audit(bench: Bench, current: rounds.Round) -> rounds.Round:
    found = audit_labels(bench.store, bench.schema, bench.settings)
    return rounds.move_round(bench.store, current.round_id, "fit", {"label_errors": found.flagged if found else None})


def _fit(bench: Bench, current: rounds.Round) -> rounds.Round:
    model = fit_model(
        bench.store, bench.schema, bench.folder, bench.settings, round_id=current.round_id, say=bench.say
    )
    return rounds.move_round(bench.store, current.round_id, "evaluate", {"model_id": model.model_id})


def _evaluate(bench: Bench, current: rounds.Round) -> rounds.Round:
    model = models.model(bench.store, current.numbers["model_id"])
    assert model is not None
    try:
        measured = evaluate_model(bench.store, bench.schema, bench.settings, model, say=bench.say)
    except NothingToMeasureWith:
        return rounds.move_round(bench.store, current.round_id, rounds.DONE, {"labels": model.recipe["labels"]})
    figures = metrics_json(measured, model.recipe["labels"])
    accuracy = figures["holdout"]["accuracy"]
    bench.say(
        f"Round {current.number}: accuracy on the holdout {accuracy['value']:.3f} "
        f"({accuracy['low']:.3f} to {accuracy['high']:.3f}) with {model.recipe['labels']} labels."
    )
    return rounds.move_round(bench.store, current.round_id, rounds.DONE, figures)


STEPS: dict[str, Callable[[Bench, rounds.Round], rounds.Round | None]] = {
    "score": _score,
    "select": _select,
    "push": _push,
    "wait": _wait,
    "audit": _audit,
    "fit": _fit,
    "evaluate": _evaluate,
}
