"""The report is one page that needs nothing from outside, and a crawled text cannot break out of it."""

import re

import pytest

from store.label_schema import LabelSchema
from tilth.report import render
from tilth.report.facts import ReportFacts, Suspicion

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
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
    for name in re.findall(r'vegaEmbed\("#([\w-]+)"', page):
        assert f'id="{name}"' in page


def test_what_a_crawl_was_refused_stands_there_with_the_hosts_that_were_slow(page):
    assert "<td>unsafe</td>" in page
    assert '<td class="n">9.00</td>' in page


def test_what_auto_has_learnt_stands_there(page):
    assert "<td>/t/#</td>" in page
    assert '<td class="n">420</td>' in page
