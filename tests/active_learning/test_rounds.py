"""A round between its steps, without people; tests/integration plays whole rounds through a real Label Studio."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from active_learning.control_arm import COUNTED, chosen_before, in_control
from active_learning.fit import fit_model
from active_learning.learning_set import read_learning_set
from active_learning.model_now import model_now
from active_learning.rounds import STEPS, Bench
from active_learning.settings import LearningSettings
from crawlers.files import import_file
from labeling.resolve import resolve_labels
from store import assignments, labels, models, predictions, rounds
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


def test_a_record_that_was_chosen_before_may_be_drawn_for_the_control_arm_and_nobody_is_asked(bench: Bench) -> None:
    asked = labels.labels(bench.store)["record_id"].to_pylist()
    rows = [
        {"assignment_id": one, "record_id": one, "purpose": "selected", "why": "", "answers_wanted": 1, "position": 0}
        for one in asked
    ]
    given = pa.Table.from_pylist(rows, schema=assignments.GIVEN_COLUMNS)
    assignments.intend(bench.store, given, studio="http://nowhere", project_id=1)
    assignments.mark(bench.store, asked, "answered")
    bench = replace(bench, settings=replace(bench.settings, size=10, control_share=1.0, ask_again=False))
    current = rounds.begin_round(bench.store, first_step="score", strategy="margin", size=10, seed=0, numbers={})
    for _ in range(2):
        current = STEPS[current.state](bench, current)
        assert current is not None
    counted = set(current.numbers[COUNTED])
    sent = assignments.assignments(bench.store, round_id=current.round_id).to_pylist()
    assert 0 < len(counted) < 10 and counted <= set(asked)
    assert counted.isdisjoint(row["record_id"] for row in sent)
    assert [row["purpose"] for row in sent].count("control") == 10 - len(counted)
    assert [row["purpose"] for row in sent].count("selected") == len(counted)
    assert in_control(bench.store) == counted | {row["record_id"] for row in sent if row["purpose"] == "control"}
    assert counted.isdisjoint(chosen_before(bench.store).tolist())
    model = models.current_model(bench.store)
    assert model is not None and model.snapshot_id is not None
    learning = read_learning_set(bench.store, SCHEMA, model.snapshot_id)
    assert set(learning.control.ids.tolist()) == counted, "the others have no label yet"


def test_the_model_suggests_nothing_for_what_it_is_measured_with(bench: Bench) -> None:
    bench = replace(bench, settings=replace(bench.settings, holdout=5))
    current = rounds.begin_round(bench.store, first_step="select", strategy="margin", size=10, seed=0, numbers={})
    STEPS["select"](bench, current)
    asked = assignments.assignments(bench.store, round_id=current.round_id).to_pylist()
    assert [row["purpose"] for row in asked].count("holdout") == 5
    for row in asked:
        suggested = (row["prediction"] is not None, row["model_id"] is not None)
        assert suggested == ((False, False) if row["purpose"] == "holdout" else (True, True))


@pytest.mark.parametrize(("split", "drawn"), [("test", 1), ("validation", 5)])
def test_imported_rows_count_for_the_holdout_where_they_are_measured_with(
    bench: Bench, tmp_path: Path, split: str, drawn: int
) -> None:
    some = write_csv(tmp_path / "more.csv", letters(4, seed=9))
    import_file(bench.store, some, SCHEMA, label_column="label", split=split, source_name="more")
    bench = replace(bench, settings=replace(bench.settings, holdout=5))
    current = rounds.begin_round(bench.store, first_step="select", strategy="random", size=10, seed=0, numbers={})
    current = STEPS["select"](bench, current)
    assert current is not None and current.numbers["asked"]["holdout"] == drawn


def test_where_a_class_was_added_after_the_fit_the_model_is_fitted_again_and_the_round_goes_on(bench: Bench) -> None:
    wider = replace(bench, schema=LabelSchema("text-classification", ("spam", *CLASSES)))
    current = rounds.begin_round(bench.store, first_step="select", strategy="auto", size=10, seed=0, numbers={})
    current = STEPS["select"](wider, current)
    assert current is not None and current.state == "push"
    asked = assignments.assignments(bench.store, round_id=current.round_id)
    shown = [json.loads(one)["probabilities"] for one in asked["prediction"].to_pylist()]
    assert len(shown) == 10
    assert all(list(one) == list(wider.schema.classes) and one["spam"] < 0.2 for one in shown)


def test_where_the_models_folder_is_gone_the_model_is_fitted_again(bench: Bench) -> None:
    model = models.current_model(bench.store)
    assert model is not None
    shutil.rmtree(bench.folder / model.path)
    late = add_records(bench.store, pa.table({"text": ["the invoice charge payment"]}), source_name="late").record_ids
    found = model_now(bench.store, SCHEMA, bench.folder, bench.settings, lambda _: None)
    assert found is not None
    assert set(late) <= set(predictions.predictions(bench.store, found.model_id)[0])


def test_a_round_whose_strategy_lacks_members_goes_on_by_margin_and_says_so(bench: Bench) -> None:
    said: list[str] = []
    current = rounds.begin_round(bench.store, first_step="select", strategy="bald", size=10, seed=0, numbers={})
    STEPS["select"](replace(bench, say=said.append), current)
    assert "by margin, since bald needs a model of several members" in said[0]
