"""What a live project proves of itself, read from its store after some rounds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from active_learning.fit import _fit_again, fit_model
from active_learning.learning_set import read_learning_set
from active_learning.proof import Proof, agreement_with_current, learning_curve, prices, prove
from active_learning.settings import LearningSettings
from store import models, predictions, rounds
from store.database import Store
from store.label_schema import LabelSchema
from tests.command_line import done
from tests.played_rounds import play
from tests.tiny_project import CLASSES, letters, write_encoder, write_project

SCHEMA = LabelSchema("text-classification", CLASSES, question="What is it about?")
SIZES = [20, 14, 14, 14]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project after four rounds: 60 held out, 6 of each round at random; only the last one is proved."""
    place = tmp_path_factory.mktemp("proved")
    folder = write_project(
        place / "project", write_encoder(place / "encoder"), rounds="price_per_answer = 0.05\nsize = 20"
    )
    answers = {one.text: one.label for one in letters(200)}
    with Store(folder / "tilth.duckdb") as store:
        play(store, SCHEMA, settings(place), answers, sizes=SIZES, holdout=60, control=6)
    done("evaluate", project=folder)
    return folder


def settings(place):
    return LearningSettings(size=20, model="probe", encoder=str(place / "encoder"), price_per_answer=0.05)


@pytest.fixture
def store(project):
    with Store(project / "tilth.duckdb") as opened:
        yield opened


def current(store):
    found = models.current_model(store)
    assert found is not None
    return found


def test_the_curve_is_of_every_round_on_the_same_holdout(store):
    model = current(store)
    holdout = read_learning_set(store, SCHEMA, model.snapshot_id).holdout
    n_labels, correct, kappas = learning_curve(store, holdout, model)
    assert n_labels.tolist() == [26, 46, 66, 86]
    assert correct.shape == (4, 60)
    assert correct[-1].mean() == pytest.approx(model.metrics["holdout"]["accuracy"]["value"])
    assert kappas == tuple(one.recipe["agreement"]["kappa"] for one in models.models(store)[1:])


def test_a_model_keeps_how_far_it_agrees_with_the_one_before_on_what_neither_learnt(store):
    first, second, *_ = models.models(store)
    assert first.recipe["agreement"] is None
    kept = second.recipe["agreement"]
    assert kept["records"] == 200 - 46
    assert 0 < kept["kappa"] <= kept["share"] <= 1


def test_labels_saved_and_advice_are_kept_with_the_figures(store):
    kept = current(store).metrics
    proof = Proof.from_json(kept)
    assert json.loads(json.dumps(proof.to_json())).items() <= kept.items()
    assert proof.rounds == 4
    assert (proof.saved.labels, proof.saved.random_labels, proof.saved.records) == (86, 24 + 40, 60)
    assert proof.saved.unknown is None and proof.saved.gain is not None
    assert proof.advice.more == 20 and proof.advice.cost == pytest.approx(1.0)
    assert proof.advice.gain is not None


def test_a_model_of_before_there_was_proof_has_none():
    assert Proof.from_json(None) is None
    assert Proof.from_json({"holdout": {}}) is None


def test_a_model_too_dear_to_fit_again_is_told_of_by_what_rounds_measured_of_the_control_arm(store, project):
    model = current(store)
    learning = read_learning_set(store, SCHEMA, model.snapshot_id)
    proof = prove(store, learning, settings(project.parent), model, None)
    assert "There are 0 random labels" in proof.saved.sentence(), "these rounds measured none"
    for one, size, accuracy in zip(rounds.rounds(store), (10, 20, 40, 60), (0.5, 0.6, 0.7, 0.75), strict=True):
        numbers = {"control": {"accuracy": {"value": accuracy}}, "control_labels": size}
        rounds.move_round(store, one.round_id, rounds.DONE, numbers)
    proof = prove(store, learning, settings(project.parent), model, None)
    assert proof.saved.random_labels == 60 and proof.saved.unknown is None
    last = rounds.rounds(store)[-1]
    asked = {"asked": {"second-opinion": 5, "relook": 2, "selected": 9}}
    rounds.move_round(store, last.round_id, rounds.DONE, asked)
    assert prove(store, learning, settings(project.parent), model, None).saved.again == 0, "nobody answered yet"
    rounds.move_round(store, last.round_id, rounds.DONE, {"answered": 16})
    assert prove(store, learning, settings(project.parent), model, None).saved.again == 7


def test_of_rungs_that_speak_together_the_one_on_vectors_is_compared(store, project):
    model = current(store)
    both = replace(model, rung="ensemble", recipe={**model.recipe, "members": ["probe", "fine-tune"]})
    learning = read_learning_set(store, SCHEMA, model.snapshot_id)
    wanted = settings(project.parent)
    fit = _fit_again(store, SCHEMA, wanted, both, learning, lambda _: None)
    assert fit is not None
    fitted_on = []

    def seen(examples):
        fitted_on.append(len(examples))
        return fit(examples)

    proof = prove(store, learning, wanted, both, seen)
    assert proof.saved.unknown is None
    assert (proof.saved.labels, proof.saved.random_labels) == (86, 24 + 40)
    assert fitted_on[0] == 86


def test_status_and_evaluate_say_it(project):
    said = json.loads(done("status", "--json", project=project))["proof"]
    assert said[0].startswith("Labels saved so far: ")
    assert any(line.startswith("20 more labels: ") and "at a price of 1.00" in line for line in said)
    assert said[0] in done("status", project=project)


def test_a_model_agrees_with_itself_about_nothing_new(store, project):
    model = current(store)
    ids, said = predictions.predictions(store, model.model_id)
    from training.examples import Predictions

    learnt = read_learning_set(store, SCHEMA, model.snapshot_id).train
    whole = Predictions(np.array(ids), said)
    assert agreement_with_current(store, whole, learnt, model.model_id) is None
    other = agreement_with_current(store, whole, learnt, "another")
    assert (other.kappa, other.records) == (1.0, 200 - 86)


def test_where_every_label_was_drawn_at_random_there_is_nothing_to_tell(tmp_path):
    from active_learning.fit import evaluate_model
    from crawlers.files import import_file
    from labeling.resolve import resolve_labels
    from tests.tiny_project import write_csv

    folder = write_project(tmp_path / "imported", write_encoder(tmp_path / "encoder"))
    with Store(folder / "tilth.duckdb") as store:
        file = write_csv(tmp_path / "letters.csv", letters(80), labelled=70, test=30)
        import_file(store, file, SCHEMA, label_column="label", split_column="split")
        resolve_labels(store, SCHEMA)
        model = fit_model(store, SCHEMA, folder, settings(tmp_path), say=lambda _: None)
        proof = evaluate_model(store, SCHEMA, settings(tmp_path), model, say=lambda _: None).proof
    assert proof.saved.sentence() == "Labels saved so far: not known. No label was chosen by a strategy yet."
    assert "1 of the 3 rounds" in proof.advice.sentences()[0]


def test_each_answer_of_a_label_has_its_price():
    asked = LearningSettings(annotators_per_record=2, repeat_share=0.5, price_per_answer=0.1, value_per_point=3)
    assert (prices(asked).answers_per_label, prices(asked).per_answer, prices(asked).per_point) == (2.5, 0.1, 3)
