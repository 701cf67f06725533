"""Texts that changed since people were asked about them: which go before people again, and what is shown with them."""

import json

import pyarrow as pa
import pyarrow.compute as pc

from active_learning.draw import Drawn
from active_learning.settings import LearningSettings
from store.errors import LabelError
from store.label_schema import LabelSchema


def draw_changed(waiting: pa.Table, schema: LabelSchema, settings: LearningSettings, n: int) -> list[Drawn]:
    """What is asked about again in a batch of `n`, in the order in which people see it, before all else.

    They come first because the labels are wrong without them and they are quickly answered: the label that the text had
    before is shown as the answer, and the reason says so. What is measured with comes before what is trained on. They
    are half of the batch at most, so that a site that rewrote all of its pages does not keep people from anything new
    for long; more where the pool has nothing else to fill the batch with.

    Args:
        waiting: `store.pool.pool`, all of it.
    """
    new, changed = without_changed(waiting), waiting.filter(pc.is_valid(waiting["again_as"])).to_pylist()
    most = max(min(1, n), n // 2, n - new.num_rows)
    rows = sorted(changed, key=lambda row: (row["again_as"] != "holdout", row["record_id"]))[:most]
    return [_drawn(row, schema, settings.annotators_per_record) for row in rows]


def without_changed(waiting: pa.Table) -> pa.Table:
    """The records of the pool that people have not been asked about in other words; strategies choose from these."""
    return waiting.filter(pc.is_null(waiting["again_as"]))


def _drawn(row: dict[str, str], schema: LabelSchema, answers_wanted: int) -> Drawn:
    before = _class_before(row["old_value"], schema)
    why = "Its text changed." if before is None else f'Its text changed; before it was "{before}".'
    return Drawn(row["record_id"], row["again_as"], why, None, answers_wanted, before)


def _class_before(old_value: str | None, schema: LabelSchema) -> str | None:
    """The class of a label under its present name; None where there is none, or it is no class any more."""
    if old_value is None:
        return None
    value = json.loads(old_value)
    try:
        schema.validate(value)
    except LabelError:
        return None
    names = schema.classes_in(schema.current(value))
    return next(iter(names)) if len(names) == 1 else None
