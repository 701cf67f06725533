"""What the page says of the current model, as far as its recipe tells."""

from datetime import UTC, datetime

import numpy as np

from store.models import Model
from tilth.report.judged import Judged
from tilth.report.model_facts import model_facts


def model(recipe: dict, **more) -> Model:
    given = {
        "model_id": "m",
        "rung": "auto",
        "encoder": "tiny@1",
        "recipe": recipe,
        "seed": 0,
        "snapshot_id": None,
        "round_id": None,
        "metrics": None,
        "calibration": {"temperature": 1.5},
        "path": "models/m",
        "alias": "current",
        "schema_hash": "s",
        "fitted_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Model(**(given | more))


def test_the_rungs_that_were_compared_stand_by_accuracy_with_the_one_that_was_taken():
    compared = {
        "probe": {"accuracy": 0.8, "log_loss": 0.6, "cost": 1.0},
        "lora": {"accuracy": 0.85, "log_loss": 0.5, "cost": 40.0},
        "fine-tune": {"accuracy": float("nan"), "log_loss": None},
    }
    recipe = {"asked_for": "auto", "model": "lora", "why": "It leads.", "cross_validated": compared}
    found = model_facts(model(recipe, rung="lora"), Judged())
    assert [(row["rung"], row["accuracy"], row["cost"], row["taken"]) for row in found.compared] == [
        ("lora", 0.85, 40.0, True),
        ("probe", 0.8, 1.0, False),
        ("fine-tune", None, None, False),
    ]
    assert (found.rung, found.asked, found.why) == ("lora", "auto", "It leads.")


def test_rungs_that_speak_together_are_named_by_both_and_marked_as_taken():
    compared = {name: {"accuracy": 0.8, "log_loss": 0.6} for name in ("probe", "propagation", "fine-tune")}
    compared["with fine-tune"] = {"accuracy": 0.9, "log_loss": 0.4}
    recipe = {"asked_for": "auto", "members": ["propagation", "fine-tune"], "cross_validated": compared}
    found = model_facts(model(recipe, rung="ensemble"), Judged())
    assert found.rung == "propagation with fine-tune"
    assert [row["rung"] for row in found.compared if row["taken"]] == ["propagation with fine-tune"]


def test_a_committee_that_was_tried_beside_the_taken_rung_is_named_by_both():
    compared = {name: {"accuracy": 0.8, "log_loss": 0.6} for name in ("probe", "fine-tune", "with fine-tune")}
    found = model_facts(model({"asked_for": "auto", "cross_validated": compared}, rung="probe"), Judged())
    assert {row["rung"]: row["taken"] for row in found.compared} == {
        "probe": True,
        "fine-tune": False,
        "probe with fine-tune": False,
    }


def test_losses_are_rows_by_epoch_and_the_diagnosis_is_found():
    losses = {"training": [1.0, 0.5], "validation": [1.1, float("nan")], "diagnosis": "It overfits."}
    found = model_facts(model({"losses": losses}), Judged())
    assert [(row["part"], row["epoch"], row["loss"]) for row in found.losses] == [
        ("training", 1, 1.0),
        ("training", 2, 0.5),
        ("validation", 1, 1.1),
    ]
    assert found.diagnosis == "It overfits."


def test_a_validation_loss_before_the_first_epoch_stands_at_zero():
    found = model_facts(model({"losses": {"training": [1.0], "validation": [1.4, 1.1]}}), Judged())
    assert [(row["part"], row["epoch"]) for row in found.losses] == [
        ("training", 1),
        ("validation", 0),
        ("validation", 1),
    ]


def test_calibration_comes_from_the_recipe_else_from_what_the_model_keeps():
    calibrated = {"temperature": 2.0, "ece_before": 0.1, "ece_after": 0.02}
    assert model_facts(model({}), Judged()).temperature == 1.5
    found = model_facts(model({"calibration": calibrated}), Judged())
    assert (found.temperature, found.ece_before, found.ece_after) == (2.0, 0.1, 0.02)


def test_the_reliability_diagram_counts_every_label_that_was_judged_out_of_fold():
    said = {str(i): np.array([0.9, 0.1]) for i in range(10)} | {"unlabelled": np.array([0.9, 0.1])}
    judged = Judged({str(i): int(i < 3) for i in range(10)}, out_of_fold=said)
    (only,) = model_facts(model({}), judged).reliability
    assert (only["measured"], only["records"]) == ("out of fold", 10)
    assert (round(only["confidence"], 6), round(only["accuracy"], 6)) == (0.9, 0.7)


def test_an_old_model_that_kept_nothing_is_shown_all_the_same():
    found = model_facts(model({"labels": 3}, rung="probe", calibration=None), Judged())
    assert (found.rung, found.labels, found.compared, found.losses, found.temperature) == ("probe", 3, [], [], None)
