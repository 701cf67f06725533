"""The control arm: labels that were drawn at random from everything that people may be asked about.

What a strategy chose before stays in the draw, else the arm would be a sample of what no strategy wanted. Where the
draw falls on such a record, its label is there already: the record counts in the arm, and nobody is asked.
"""

import numpy as np
from numpy.typing import NDArray

from store import assignments, labels, rounds, splits
from store.database import Store
from store.pool import not_to_ask
from store.versions import outdated

COUNTED = "control_too"
"""The name in a round's numbers under which stand the records that a strategy had chosen and the draw fell on."""


def in_control(store: Store) -> set[str]:
    """The records of the control arm, labelled or not."""
    return asked_for(store, "control") | {name for one in rounds.rounds(store) for name in one.numbers.get(COUNTED, [])}


def chosen_before(store: Store) -> NDArray[np.str_]:
    """The labelled records that a strategy chose, that are trained on and in no control arm yet, sorted."""
    labelled = set(labels.labels(store)["record_id"].to_pylist())
    measured = {row["record_id"] for row in splits.splits(store).to_pylist() if row["split"] != "train"}
    left_out = measured | in_control(store) | outdated(store) | not_to_ask(store)
    return np.array(sorted((asked_for(store, "selected") & labelled) - left_out), dtype=np.str_)


def asked_for(store: Store, purpose: str) -> set[str]:
    """The records that people were asked about for a purpose."""
    asked = assignments.assignments(store)
    pairs = zip(asked["record_id"].to_pylist(), asked["purpose"].to_pylist(), strict=True)
    return {record_id for record_id, what_for in pairs if what_for == purpose}
