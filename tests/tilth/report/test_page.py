"""The report is one page that needs nothing from outside, and a crawled text cannot break out of it."""

import re
from dataclasses import replace

import pytest
from markupsafe import escape

from active_learning.labels_saved import LabelsSaved
from active_learning.proof import Proof
from active_learning.stopping import StopAdvice
from store.label_schema import LabelSchema
from tests.tilth.report.empty_facts import NOTHING
from tilth.report import render
from tilth.report.class_curves import ClassCurve
from tilth.report.facts import ReportFacts, Suspicion
from tilth.report.hardest import Hard
from tilth.report.model_facts import ModelFacts
from tilth.report.simulated import SimulationPicture

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
PROOF = Proof(
    LabelsSaved(50, 40, 40, accuracy=0.8, needed=(120, 80, 150), saved=(70, 30, 100), gain=(-1.0, -3.0, 1.0)),
    StopAdvice(more=100, gain=(0.6, 0.1, 1.1)),
    rounds=4,
)
SCHEMA = LabelSchema("text-classification", ("a", "b"))


def scalar(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


@pytest.fixture(scope="module")
def page():
    holdout = {
        "accuracy": scalar(0.8),
        "macro_f1": scalar(0.7),
        "roc_auc": {"value": None, "low": None, "high": None},
        "records": 40,
        "per_class": {"a": {"precision": 1.0, "recall": 0.5, "f1": 0.66, "support": 20}},
        "confusion": [[10, 10], [0, 20]],
        "calibration": [{"low": 0.5, "high": 0.6, "confidence": 0.55, "accuracy": 0.5, "records": 4}],
    }
    facts = ReportFacts(
        counts={"records": 1234},
        crawl=[
            {"source": HOSTILE, "rendered": "http", "pages": 1, "failed": 0, "disallowed": 2, "megabytes": 0.1},
        ],
        fetches=[{"minute": "2026-01-01T00:00:00+00:00", "source": "http", "pages": 1}],
        slow_hosts=[{"host": HOSTILE, "pages": 1, "median_seconds": 1.5, "slowest_seconds": 9.0}],
        troubled_pages=[{"source_name": "forum", "kind": "unsafe", "pages": 3, "url": "http://x", "error": HOSTILE}],
        label_rows=[{"label": HOSTILE, "split": "train", "records": 3}],
        curve=[{"arm": "chosen by the model", "round": 1, "labels": 50, "accuracy": 0.8, "low": 0.7, "high": 0.9}],
        rounds=[],
        metrics={"labels": 50, "holdout": holdout},
        suspicions=[Suspicion(HOSTILE, "a", "b", 0.9, "corrected")],
        issue_states={"corrected": 1, "open": 2},
        model=ModelFacts(
            rung="lora",
            asked="auto",
            encoder="tiny@1",
            labels=50,
            why=f"lora leads by 2 points {HOSTILE}",
            compared=[
                {"rung": "lora", "accuracy": 0.81, "log_loss": 0.5, "cost": 4.1e7, "taken": True},
                {"rung": HOSTILE, "accuracy": None, "log_loss": None, "cost": 0.1, "taken": False},
            ],
            losses=[{"epoch": 1, "part": "training", "loss": 1.2}, {"epoch": 1, "part": "validation", "loss": 1.3}],
            diagnosis="It overfits from epoch 3 on.",
            temperature=1.4,
            ece_before=0.12,
            ece_after=0.03,
            reliability=[{"measured": "out of fold", "confidence": 0.6, "accuracy": 0.5, "records": 9}],
        ),
        classes=[ClassCurve(HOSTILE, (0.2, None, 0.66), 1.0, 0.5, 0.66, 20, f"{HOSTILE} (10)")],
        hardest=[Hard(HOSTILE, "a", 0.01, "b", 0.97, "out of fold", f"torn between a and {HOSTILE}")],
        simulations=[
            SimulationPicture(
                60,
                2,
                [{"arm": HOSTILE, "labels": 10, "accuracy": 0.5, "low": 0.4, "high": 0.6, "seeds": 2}],
                [HOSTILE],
                ["probe"],
            )
        ],
        proof=PROOF,
        rendering=[
            {"source": "forum", "pages": "/t/#", "compared": 3, "http": 10, "browser": 420, "decision": "browser"}
        ],
    )
    return render(facts, SCHEMA, name="forum", description=HOSTILE)


def test_nothing_is_loaded_from_outside(page):
    outside_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", outside_scripts)
    assert "<link" not in outside_scripts


def test_a_hostile_text_stays_a_text(page):
    outside_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "<img src=x" not in outside_scripts
    assert page.count("<script>") == 2
    assert 'alert("x")</script>' not in page


def test_what_became_of_suspicions_is_said(page):
    assert "3 labels were suspected. 1 were looked at again: 1 corrected, 0 confirmed" in page


def test_a_figure_that_is_not_defined_is_left_out(page):
    assert "ROC AUC" not in page
    assert "macro F1" in page


def test_every_picture_has_its_place(page):
    names = re.findall(r'^  "(chart-[\w-]+)": ', page, flags=re.MULTILINE)
    assert "chart-simulation-1" in names
    for name in names:
        assert f'id="{name}"' in page


def test_why_a_rung_was_taken_stands_there_with_what_it_was_compared_with(page):
    assert (
        "<p><b>lora</b>, the rung that <code>auto</code> took, fitted on 50 labels. Why: lora leads by 2 points" in page
    )
    assert re.search(
        r'<td>lora</td><td class="n">0.810</td><td class="n">0.500</td><td class="n">0.04</td><td>taken', page
    )


def test_a_model_that_was_fitted_after_the_last_round_is_told_beside_the_curve(page):
    assert "fitted again since the last round" not in page
    curve = [{"arm": "chosen by the model", "round": 1, "labels": 50, "accuracy": 0.7, "low": 0.6, "high": 0.8}]
    holdout = {"accuracy": scalar(0.86), "records": 40, "per_class": {}, "confusion": [[20, 0], [0, 20]]}
    said = render(replace(NOTHING, curve=curve, metrics={"holdout": holdout}), SCHEMA, name="forum", description="")
    assert "fitted again since the last round: it is right on 86.0% of the holdout" in said


def test_what_the_losses_say_stands_there(page):
    assert "It overfits from epoch 3 on." in page


def test_calibration_is_told_before_and_after(page):
    assert "0.120 before its probabilities were tempered (temperature 1.40) and is 0.030 since" in page


def test_labels_saved_stop_advice_and_the_warning_stand_there(page):
    assert "<b>70</b><span>labels saved by choosing (30 to 100)</span>" in page
    assert '<p class="warning">Random choice would perhaps have served as well' in page
    assert all(str(escape(line)) in page for line in PROOF.sentences())


def test_labels_saved_are_no_headline_where_they_may_be_none():
    unsure = replace(PROOF, saved=replace(PROOF.saved, saved=(70, -10, 100)))
    page = render(replace(NOTHING, proof=unsure), SCHEMA, name="n", description="")
    assert "labels saved by choosing" not in page


def test_what_was_simulated_stands_there(page):
    assert "60 labelled records, the rung probe, 2 seeds." in page


def test_what_a_crawl_was_refused_stands_there_with_the_hosts_that_were_slow(page):
    assert "<td>unsafe</td>" in page
    assert '<td class="n">9.00</td>' in page


def test_what_auto_has_learnt_stands_there(page):
    assert "<td>/t/#</td>" in page
    assert '<td class="n">420</td>' in page
