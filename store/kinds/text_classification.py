"""`text-classification`: exactly one class for a text. A value is `{"label": class}`."""

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from store.errors import LabelError, SchemaError

if TYPE_CHECKING:
    from store.label_schema import LabelSchema

SHOWN = 8


def check_schema(schema: "LabelSchema") -> None:
    """Raise `SchemaError` unless there are two or more distinct classes with usable names."""
    classes = schema.classes
    if len(classes) < 2:
        raise SchemaError(f"[schema] classes: text-classification needs at least 2 classes, {len(classes)} given.")
    doubled = sorted({name for name in classes if classes.count(name) > 1})
    if doubled:
        raise SchemaError(f'[schema] classes: "{doubled[0]}" stands there more than once.')
    for name in classes:
        if not isinstance(name, str) or not name.strip() or name != name.strip() or _has_control(name):
            raise SchemaError(
                f"[schema] classes: {name!r} is not a class name; use one line without control characters, and "
                "without spaces at its ends."
            )


def _has_control(name: str) -> bool:
    # They cannot stand in the XML of a labeling configuration.
    return any(unicodedata.category(sign) == "Cc" for sign in name)


def check_value(schema: "LabelSchema", value: Mapping[str, Any]) -> None:
    """Raise `LabelError` unless `value` is `{"label": c}` with a class, old or new, of the schema."""
    label = value.get("label") if isinstance(value, Mapping) else None
    if not isinstance(label, str):
        raise LabelError(f'{value!r} is not an answer to text-classification, which is {{"label": class}}.')
    if label not in schema.classes and label not in schema.renamed:
        nearest = difflib.get_close_matches(label, schema.classes, 1)
        hint = f'did you mean "{nearest[0]}"?' if nearest else f"there are: {_named(schema.classes)}."
        raise LabelError(f'"{label}" is not a class of the schema; {hint}')


def _named(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return ", ".join(f'"{name}"' for name in classes[:SHOWN]) + more


def rename_value(schema: "LabelSchema", value: Mapping[str, Any]) -> dict[str, Any]:
    """The value under the classes' present names."""
    label = value["label"]
    return {**value, "label": schema.renamed.get(label, label)}


def classes_in(value: Mapping[str, Any]) -> set[str]:
    """The one class of the value."""
    return {value["label"]}


def release_columns(schema: "LabelSchema") -> dict[str, dict[str, Any]]:
    """The columns that hold the label in a release, by name, as the Hub's `dataset_info.features` writes a type."""
    return {"label": {"dtype": {"class_label": {"names": {str(i): name for i, name in enumerate(schema.classes)}}}}}


def release_values(schema: "LabelSchema", value: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `release_columns` for one label; a class is its index."""
    return {"label": schema.classes.index(value["label"])}
