"""A text that changed comes first in a batch, with its old label as the suggestion; it leaves room for new records."""

import json

import pyarrow as pa

from active_learning.changed import draw_changed, without_changed
from active_learning.rounds import assignment_rows
from active_learning.settings import LearningSettings
from store.label_schema import LabelSchema

SCHEMA = LabelSchema("text-classification", ("billing", "praise"), renamed={"invoice": "billing"})
SETTINGS = LearningSettings(annotators_per_record=2)


def waiting(new, *changed):
    """A pool of `new` records, and of changed ones as (id, purpose, old class)."""
    rows = [(f"n{place:03d}", None, None) for place in range(new)] + list(changed)
    return pa.table(
        {
            "record_id": [row[0] for row in rows],
            "again_as": pa.array([row[1] for row in rows], pa.string()),
            "old_value": pa.array([row[2] and json.dumps({"label": row[2]}) for row in rows], pa.string()),
        }
    )


def drawn_ids(pool, n):
    return [one.record_id for one in draw_changed(pool, SCHEMA, SETTINGS, n)]


def test_the_old_label_is_what_people_are_shown_and_the_reason_says_so():
    (one,) = draw_changed(waiting(9, ("a", "control", "invoice")), SCHEMA, SETTINGS, 4)
    (row,) = assignment_rows(SCHEMA, "round-001", [one], None, {"a": [0.2, 0.8]}).to_pylist()
    assert (row["purpose"], row["why"]) == ("control", 'Its text changed; before it was "billing".')
    assert (json.loads(row["prediction"]), row["model_id"]) == ({"probabilities": {"billing": 1.0}}, None)
    assert row["answers_wanted"] == 2


def test_a_label_that_is_no_class_any_more_is_not_shown():
    (one,) = draw_changed(waiting(9, ("a", "selected", "spam")), SCHEMA, SETTINGS, 4)
    assert (one.suggestion, one.why) == (None, "Its text changed.")


def test_what_is_measured_with_comes_first_and_half_of_the_batch_is_left_to_new_records():
    changed = [(f"c{place}", "selected", "praise") for place in range(9)] + [("x", "holdout", "praise")]
    assert drawn_ids(waiting(50, *changed), 8) == ["x", "c0", "c1", "c2"]


def test_they_fill_the_batch_where_nothing_else_does():
    changed = [(f"c{place}", "selected", "praise") for place in range(9)]
    assert len(drawn_ids(waiting(2, *changed), 8)) == 6
    assert len(drawn_ids(waiting(0, *changed), 100)) == 9
    assert len(drawn_ids(waiting(9, *changed), 1)) == 1


def test_strategies_do_not_choose_them():
    assert without_changed(waiting(2, ("a", "selected", None)))["record_id"].to_pylist() == ["n000", "n001"]
