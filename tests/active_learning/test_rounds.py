"""A round between its steps, without people; tests/integration plays whole rounds through a real Label Studio."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from active_learning.fit import fit_model
from active_learning.rounds import STEPS, Bench
from active_learning.settings import LearningSettings
from crawlers.files import import_file
from labeling.resolve import resolve_labels
from store import assignments, rounds
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records
from tests.tiny_project import CLASSES, letters, write_csv, write_encoder

SCHEMA = LabelSchema("text-classification", CLASSES)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    settings = LearningSettings(model="probe", encoder=str(write_encoder(tmp_path / "tiny")), holdout=0, size=40)
    store = Store(tmp_path / "tilth.duckdb")
    import_file(store, write_csv(tmp_path / "a.csv", letters(50), labelled=30), SCHEMA, label_column="label")
    resolve_labels(store, SCHEMA)
    fit_model(store, SCHEMA, tmp_path, settings, say=lambda _: None)
    where = SimpleNamespace(id=1, client=SimpleNamespace(studio="http://nowhere"))
    return Bench(store, SCHEMA, tmp_path, settings, where, lambda _: None, lambda *_: False)


def test_records_that_come_between_scoring_and_choosing_are_scored_too(bench: Bench) -> None:
    current = rounds.begin_round(bench.store, first_step="score", strategy="margin", size=40, seed=0, numbers={})
    current = STEPS["score"](bench, current)
    late = add_records(bench.store, pa.table({"text": ["the invoice charge payment"]}), source_name="late").record_ids
    current = STEPS["select"](bench, current)
    assert current is not None and current.state == "push"
    asked = assignments.assignments(bench.store, round_id=current.round_id)
    assert set(late) <= set(asked["record_id"].to_pylist())
