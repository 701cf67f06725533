"""From labels to the current model: what is kept, what a second fit changes, what is only measured with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from active_learning.fit import NothingToMeasureWith, evaluate_model, fit_model, score_pool
from active_learning.learning_set import read_learning_set
from active_learning.settings import LearningSettings
from crawlers.files import import_file
from labeling.resolve import resolve_labels
from store import models, predictions, snapshots, splits
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records, records
from tests.tiny_project import CLASSES, letters, write_csv, write_encoder
from training import ladder
from training.errors import TooFewLabels
from training.frozen.rung import FittedFrozen

SCHEMA = LabelSchema("text-classification", CLASSES)
LETTERS = letters(80)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LearningSettings:
    return LearningSettings(encoder=str(write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tilth.duckdb")


def bring_in(store: Store, labelled: int, test: int = 0) -> None:
    """Import the letters; the first `labelled` with their labels, the first `test` of them to measure with."""
    file = write_csv(store.path.parent / "letters.csv", LETTERS, labelled=labelled, test=test)
    import_file(store, file, SCHEMA, label_column="label", split_column="split")
    resolve_labels(store, SCHEMA)


def fit(store: Store, settings: LearningSettings, round_id: str | None = None) -> models.Model:
    return fit_model(store, SCHEMA, store.path.parent, settings, round_id=round_id, say=lambda _: None)


def evaluate(store: Store, settings: LearningSettings, model: models.Model):
    return evaluate_model(store, SCHEMA, settings, model, say=lambda _: None)


def test_it_becomes_the_current_model_and_speaks_of_every_record(store, settings):
    bring_in(store, labelled=40)
    model = fit(store, settings)
    assert models.current_model(store) == model
    assert (model.recipe["labels"], model.alias, model.schema_hash) == (40, "current", SCHEMA.hash)
    assert (store.path.parent / model.path / "heads.safetensors").exists()
    known, said = predictions.predictions(store, model.model_id)
    assert known == records(store)["record_id"].to_pylist()
    right = {one.text: CLASSES.index(one.label) for one in LETTERS}
    truth = [right[text] for text in records(store, known)["text"].to_pylist()]
    assert (said.argmax(axis=1) == truth).mean() > 0.8


def test_fitting_the_same_again_reads_the_model_that_lies_there_and_loses_nothing(store, settings):
    bring_in(store, labelled=40, test=15)
    first = fit(store, settings, round_id="round-001")
    evaluate(store, settings, first)
    before = models.current_model(store)
    assert before.metrics["holdout"]["accuracy"]["value"] > 0.6
    weights = store.path.parent / first.path / "heads.safetensors"
    written = weights.stat().st_mtime_ns
    fit(store, settings)
    assert replace(models.current_model(store), fitted_at=before.fitted_at) == before
    assert len(models.models(store)) == 1
    assert weights.stat().st_mtime_ns == written


def test_a_model_that_has_spoken_of_every_record_is_not_asked_again(store, settings, monkeypatch):
    bring_in(store, labelled=40)
    first = fit(store, settings)
    monkeypatch.setattr("active_learning.fit.load", lambda *_, **__: pytest.fail("the model was read"))
    assert fit(store, settings).model_id == first.model_id


def test_a_model_whose_folder_cannot_be_read_is_fitted_again(store, settings):
    bring_in(store, labelled=40)
    first = fit(store, settings)
    heads = store.path.parent / first.path / "heads.safetensors"
    whole = heads.read_bytes()
    heads.write_bytes(whole[:100])
    with store.transaction() as db:
        db.execute("DELETE FROM predictions")
    again = fit(store, settings)
    assert (again.model_id, heads.read_bytes()) == (first.model_id, whole)


def test_the_control_arm_is_fitted_as_the_model_was(store, settings, monkeypatch):
    bring_in(store, labelled=40, test=10)
    model = fit(store, settings)
    model = replace(model, rung="probe", recipe={**model.recipe, "asked_for": "probe", "tuned": {"logistic": 7.0}})
    told = []
    learning = read_learning_set(store, SCHEMA, model.snapshot_id)
    some = replace(learning, control=learning.train.take(np.arange(12)))
    monkeypatch.setattr("active_learning.fit.read_learning_set", lambda *_: some)
    made = ladder.classifier
    monkeypatch.setattr(
        "active_learning.fit.classifier",
        lambda *what, **how: told.append((what[0], how["tuned"])) or made(*what, **how),
    )
    evaluate(store, replace(settings, model="auto"), model)
    assert told[0] == ("probe", {"logistic": 7.0})


def test_more_labels_make_another_model_and_the_older_one_steps_back(store, settings):
    bring_in(store, labelled=30)
    first = fit(store, settings)
    bring_in(store, labelled=60)
    second = fit(store, settings)
    assert [one.alias for one in models.models(store)] == [None, "current"]
    assert models.current_model(store).model_id == second.model_id != first.model_id
    assert (store.path.parent / first.path).is_dir()


def test_what_measures_is_never_fitted_on_nor_is_what_is_near_equal_to_it(store, settings):
    bring_in(store, labelled=45, test=15)
    held, trained = read_parts(store)
    assert (len(held), len(trained)) == (15, 30)
    assert not set(held) & set(trained)
    # A record that fits is found to be near-equal to one that measures.
    with store.transaction() as db:
        for one in (held[0], trained[0]):
            db.execute("INSERT INTO duplicates VALUES ($1, $2, $2, 0.9, 'by hand')", [one, held[0]])
    again, fewer = read_parts(store)
    assert (again, len(fewer)) == (held, 29)
    assert trained[0] not in fewer


def test_the_holdout_and_an_imported_test_split_measure_together(store, settings):
    bring_in(store, labelled=45, test=15)
    held, trained = read_parts(store)
    drawn = pa.table({"record_id": trained[:5], "split": ["holdout"] * 5, "group_id": trained[:5]})
    splits.assign_splits(store, drawn, origin="drawn")
    both, rest = read_parts(store)
    assert (set(both), set(rest)) == ({*held, *trained[:5]}, set(trained[5:]))


def read_parts(store: Store) -> tuple[list[str], list[str]]:
    snapshot = snapshots.take_snapshot(store, SCHEMA)
    learning = read_learning_set(store, SCHEMA, snapshot.snapshot_id)
    return learning.holdout.ids.tolist(), learning.train.ids.tolist()


@pytest.mark.parametrize(
    ("labelled", "said"),
    [(3, r"at least 4 labels of at least 2 classes; there are 3 of 3 \(\"billing\", \"delivery\", \"praise\"\)")],
)
def test_too_few_labels_are_counted_and_leave_no_model(store, settings, labelled, said):
    bring_in(store, labelled=labelled)
    with pytest.raises(TooFewLabels, match=said) as refused:
        fit(store, settings)
    assert refused.value.exit_code == 2
    assert models.models(store) == []
    assert not (store.path.parent / "models").exists()


def test_labels_that_all_measure_are_too_few_to_fit_on(store, settings):
    bring_in(store, labelled=12, test=12)
    with pytest.raises(TooFewLabels, match="there are 0"):
        fit(store, settings)


def test_no_labels_at_all_are_refused(store, settings):
    bring_in(store, labelled=0)
    with pytest.raises(snapshots.NothingLabelled):
        fit(store, settings)


def test_without_anything_held_out_it_says_how_to_get_it(store, settings):
    bring_in(store, labelled=30)
    with pytest.raises(NothingToMeasureWith, match=r"\[rounds\] holdout.*test split") as refused:
        evaluate(store, settings, fit(store, settings))
    assert refused.value.exit_code == 2


def test_records_that_came_after_the_fit_are_spoken_of_before_a_choice(store, settings):
    bring_in(store, labelled=40)
    model = fit(store, settings)
    before = dict(zip(*predictions.predictions(store, model.model_id), strict=True))
    late = add_records(store, pa.table({"text": ["the invoice charge payment"]}), source_name="late").record_ids[0]
    score_pool(store, store.path.parent)
    after = dict(zip(*predictions.predictions(store, model.model_id), strict=True))
    assert after.keys() == before.keys() | {late}
    assert CLASSES[int(after[late].argmax())] == "billing"
    for one, said in before.items():
        np.testing.assert_allclose(after[one], said, atol=1e-5)


def test_only_records_that_came_after_the_fit_are_scored_and_a_killed_scoring_goes_on(store, settings, monkeypatch):
    bring_in(store, labelled=40)
    fit(store, replace(settings, model="probe"))
    add_records(store, pa.table({"text": [f"the invoice {n}" for n in range(9)]}), source_name="late")
    scored: list[int] = []
    predict = FittedFrozen.predict

    def killed_in_the_third(self, inputs):
        scored.append(len(inputs))
        if len(scored) == 3:
            raise KeyboardInterrupt
        return predict(self, inputs)

    monkeypatch.setattr(FittedFrozen, "predict", killed_in_the_third)
    monkeypatch.setattr("active_learning.fit.SCORED_AT_ONCE", 4)
    with pytest.raises(KeyboardInterrupt):
        score_pool(store, store.path.parent)
    score_pool(store, store.path.parent)
    assert scored == [4, 4, 1, 1]
