"""What is believed of records, and what the current model says of them; honest where it was not fitted on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from store import labels, models, predictions, splits
from store.database import Store
from store.errors import LabelError
from store.label_schema import LabelSchema, kind_module

Probabilities = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Judged:
    """Labels and probabilities by record id.

    Attributes:
        labels: The index of the class that people say.
        held_out: Records that are in another split than train.
        said: What the current model says of records, (K,) each, those that it was fitted on included.
        out_of_fold: What models of its kind say that were not fitted on the record.
    """

    labels: Mapping[str, int] = field(default_factory=dict)
    held_out: frozenset[str] = frozenset()
    said: Probabilities = field(default_factory=dict)
    out_of_fold: Probabilities = field(default_factory=dict)

    @property
    def honest(self) -> Probabilities:
        """What was said of labelled records without having learnt from them: out of fold, or held out."""
        held = {one: self.said[one] for one in self.held_out if one in self.said and one in self.labels}
        return {**self.out_of_fold, **held}


def read_judged(store: Store, schema: LabelSchema, current: models.Model | None) -> Judged:
    """Labels, splits, and what `current` says."""
    known = _label_indices(store, schema)
    placed = splits.splits(store)
    pairs = zip(placed["record_id"].to_pylist(), placed["split"].to_pylist(), strict=True)
    held_out = frozenset(one for one, split in pairs if split in ("holdout", "test"))
    if current is None or current.schema_hash != schema.hash:
        return Judged(known, held_out)
    return Judged(
        known,
        held_out,
        said=_by_id(*predictions.predictions(store, current.model_id)),
        out_of_fold=_by_id(*predictions.out_of_fold(store, current.model_id)),
    )


def _label_indices(store: Store, schema: LabelSchema) -> dict[str, int]:
    table = labels.labels(store)
    to_index = kind_module("training", schema.kind).label_index
    known = {}
    for one, value in zip(table["record_id"].to_pylist(), table["value"].to_pylist(), strict=True):
        try:
            known[one] = int(to_index(schema, json.loads(value)))
        except LabelError:
            continue  # a label of a class that the schema no longer has
    return known


def _by_id(ids: Sequence[str], probabilities: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return dict(zip(ids, probabilities, strict=True))
