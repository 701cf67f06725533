"""How far people agree, and how good each of them is."""

from types import SimpleNamespace

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.agreement import agreement, annotators
from labeling.resolve import resolve
from tests.labeling.answer_rows import SCHEMA, annotations, said

PEOPLE = ("ann", "ben", "cem")
tables = st.dictionaries(
    st.tuples(st.integers(0, 7), st.sampled_from(PEOPLE)), st.sampled_from(SCHEMA.classes), min_size=1, max_size=24
)


def rows_of(table):
    return [said(f"r{record}", who, label) for (record, who), label in table.items()]


@settings(deadline=None)
@given(tables)
def test_alpha_is_that_of_the_package(table):
    reliability = np.full((3, 8), np.nan)
    for (record, who), label in table.items():
        reliability[PEOPLE.index(who), record] = SCHEMA.classes.index(label)
    found = agreement(annotations(rows_of(table)), SCHEMA)
    shared = (~np.isnan(reliability)).sum(axis=0) > 1
    values = np.unique(reliability[:, shared][~np.isnan(reliability[:, shared])])
    if len(values) < 2:
        assert found.alpha is None
        return
    expected = krippendorff.alpha(reliability_data=reliability, level_of_measurement="nominal")
    assert found.alpha == pytest.approx(expected)
    assert found.records == shared.sum()


def test_krippendorffs_own_example_gives_his_figure():
    # Krippendorff 2011, section C: four observers, nominal, alpha = .743.
    known = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
            [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
        ]
    )
    schema = type(SCHEMA)("text-classification", ("1", "2", "3", "4", "5"))
    rows = [
        said(f"r{unit}", f"o{observer}", str(int(value)))
        for observer, values in enumerate(known)
        for unit, value in enumerate(values)
        if not np.isnan(value)
    ]
    assert agreement(annotations(rows), schema).alpha == pytest.approx(0.743, abs=5e-4)


def test_full_agreement_is_1_and_chance_is_near_0_with_intervals_around():
    rng = np.random.default_rng(1)
    truth = rng.choice(SCHEMA.classes, 200)
    same = agreement(annotations(said(f"r{i}", who, truth[i]) for i in range(200) for who in PEOPLE[:2]), SCHEMA)
    assert (same.alpha, same.percent, same.interval) == (1.0, 1.0, (1.0, 1.0))
    guesses = agreement(
        annotations(said(f"r{i}", who, rng.choice(SCHEMA.classes)) for i in range(200) for who in PEOPLE[:2]), SCHEMA
    )
    assert guesses.alpha == pytest.approx(0, abs=0.15)
    low, high = guesses.interval
    assert low < guesses.alpha < high
    assert high - low < 0.4


def test_the_interval_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(1)
    table = annotations(said(f"r{i}", who, rng.choice(SCHEMA.classes)) for i in range(50) for who in PEOPLE)
    assert agreement(table, SCHEMA, seed=5) == agreement(table, SCHEMA, seed=5)


def test_one_answer_a_record_leaves_agreement_undefined():
    found = agreement(annotations(said(f"r{i}", "ann", "soil") for i in range(5)), SCHEMA)
    assert (found.records, found.alpha, found.interval, found.percent, found.pairs) == (0, None, None, None, ())


def test_second_looks_do_not_count():
    first = [said("r", "ann", "soil"), said("r", "ben", "water"), said("s", "ann", "soil"), said("s", "ben", "soil")]
    second = [said("r", "ben", "soil", assignment_id="again"), said("r", "cem", "soil", assignment_id="again")]
    assert agreement(annotations(first + second), SCHEMA, relooks={"again"}) == agreement(annotations(first), SCHEMA)


def test_pairs_say_how_often_two_people_agree():
    rows = [said("r", "ann", "soil"), said("r", "ben", "soil"), said("r", "cem", "water")]
    rows += [said("s", "ann", "soil"), said("s", "ben", "water")]
    pairs = {
        (pair.first, pair.second): (pair.records, pair.agreement) for pair in agreement(annotations(rows), SCHEMA).pairs
    }
    assert pairs == {("ann", "ben"): (2, 0.5), ("ann", "cem"): (1, 0.0), ("ben", "cem"): (1, 0.0)}


def simulated(n, seed=0):
    """Answers of a careful, a fair and a careless annotator, and what a model believes."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    rows = []
    for who, care in zip(PEOPLE, (0.97, 0.85, 0.6), strict=True):
        wrong = rng.random(n) > care
        answers = np.where(wrong, (truth + rng.integers(1, 3, n)) % 3, truth)
        rows += [
            said(f"r{i}", who, SCHEMA.classes[a], lead_time=1.0 + PEOPLE.index(who)) for i, a in enumerate(answers)
        ]
    probabilities = np.full((n, 3), 0.1)
    probabilities[np.arange(n), truth] = 0.8
    return annotations(rows), SimpleNamespace(ids=np.array([f"r{i}" for i in range(n)]), probabilities=probabilities)


@pytest.mark.parametrize("with_model", [False, True])
def test_annotators_stand_in_order_of_their_care(with_model):
    table, model = simulated(200)
    found = annotators(table, SCHEMA, resolve(table, SCHEMA), out_of_fold=model if with_model else None)
    assert found["annotator"].to_pylist() == ["ann", "ben", "cem"]
    assert found["method"].to_pylist() == ["crowdlab" if with_model else "vote"] * 3
    assert found["answers"].to_pylist() == found["shared"].to_pylist() == [200] * 3
    assert found["median_lead_time"].to_pylist() == [1.0, 2.0, 3.0]
    assert found["agreement"].to_pylist() == sorted(found["agreement"].to_pylist(), reverse=True)


def test_somebody_alone_is_judged_by_nothing():
    table = annotations([said("r", "ann", "soil", lead_time=None)])
    (row,) = annotators(table, SCHEMA, resolve(table, SCHEMA)).to_pylist()
    assert (row["shared"], row["agreement"], row["method"], row["median_lead_time"]) == (0, None, "prior", None)


def test_no_answers_give_no_annotators():
    assert annotators(annotations([]), SCHEMA, resolve(annotations([]), SCHEMA)).num_rows == 0
