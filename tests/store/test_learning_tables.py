"""Schemas, models, predictions, embeddings and rounds are kept and read back."""

import numpy as np
import pyarrow as pa
import pytest

from store import models, rounds
from store.annotations import add_annotations
from store.database import Store, utc_now
from store.embeddings import StoredVectors
from store.errors import SchemaError
from store.label_schema import LabelSchema
from store.predictions import predictions, write_predictions
from store.schemas import schema_by_hash, use_schema

AB = LabelSchema("text-classification", ("a", "b"))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def answer(store, label):
    add_annotations(
        store,
        pa.table(
            {
                "origin": ["import:x"],
                "external_id": ["1"],
                "revision": [label],
                "record_id": ["r1"],
                "assignment_id": pa.nulls(1, pa.string()),
                "annotator": ["somebody"],
                "value": [f'{{"label": "{label}"}}'],
                "annotated_at": pa.array([utc_now()], pa.timestamp("us", tz="UTC")),
                "lead_time": pa.nulls(1, pa.float64()),
                "model_id": pa.nulls(1, pa.string()),
                "schema_hash": [AB.hash],
                "state": ["given"],
            }
        ),
    )


def test_a_class_in_use_cannot_be_removed_and_the_count_is_said(store):
    use_schema(store, AB)
    answer(store, "b")
    with pytest.raises(SchemaError, match=r'"b" \(1 answers\)'):
        use_schema(store, LabelSchema("text-classification", ("a", "c")))
    assert schema_by_hash(store, LabelSchema("text-classification", ("a", "c")).hash) is None


def test_a_class_in_use_can_be_renamed_and_a_class_added(store):
    use_schema(store, AB)
    answer(store, "b")
    renamed = LabelSchema("text-classification", ("a", "c", "d"), renamed={"b": "c"})
    use_schema(store, renamed)
    assert schema_by_hash(store, renamed.hash) == renamed


def a_model(name):
    return models.Model(
        model_id=name,
        rung="probe",
        encoder="e@1",
        recipe={"labels": 3},
        seed=0,
        snapshot_id=None,
        round_id=None,
        metrics=None,
        calibration={"temperature": 1.5},
        path=f"models/{name}",
        alias=None,
        schema_hash=AB.hash,
        fitted_at=utc_now(),
    )


def test_the_model_added_last_is_the_current_one(store):
    models.add_model(store, a_model("m1"))
    models.add_model(store, a_model("m2"))
    assert [one.alias for one in models.models(store)] == [None, "current"]
    models.set_metrics(store, "m2", {"labels": 3})
    current = models.current_model(store)
    assert current is not None
    assert (current.model_id, current.metrics, current.calibration) == ("m2", {"labels": 3}, {"temperature": 1.5})


def test_predictions_come_back_with_their_ids_as_distributions(store):
    said = np.array([[0.1, 0.9], [0.75, 0.25]])
    write_predictions(store, "m1", ["r2", "r1"], said)
    ids, found = predictions(store, "m1")
    assert ids == ["r1", "r2"]
    assert found == pytest.approx(said[::-1])
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_predictions_of_an_older_model_stay_only_where_something_was_asked(store):
    write_predictions(store, "m1", ["r1"], np.array([[0.5, 0.5]]))
    write_predictions(store, "m2", ["r1"], np.array([[0.5, 0.5]]))
    assert predictions(store, "m1")[0] == []


def test_vectors_are_kept_by_content_and_encoder(store):
    cache = StoredVectors(store)
    cache.put("e@1", ["h1", "h2"], np.eye(2, dtype=np.float32))
    found, vectors = cache.get("e@1", ["h2", "h3"])
    assert found == ["h2"]
    assert vectors == pytest.approx(np.array([[0.0, 1.0]]))
    assert cache.get("e@2", ["h1"])[0] == []


def test_a_round_moves_and_remembers_its_numbers(store):
    first = rounds.begin_round(store, first_step="score", strategy="auto", size=5, seed=0)
    rounds.move_round(store, first.round_id, "select", {"a": 1})
    rounds.move_round(store, first.round_id, rounds.DONE, {"b": 2})
    assert rounds.open_round(store) is None
    assert rounds.round_by_id(store, first.round_id).numbers == {"a": 1, "b": 2}
    assert rounds.begin_round(store, first_step="score", strategy="auto", size=5, seed=0).number == 2
