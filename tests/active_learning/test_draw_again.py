"""A round's answers go to labelled records where they tell more: what is asked, of whom, and how often."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from active_learning.belief_now import known_now, trusted
from active_learning.budget.belief import GivenAnswers, believe
from active_learning.draw import draw_round
from active_learning.draw_again import SECOND_OPINION, Again, Labelled, labelled_now
from active_learning.opened_again import close_again, open_again, opened, opened_states
from active_learning.pool import Pool
from active_learning.settings import LearningSettings
from active_learning.strategies import strategy
from labeling.answers import RELOOK
from labeling.audit import audit
from labeling.resolve import resolve_labels
from store import assignments, models, predictions, rounds, splits
from store.annotations import GIVEN_COLUMNS, add_annotations
from store.database import Store, utc_now
from store.records import add_records
from tests.labeling.answer_rows import SCHEMA, annotations, said
from training.examples import Examples, Predictions

N = 30
STUDIO = {"studio": "studio", "project_id": 1}
WANTED = LearningSettings(size=10, control_share=0.2, holdout=5)


def a_pool(doubt=0.5, n=60):
    """`n` records of which a model is sure but for `doubt`."""
    said = np.full((n, 3), doubt / 2)
    said[np.arange(n), np.arange(n) % 3] = 1 - doubt
    return Pool(np.array([f"new{i:03d}" for i in range(n)]), said, np.random.default_rng(0).normal(size=(n, 4)))


def doubted(n, gain=0.5, kind="second-look"):
    """`n` labelled records that are worth `gain`."""
    names = [f"old{place}" for place in range(n)]
    belief = believe(GivenAnswers(names, ["p"] * n, [0] * n), 3)
    return Labelled(belief, {name: Again(name, kind, gain, f"Doubt {name}.", f"look {name}", 1) for name in names})


def draw(pool, labelled, settings=WANTED, **more):
    return draw_round(pool, settings, 2, strategy("margin"), holdout_wanted=5, labelled=labelled, **more)


def counted(drawn):
    return {purpose: sum(one.purpose == purpose for one in drawn) for purpose in {one.purpose for one in drawn}}


def test_new_records_give_way_to_labels_that_an_answer_tells_more_of():
    drawn = draw(a_pool(doubt=0.01), doubted(3))
    assert counted(drawn) == {"selected": 5, "control": 2, "holdout": 5, RELOOK: 3}


def test_new_records_stay_where_they_tell_more():
    drawn = draw(a_pool(doubt=0.5), doubted(3, gain=1e-6))
    assert drawn == draw(a_pool(doubt=0.5), None)


def test_the_holdout_and_the_control_arm_are_drawn_as_without():
    with_looks, without = draw(a_pool(0.01), doubted(40)), draw(a_pool(0.01), None)
    for arm in ("holdout", "control"):
        assert [one for one in with_looks if one.purpose == arm] == [one for one in without if one.purpose == arm]
    assert counted(with_looks) == {"control": 2, "holdout": 5, RELOOK: 8}


def test_a_budget_is_spent_exactly():
    for answers in (1, 7, 10, 33):
        drawn = draw(a_pool(0.2), doubted(20, gain=0.3), answers=answers)
        assert sum(one.answers_wanted for one in drawn if one.purpose != "holdout") == answers


def test_a_record_that_two_answer_costs_two():
    drawn = draw(a_pool(0.01), doubted(3), replace(WANTED, annotators_per_record=2), answers=11)
    assert sum(one.answers_wanted for one in drawn if one.purpose != "holdout") == 11
    assert counted(drawn)[RELOOK] == 3


def test_nothing_is_asked_again_without_a_model():
    blind = Pool(a_pool().ids, None, a_pool().embeddings)
    drawn = draw_round(blind, WANTED, 1, strategy("random"), holdout_wanted=0, labelled=doubted(5))
    assert RELOOK not in counted(drawn)


def test_nothing_is_asked_again_while_there_are_few_labels_a_class():
    few, enough = (replace(a_pool(0.01), labelled_labels=np.arange(n) % 3) for n in (14, 15))
    assert RELOOK not in counted(draw(few, doubted(3)))
    assert counted(draw(enough, doubted(3)))[RELOOK] == 3


def test_the_same_is_drawn_again():
    assert draw(a_pool(0.1), doubted(9)) == draw(a_pool(0.1), doubted(9))


# Read from a store


@pytest.fixture
def store(tmp_path):
    """30 records that ann answered, each under an assignment that was answered; four labels are wrong, ben answered the
    first five too; a model that knows the right classes."""
    with Store(tmp_path / "tilth.duckdb") as store:
        ids = add_records(store, pa.table({"text": [f"text {i}" for i in range(N)]}), source_name="texts").record_ids
        asked = [
            {"assignment_id": f"a-{one}", "record_id": one, "purpose": "selected", "why": "", "answers_wanted": 1,
             "position": place}
            for place, one in enumerate(ids)
        ]  # fmt: skip
        assignments.intend(store, pa.Table.from_pylist(asked, schema=assignments.GIVEN_COLUMNS), **STUDIO)
        assignments.confirm_sent(
            store, pa.table({"assignment_id": [f"a-{one}" for one in ids], "external_task_id": list(range(N))})
        )
        given = [(i + (i < 4)) % 3 for i in range(N)]
        answer(store, ids, "ann", given)
        answer(store, ids[:5], "ben", [i % 3 for i in range(5)])
        right = np.full((N, 3), 0.02)
        right[np.arange(N), np.arange(N) % 3] = 0.96
        keep_model(store, ids, right)
        yield store


def ids_of(store):
    return [row["record_id"] for row in assignments.assignments(store).to_pylist() if row["purpose"] == "selected"]


def answer(store, ids, who, classes, revision="1"):
    rows = [
        said(one, who, SCHEMA.classes[c], assignment_id=f"a-{one}", external_id=f"{who}/{one}", revision=revision)
        for one, c in zip(ids, classes, strict=True)
    ]
    add_annotations(store, annotations(rows).select(GIVEN_COLUMNS.names))
    assignments.count_answers(store, [f"a-{one}" for one in ids])
    resolve_labels(store, SCHEMA)


def keep_model(store, ids, probabilities):
    models.add_model(
        store,
        models.Model(
            model_id="m", rung="probe", encoder="e", recipe={}, seed=0, snapshot_id=None, round_id=None, metrics=None,
            calibration={}, path="models/m", alias="current", schema_hash=SCHEMA.hash, fitted_at=utc_now(),
        ),
    )  # fmt: skip
    predictions.write_predictions(store, "m", ids, np.full_like(probabilities, 1 / 3))
    predictions.write_out_of_fold(store, "m", ids, probabilities)


def asked_again(store):
    return labelled_now(store, SCHEMA, models.current_model(store), **STUDIO).again


def test_a_wrong_label_is_worth_a_second_opinion_before_a_right_one(store):
    again = asked_again(store)
    ids = ids_of(store)
    shared, alone = set(ids[:5]), ids[5:]
    assert not shared & set(again)  # both have answered these
    assert set(again) == set(alone)
    answer(store, alone[:1], "ann", [(5 + 1) % 3], revision="2")  # the newest stands: now it is wrong
    gains = {name: one.gain for name, one in asked_again(store).items()}
    assert max(gains, key=gains.__getitem__) == alone[0]


def test_a_second_opinion_opens_the_task_that_was_answered_for_one_more(store):
    one = asked_again(store)[ids_of(store)[6]]
    assert (one.kind, one.opens, one.assignment) == ("second-opinion", True, f"a-{one.record_id}")
    assert one.answers_wanted == 2
    assert "ann" not in one.why.split()


def test_a_task_of_another_label_studio_is_not_opened_but_asked_anew(store):
    again = labelled_now(store, SCHEMA, models.current_model(store), studio="elsewhere", project_id=1).again
    assert {(one.opens, one.assignment, one.answers_wanted) for one in again.values()} == {(False, None, 1)}


def test_a_doubted_label_is_looked_at_again_with_the_reason(store):
    ids, said_of = predictions.out_of_fold(store, "m")
    audit(store, SCHEMA, Predictions(np.array(ids), said_of))
    answer(store, [ids_of(store)[7]], "ann", [(7 + 1) % 3], revision="2")
    audit(store, SCHEMA, Predictions(np.array(ids), said_of))
    one = asked_again(store)[ids_of(store)[7]]
    assert one.kind == "second-look"
    assert "Please look again" in one.why


def test_one_person_alone_gives_no_second_opinion(tmp_path):
    with Store(tmp_path / "one.duckdb") as store:
        ids = add_records(store, pa.table({"text": ["x", "y"]}), source_name="texts").record_ids
        rows = [said(one, "ann", "soil", external_id=one) for one in ids]
        add_annotations(store, annotations(rows).select(GIVEN_COLUMNS.names))
        resolve_labels(store, SCHEMA)
        keep_model(store, ids, np.full((2, 3), 1 / 3))
        assert asked_again(store) == {}


def test_what_is_held_out_is_not_asked_about(store):
    held = ids_of(store)[8]
    splits.assign_splits(store, pa.table({"record_id": [held], "split": ["holdout"]}), origin="drawn")
    assert held not in asked_again(store)


def test_nothing_is_known_without_answers_or_a_model(tmp_path, store):
    assert labelled_now(store, SCHEMA, None, **STUDIO) is None
    with Store(tmp_path / "empty.duckdb") as empty:
        assert known_now(empty, SCHEMA, None) is None


def test_a_model_of_other_classes_says_nothing(store):
    predictions.write_predictions(store, "m", ids_of(store), np.full((N, 2), 0.5))
    found = known_now(store, SCHEMA, models.current_model(store))
    assert np.isfinite(found.belief.posterior).all()


def test_a_wrong_label_weighs_less_in_the_fit(store):
    ids = ids_of(store)
    answer(store, [ids[9]], "ann", [(9 + 1) % 3], revision="2")
    given = np.array([i % 3 for i in range(N)])
    given[9] = (9 + 1) % 3
    examples = Examples(np.array(ids), ["x"] * N, given)
    weights = trusted(store, SCHEMA, examples, models.current_model(store)).weights
    assert weights[9] < 0.5
    assert np.delete(weights, 9).min() > 0.9


def test_where_people_disagree_a_fit_takes_what_is_believed(store):
    ids = ids_of(store)
    given = np.array([(i + (i < 4)) % 3 for i in range(N)])  # by ann; ben and the model say otherwise of the first four
    examples = Examples(np.array(ids), ["x"] * N, given)
    assert trusted(store, SCHEMA, examples, models.current_model(store)).labels.tolist() == [i % 3 for i in range(N)]


def test_what_was_imported_is_trusted_as_it_is_where_nothing_is_known(tmp_path):
    with Store(tmp_path / "none.duckdb") as store:
        examples = Examples(np.array(["a"]), ["x"], np.array([0]))
        assert trusted(store, SCHEMA, examples, None) is examples


# What a round remembers of it


@pytest.fixture
def opened_round(store):
    current = rounds.begin_round(store, first_step="push", strategy="auto", size=10, seed=0)
    one = ids_of(store)[10]
    again = labelled_now(store, SCHEMA, models.current_model(store), **STUDIO)
    drawn = draw(a_pool(1e-9), Labelled(again.belief, {one: again.again[one]}))
    numbers = open_again(store, [each for each in drawn if each.opens])
    return rounds.move_round(store, current.round_id, "wait", json.loads(json.dumps(numbers))), one


def test_an_opened_assignment_waits_for_one_more_person(store, opened_round):
    current, one = opened_round
    assert opened(current) == {f"a-{one}": 2}
    assert opened_states(store, current) == ["sent"]
    assert one not in asked_again(store)
    answer(store, [one], "ben", [0])
    assert opened_states(store, current) == ["answered"]


def test_who_has_nobody_else_can_stop_waiting(store, opened_round):
    current, _ = opened_round
    close_again(store, current)
    assert opened_states(store, current) == ["answered"]
    close_again(store, current)
    assert opened_states(store, current) == ["answered"]


def test_a_round_of_before_opened_nothing(store):
    current = rounds.begin_round(store, first_step="wait", strategy="auto", size=10, seed=0)
    assert (opened(current), opened_states(store, current)) == ({}, [])
    close_again(store, current)


def test_second_opinions_have_a_purpose_of_their_own():
    drawn = draw(a_pool(0.01), doubted(3, kind="second-opinion"))
    assert counted(drawn)[SECOND_OPINION] == 3
