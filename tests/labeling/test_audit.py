"""Label errors: found, kept as issues, and not raised again once a person has looked."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from labeling.audit import (
    NoLabels,
    ProbabilitiesError,
    TooFewClasses,
    audit,
    find_label_errors,
    likeliest_other,
    suspicion,
)
from labeling.relook import relook_assignments
from labeling.resolve import resolve_labels
from store.annotations import GIVEN_COLUMNS, add_annotations
from store.database import Store
from store.issues import issues, set_state
from tests.labeling.answer_rows import SCHEMA, annotations, said

N = 60


def noisy(n=N, wrong=6, seed=0):
    """Labels of which the first `wrong` are wrong, and what a good model believes."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    given = truth.copy()
    given[:wrong] = (truth[:wrong] + 1) % 3
    probabilities = np.full((n, 3), 0.05)
    probabilities[np.arange(n), truth] = 0.9
    probabilities += rng.uniform(0, 0.02, probabilities.shape)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    ids = [f"r{i:03d}" for i in range(n)]
    return ids, [json.dumps({"label": SCHEMA.classes[c]}) for c in given], probabilities, given


@pytest.fixture
def labelled(tmp_path):
    """A store whose records have the labels of `noisy`, and the model's beliefs."""
    ids, values, probabilities, _ = noisy()
    rows = [said(name, "ann", json.loads(value)["label"]) for name, value in zip(ids, values, strict=True)]
    with Store(tmp_path / "tilth.duckdb") as store:
        add_annotations(store, annotations(rows).select(GIVEN_COLUMNS.names))
        resolve_labels(store, SCHEMA)
        yield store, SimpleNamespace(ids=np.array(ids), probabilities=probabilities)


def test_wrong_labels_are_found_with_what_they_might_be():
    ids, values, probabilities, _ = noisy()
    found = find_label_errors(ids, values, probabilities, SCHEMA).to_pylist()
    assert {row["record_id"] for row in found} == set(ids[:6])
    for row in found:
        place = ids.index(row["record_id"])
        assert json.loads(row["suggested"])["label"] == SCHEMA.classes[place % 3]
        assert row["given"] == values[place]
        evidence = json.loads(row["evidence"])
        assert evidence["suggested"] > evidence["given"]
        assert 0.5 < row["score"] <= 1
    assert [row["score"] for row in found] == sorted((row["score"] for row in found), reverse=True)


def test_the_findings_do_not_depend_on_the_order_of_the_records():
    ids, values, probabilities, _ = noisy()
    order = np.random.default_rng(1).permutation(N)
    other = find_label_errors([ids[i] for i in order], [values[i] for i in order], probabilities[order], SCHEMA)
    assert other.equals(find_label_errors(ids, values, probabilities, SCHEMA))


def test_labels_that_the_model_believes_are_not_flagged():
    ids, values, probabilities, _ = noisy(wrong=0)
    assert find_label_errors(ids, values, probabilities, SCHEMA).num_rows == 0


def test_suspicion_is_the_odds_of_the_likeliest_other_class():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    labels = np.array([0, 0, 2, 1])
    assert suspicion(labels, probabilities) == pytest.approx([1 / 3, 0.75, 0.0, 1.0])
    assert likeliest_other(labels, probabilities).tolist() == [1, 2, 0, 0]


def test_classes_that_nobody_gave_are_no_trouble():
    schema = type(SCHEMA)("text-classification", tuple(f"c{i}" for i in range(20)))
    given = [json.dumps({"label": f"c{i % 2}"}) for i in range(12)]
    probabilities = np.full((12, 20), 0.01)
    probabilities[np.arange(12), np.arange(12) % 2] = 0.81
    assert find_label_errors([str(i) for i in range(12)], given, probabilities, schema).num_rows == 0


def test_no_labels_are_refused():
    with pytest.raises(NoLabels, match="No record has a label yet"):
        find_label_errors([], [], np.zeros((0, 3)), SCHEMA)


def test_labels_of_one_class_are_refused():
    with pytest.raises(TooFewClasses, match='All 2 labels are "soil"'):
        find_label_errors(["a", "b"], ['{"label": "soil"}'] * 2, np.full((2, 3), 1 / 3), SCHEMA)


@pytest.mark.parametrize("bad", [np.full((2, 2), 0.5), np.full((2, 3), np.nan), np.full((2, 3), 1.5)])
def test_probabilities_that_do_not_fit_are_refused(bad):
    with pytest.raises(ProbabilitiesError):
        find_label_errors(["a", "b"], ['{"label": "soil"}', '{"label": "water"}'], bad, SCHEMA)


def test_an_audit_keeps_its_findings_as_open_issues_once(labelled):
    store, model = labelled
    first, again = audit(store, SCHEMA, model), audit(store, SCHEMA, model)
    assert (first.labelled, first.judged, first.new, again.new) == (N, N, 6, 0)
    kept = issues(store, kind="label-error", states=("open",))
    assert kept["record_id"].to_pylist() == first.flagged["record_id"].to_pylist()


@pytest.mark.parametrize("state", ["sent", "confirmed", "corrected"])
def test_what_a_person_has_looked_at_is_not_raised_again(labelled, state):
    store, model = labelled
    audit(store, SCHEMA, model)
    looked_at = issues(store)["issue_id"].to_pylist()[:2]
    set_state(store, looked_at, state)
    audit(store, SCHEMA, model)
    assert issues(store, states=(state,))["issue_id"].to_pylist() == looked_at
    assert issues(store, states=("open",)).num_rows == 4


def test_a_suspicion_that_no_longer_stands_is_given_up_and_may_come_back(labelled):
    store, model = labelled
    audit(store, SCHEMA, model)
    believing = model.probabilities.copy()
    believing[0] = [0.02, 0.96, 0.02]
    found = audit(store, SCHEMA, SimpleNamespace(ids=model.ids, probabilities=believing))
    assert found.withdrawn == 1
    assert issues(store, states=("dismissed",))["record_id"].to_pylist() == ["r000"]
    audit(store, SCHEMA, model)
    assert issues(store, states=("open",)).num_rows == 6


def test_records_without_probabilities_are_not_judged(labelled):
    store, model = labelled
    found = audit(store, SCHEMA, SimpleNamespace(ids=model.ids[3:], probabilities=model.probabilities[3:]))
    assert (found.labelled, found.judged, found.flagged.num_rows) == (N, N - 3, 3)


def supersede(store, old):
    with store.transaction() as db:
        for name, before in ((old, None), ("its new text", old)):
            db.execute(
                """
                INSERT INTO records
                VALUES ($1, 'forum', NULL, '1', $1, 'text', $1, NULL, NULL, '{}', $2, '2026-11-01T08:00:00Z')
                """,
                [name, before],
            )


def test_the_label_of_a_text_that_has_changed_is_doubted_no_longer(labelled):
    store, model = labelled
    assert "r000" in audit(store, SCHEMA, model).flagged["record_id"].to_pylist()
    supersede(store, "r000")
    assert "r000" not in relook_assignments(store)["record_id"].to_pylist()
    again = audit(store, SCHEMA, model)
    assert "r000" not in again.flagged["record_id"].to_pylist()
    assert again.withdrawn == 1
    assert issues(store, states=("dismissed",))["record_id"].to_pylist() == ["r000"]


def test_an_audit_of_an_empty_store_is_refused_and_leaves_it_empty(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as store:
        with pytest.raises(NoLabels):
            audit(store, SCHEMA, SimpleNamespace(ids=np.array([], dtype=str), probabilities=np.zeros((0, 3))))
        assert issues(store).num_rows == 0


def test_a_label_whose_answers_were_all_taken_back_goes(labelled):
    store, _ = labelled
    gone = annotations([said("r000", "ann", "water", external_id="0", revision="deleted", state="deleted")])
    add_annotations(store, gone.select(GIVEN_COLUMNS.names))
    assert resolve_labels(store, SCHEMA) >= 1
    assert "r000" not in store.read("SELECT record_id FROM labels")["record_id"].to_pylist()
    assert resolve_labels(store, SCHEMA) == 0


def test_an_audit_says_who_answered(labelled):
    store, model = labelled
    found = audit(store, SCHEMA, model)
    assert isinstance(found.annotators, pa.Table)
    assert found.annotators["annotator"].to_pylist() == ["ann"]
    assert found.agreement.alpha is None
