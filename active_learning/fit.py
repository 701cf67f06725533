"""From labels to the current model: a snapshot, a fit, what it says of the pool, how well it does on the holdout."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from active_learning.belief_now import trusted
from active_learning.chunks import row_slices
from active_learning.learning_set import LearningSet, read_learning_set
from active_learning.proof import Proof, agreement_with_current, prove
from active_learning.rung_now import RungNow, rung_now
from active_learning.settings import LearningSettings
from store import models, pool, predictions, records, snapshots
from store.database import Store, utc_now
from store.embeddings import StoredVectors
from store.errors import RequestError
from store.label_schema import LabelSchema
from training.encoder import Encoder
from training.ensemble import NAME as ENSEMBLE
from training.errors import ModelFolderError, TooFewLabels
from training.examples import Examples, Inputs, Predictions
from training.ladder import FittedModel, classifier
from training.metrics import Metrics, evaluate
from training.model_card import CardFacts
from training.model_folder import load
from training.requirements import require_labels

Say = Callable[[str], None]

ON_VECTORS = ("probe", "propagation", "self-training", "semi-supervised")
"""What fits in seconds, on vectors that are there already."""


SCORED_AT_ONCE = 20_480
"""Records; enough of them that the encoder measures which way is the fastest."""


class NothingToMeasureWith(RequestError):
    """There is no labelled holdout, and no test split."""


@dataclass(frozen=True)
class Measured:
    """What the holdout says of a model, and of one that was fitted on the control arm alone.

    Attributes:
        metrics: Of the model that was fitted on all training labels.
        control: Of the model fitted on the control arm; `None` while the arm has too few labels.
        control_labels: How many labels the control arm has.
        proof: What choosing saved and what more labels would bring.
    """

    metrics: Metrics
    control: Metrics | None
    control_labels: int
    proof: Proof | None = None


def fit_model(
    store: Store,
    schema: LabelSchema,
    folder: Path,
    settings: LearningSettings,
    *,
    round_id: str | None = None,
    say: Say,
) -> models.Model:
    """Fit the project's model on what is labelled now, keep it, and keep what it says of every record.

    The model is named by its snapshot, rung, encoder and seed, and by the model of the labels before, which decides how
    far each label is trusted: fitting the same again, after a kill too, gives the same model, and loads it where it
    lies already.

    Raises:
        NothingLabelled: No record has a label.
        TooFewLabels: There are fewer labels or classes than a fit needs.
    """
    snapshot = snapshots.take_snapshot(store, schema)
    learning = read_learning_set(store, schema, snapshot.snapshot_id)
    encoder = Encoder(settings.encoder, StoredVectors(store))
    waiting = waiting_inputs(store)
    now = rung_now(store, folder, settings, encoder.key, snapshot.snapshot_id)
    before = _of_before(store, snapshot.snapshot_id)
    model_id = _model_id(snapshot.snapshot_id, schema, settings, encoder.key, waiting, now, before)
    path = folder / "models" / model_id
    everything = _everything(store)
    known = models.model(store, model_id)
    if known is not None and path.exists() and _has_said_all(store, known, everything):
        models.add_model(store, replace(known, round_id=round_id))
        return _kept(store, model_id)
    store.let_go()
    fitted = _lying_there(path, store, say)
    if fitted is None:
        say(f"Fitting {settings.model} on {len(learning.train)} labels.")
        rung = now.classifier(schema.classes, settings.encoder, store)
        start = now.start(folder, store)
        train = trusted(store, schema, learning.train, before)
        store.let_go()
        fitted = rung.fit(train, seed=settings.seed, unlabelled=waiting, start=start)
        if "why" in fitted.recipe:
            say(fitted.recipe["why"])
        fitted.save(path, _card(schema, settings, learning, fitted))
    said = fitted.predict(everything)
    steady = agreement_with_current(store, said, learning.train, model_id)
    recipe = {
        **fitted.recipe,
        "labels": len(learning.train),
        "tuned": now.tuned,
        "agreement": steady.to_json() if steady is not None else None,
    }
    made = models.Model(
        model_id=model_id,
        rung=str(fitted.recipe["model"]),
        encoder=encoder.key,
        recipe=recipe,
        seed=settings.seed,
        snapshot_id=snapshot.snapshot_id,
        round_id=round_id,
        metrics=None,
        calibration={"temperature": fitted.temperature, **fitted.recipe.get("calibration", {})},
        path=str(path.relative_to(folder)),
        alias="current",
        schema_hash=schema.hash,
        fitted_at=utc_now(),
    )
    _write(store, made, said, fitted.judged)
    return _kept(store, model_id)


def _write(store: Store, model: models.Model, said: Predictions, judged: Predictions | None) -> None:
    """Write the model, what it says of every record and what was said of its labels out of fold: all or nothing."""
    with store.transaction():
        models.add_model(store, model)
        predictions.write_predictions(store, model.model_id, said.ids.tolist(), said.probabilities)
        if judged is not None:
            predictions.write_out_of_fold(store, model.model_id, judged.ids.tolist(), judged.probabilities)


def _kept(store: Store, model_id: str) -> models.Model:
    kept = models.model(store, model_id)
    assert kept is not None
    return kept


def _has_said_all(store: Store, model: models.Model, everything: Inputs) -> bool:
    """Whether what the model says of every record is kept, and of its labels what was said out of fold."""
    said, judged = (read(store, model.model_id)[0] for read in (predictions.predictions, predictions.out_of_fold))
    return bool(judged) and set(said).issuperset(everything.ids.tolist())


def _lying_there(path: Path, store: Store, say: Say) -> FittedModel | None:
    """The model in its folder; None where there is none, or none that can be read."""
    if not path.exists():
        return None
    try:
        return load(path, cache=StoredVectors(store))
    except ModelFolderError:
        say(f"{path.name} in models/ cannot be read and is fitted again.")
        return None


def _card(schema: LabelSchema, settings: LearningSettings, learning: LearningSet, fitted: FittedModel) -> CardFacts:
    metrics = None
    if len(learning.holdout):
        metrics = _measure(schema, learning.holdout, fitted.predict(learning.holdout.inputs()), settings.seed)
    return CardFacts(
        name=settings.name,
        license=settings.license,
        language=settings.language,
        dataset=settings.name,
        snapshot=learning.snapshot_id,
        question=schema.question,
        metrics=metrics,
    )


def waiting_inputs(store: Store) -> Inputs:
    """The pool: records without a label that a model may learn from how the data lies; nothing that is held out."""
    waiting = set(pool.pool(store)["record_id"].to_pylist())
    everything = _everything(store)
    rows = [row for row, one in enumerate(everything.ids.tolist()) if one in waiting]
    return everything.take(np.array(rows, dtype=np.int64))


def _model_id(
    snapshot_id: str,
    schema: LabelSchema,
    settings: LearningSettings,
    encoder: str,
    waiting: Inputs,
    now: RungNow,
    before: models.Model | None,
) -> str:
    judge = None if before is None else before.model_id
    learned_from = hashlib.sha256("\n".join(sorted(waiting.ids.tolist())).encode()).hexdigest()
    facts = [snapshot_id, schema.hash, settings.model, encoder, settings.seed, learned_from, judge, *now.facts]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _of_before(store: Store, snapshot_id: str) -> models.Model | None:
    """The newest model of other labels than these: the same one before and after a fit on them."""
    others = [one for one in models.models(store) if one.snapshot_id != snapshot_id]
    return others[-1] if others else None


def _everything(store: Store) -> Inputs:
    """Every text record: the pool, what is labelled, what is held out."""
    table = records.records(store)
    texts = [text or "" for text in table["text"].to_pylist()]
    return Inputs(
        ids=np.array(table["record_id"].to_pylist(), dtype=np.str_),
        texts=texts,
        content_hashes=np.array(table["content_hash"].to_pylist(), dtype=np.str_),
    )


def score_pool(store: Store, folder: Path) -> None:
    """Let the current model speak of records that came after it was fitted, and of those alone.

    What it says is kept after every `SCORED_AT_ONCE` records, so that a scoring that was killed goes on.
    """
    current = models.current_model(store)
    if current is None:
        return
    known = set(predictions.predictions(store, current.model_id)[0])
    if known.issuperset(pool.pool(store)["record_id"].to_pylist()):
        return
    everything = _everything(store)
    new = np.array([row for row, one in enumerate(everything.ids.tolist()) if one not in known], dtype=np.int64)
    model = load(folder / current.path, cache=StoredVectors(store))
    for rows in row_slices(len(new), at_once=SCORED_AT_ONCE):
        some = everything.take(new[rows])
        store.let_go()
        said = model.predict(some)
        predictions.add_predictions(store, current.model_id, said.ids.tolist(), said.probabilities)


def evaluate_model(
    store: Store, schema: LabelSchema, settings: LearningSettings, model: models.Model, *, say: Say
) -> Measured:
    """Measure a model on the holdout, and beside it the same recipe on the control arm alone; the figures are kept.

    Raises:
        NothingToMeasureWith: No holdout record has a label, and there is no test split.
    """
    assert model.snapshot_id is not None
    learning = read_learning_set(store, schema, model.snapshot_id)
    # What is compared is how labels were chosen: the control arm's are trusted as the model's own are.
    before = _of_before(store, model.snapshot_id)
    train, control_arm = (trusted(store, schema, part, before) for part in (learning.train, learning.control))
    learning = replace(learning, train=train, control=control_arm)
    if not len(learning.holdout):
        raise NothingToMeasureWith(
            "No labelled record is held out, so nothing can be measured. Set [rounds] holdout and run a round, "
            "or import a "
            "test split."
        )
    ids, probabilities = predictions.predictions(store, model.model_id)
    said = Predictions(np.array(ids, dtype=np.str_), probabilities).of(learning.holdout.ids)
    metrics = _measure(schema, learning.holdout, said, settings.seed)
    control = _control_metrics(store, schema, settings, model, learning, say)
    proof = prove(store, learning, settings, model, _fit_again(store, schema, settings, model, learning, say))
    measured = Measured(metrics, control, len(learning.control), proof)
    with store.transaction():
        models.set_metrics(store, model.model_id, metrics_json(measured, len(learning.train)))
    return measured


def metrics_json(measured: Measured, labels: int) -> dict[str, Any]:
    """The figures as the store keeps them."""
    return {
        "labels": labels,
        "holdout": measured.metrics.to_json(),
        "control_labels": measured.control_labels,
        "control": measured.control.to_json() if measured.control is not None else None,
        **(measured.proof.to_json() if measured.proof is not None else {}),
    }


def _measure(schema: LabelSchema, examples: Examples, said: Predictions, seed: int) -> Metrics:
    return evaluate(said, examples.labels, schema.classes, seed=seed)


def _control_metrics(
    store: Store,
    schema: LabelSchema,
    settings: LearningSettings,
    model: models.Model,
    learning: LearningSet,
    say: Say,
) -> Metrics | None:
    if len(learning.control) == len(learning.train):
        return None
    try:
        require_labels(learning.control, schema.classes)
    except TooFewLabels:
        return None
    # As the model was asked for, whatever the project file says since.
    asked = str(model.recipe.get("asked_for", model.rung))
    say(f"Fitting {asked} on the control arm's {len(learning.control)} labels.")
    waiting = waiting_inputs(store)
    store.let_go()
    encoder = Encoder(model.recipe["encoder"], StoredVectors(store))
    rung = classifier(asked, schema.classes, encoder, tuned=model.recipe.get("tuned", {}))
    fitted = rung.fit(learning.control, seed=settings.seed, unlabelled=waiting)
    return _measure(schema, learning.holdout, fitted.predict(learning.holdout.inputs()), settings.seed)


def _fit_again(
    store: Store,
    schema: LabelSchema,
    settings: LearningSettings,
    model: models.Model,
    learning: LearningSet,
    say: Say,
) -> Callable[[Examples], FittedModel] | None:
    """Fits the model's rung on vectors on other labels; None where it has none, or where that tells nothing."""
    members = model.recipe["members"] if model.rung == ENSEMBLE else [model.rung]
    on_vectors = [one for one in members if one in ON_VECTORS]
    if not on_vectors or learning.train.random.all():
        return None
    # Of `auto` it is the fine-tune that was tuned.
    tuned = model.recipe.get("tuned", {}) if model.recipe.get("asked_for", model.rung) == model.rung else {}
    encoder = Encoder(model.recipe["encoder"], StoredVectors(store))
    rung = classifier(on_vectors[0], schema.classes, encoder, tuned=tuned)
    waiting = waiting_inputs(store)
    store.let_go()
    say("Fitting on random labels, to tell what choosing saved.")
    return lambda examples: rung.fit(examples, seed=settings.seed, unlabelled=waiting)
