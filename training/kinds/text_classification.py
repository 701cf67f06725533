"""`text-classification`: a text has exactly one class, so one softmax over all classes of the schema."""

from collections.abc import Mapping
from typing import Any

from store.label_schema import LabelSchema
from training.metrics import evaluate

# How a Hugging Face configuration calls a head with one softmax.
PROBLEM_TYPE = "single_label_classification"

__all__ = ["PROBLEM_TYPE", "evaluate", "label_index", "value"]


def label_index(schema: LabelSchema, value: Mapping[str, Any]) -> int:
    """The index of the value's class among the schema's; a renamed class counts as its new one.

    Raises:
        LabelError: The value is no answer that the schema allows.
    """
    schema.validate(value)
    return schema.classes.index(schema.current(value)["label"])


def value(schema: LabelSchema, index: int) -> dict[str, str]:
    """The value that says the class of this index."""
    return {"label": schema.classes[index]}
