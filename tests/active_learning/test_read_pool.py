"""What a strategy is told of a project: the pool, and what is labelled in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from active_learning.fit import fit_model
from active_learning.pool import Pool
from active_learning.read_pool import as_pool
from active_learning.settings import LearningSettings
from crawlers.files import import_file
from labeling.resolve import resolve_labels
from store import labels, models, pool, records, splits
from store.database import Store
from store.label_schema import LabelSchema
from tests.tiny_project import CLASSES, letters, write_csv, write_encoder
from training.examples import Inputs
from training.model_folder import load

SCHEMA = LabelSchema("text-classification", CLASSES)
LETTERS = letters(60)
TRUTH = {one.text: CLASSES.index(one.label) for one in LETTERS}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LearningSettings:
    return LearningSettings(model="probe", encoder=str(write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "tilth.duckdb")
    file = write_csv(tmp_path / "letters.csv", LETTERS, labelled=40, test=10)
    import_file(store, file, SCHEMA, label_column="label", split_column="split")
    resolve_labels(store, SCHEMA)
    return store


def read(store: Store, settings: LearningSettings, schema: LabelSchema = SCHEMA) -> Pool:
    return as_pool(store, schema, settings, pool.pool(store), models.current_model(store))


def test_without_a_model_it_has_the_labels_and_no_probabilities(store, settings):
    found = read(store, settings)
    assert (len(found), found.labels, found.probabilities, found.labelled_probabilities) == (20, 30, None, None)
    assert len(found.labelled_labels) == len(found.labelled_embeddings) == 30


def test_the_arrays_of_the_labelled_records_speak_of_the_same_records(store, settings):
    fit_model(store, SCHEMA, store.path.parent, settings, say=lambda _: None)
    found = read(store, settings)
    # The tiny encoder tells the words, so records of one class lie nearer to each other; the model has learnt them.
    assert found.labelled_probabilities.shape == (30, 3)
    assert (found.labelled_probabilities.argmax(axis=1) == found.labelled_labels).mean() > 0.9
    centres = np.stack([found.labelled_embeddings[found.labelled_labels == one].mean(axis=0) for one in range(3)])
    nearest = (found.labelled_embeddings @ centres.T).argmax(axis=1)
    assert (nearest == found.labelled_labels).mean() > 0.8


def test_what_is_only_measured_with_covers_nothing(store, settings):
    in_a_split = {row["record_id"] for row in splits.splits(store).to_pylist()}
    held = [one for one in labels.labels(store)["record_id"].to_pylist() if one not in in_a_split][:3]
    splits.assign_splits(store, pa.table({"record_id": held, "split": ["holdout"] * 3}), origin="drawn")
    assert read(store, settings).labels == 27


def test_labels_of_other_classes_than_the_models_are_left_out(store, settings):
    fit_model(store, SCHEMA, store.path.parent, settings, say=lambda _: None)
    found = read(store, settings, LabelSchema("text-classification", ("advert", *CLASSES)))
    assert found.labelled_labels is None
    assert found.probabilities.shape == (20, 3)


def test_members_are_read_from_the_model_only_when_they_are_wanted(store, settings):
    fit_model(store, SCHEMA, store.path.parent, replace(settings, model="auto"), say=lambda _: None)
    model, candidates = models.current_model(store), pool.pool(store)
    assert as_pool(store, SCHEMA, settings, candidates, model).members is None
    found = as_pool(store, SCHEMA, settings, candidates, model, members_from=store.path.parent).members
    said = load(store.path.parent / model.path).predict(Inputs(*texts(store, candidates["record_id"].to_pylist())))
    assert (found is None) == (said.members is None)
    if said.members is not None:
        assert found == pytest.approx(said.members, abs=1e-6)


def test_the_vectors_are_those_that_the_model_sees(store, settings):
    fit_model(store, SCHEMA, store.path.parent, settings, say=lambda _: None)
    model = models.current_model(store)
    seen = read(store, settings)
    other = "middle" if model.recipe["view"] != "middle" else "first-word"
    told = replace(model, recipe={**model.recipe, "view": other})
    assert not np.allclose(as_pool(store, SCHEMA, settings, pool.pool(store), told).embeddings, seen.embeddings)
    assert np.concatenate([seen.embeddings, seen.labelled_embeddings]).mean(axis=0) == pytest.approx(0, abs=0.1)


def texts(store: Store, ids: list[str]) -> tuple[np.ndarray, list[str]]:
    return np.array(ids), records.records(store, ids)["text"].to_pylist()
