"""The label schema: what is asked about a record.

It declares facts only (kind, classes, what a value looks like) and imports nothing but the standard library, so that
every room can stand on it. What a kind of task means is written once a room, in the module that carries the kind's
name: `text-classification` is `store.kinds.text_classification`, `labeling.kinds.text_classification` and
`training.kinds.text_classification`. A new kind is one new module in each, and no edits elsewhere.
"""

import difflib
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from store.errors import SchemaError


def kind_module(room: str, kind: str) -> ModuleType:
    """The module that says what `kind` means in `room`, one of `store`, `labeling`, `training`.

    Raises:
        SchemaError: The room has no module of that name; the message names the nearest kind there is.
    """
    name = f"{room}.kinds.{kind.replace('-', '_')}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        known = kinds()
        nearest = difflib.get_close_matches(kind, known, 1)
        hint = f'did you mean "{nearest[0]}"?' if nearest else f"known kinds: {', '.join(known)}."
        raise SchemaError(f'[schema] kind "{kind}" is not known; {hint}') from error


def kinds() -> list[str]:
    """The kinds that a label schema may name."""
    package = importlib.import_module("store.kinds")
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__))


@dataclass(frozen=True)
class LabelSchema:
    """What is asked about a record and which answers there are.

    Args:
        kind: What kind of answer is asked for, such as `text-classification`.
        classes: The label set, in the order in which people see it and in which probabilities stand.
        question: The sentence that people answer.
        instructions: What people read before they begin.
        descriptions: A sentence for a class, by class.
        renamed: Old class to new class; an answer given under the old name counts as the new one.

    Raises:
        SchemaError: The kind is unknown, or the classes are not usable.
    """

    kind: str
    classes: tuple[str, ...]
    question: str = ""
    instructions: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        kind_module("store", self.kind).check_schema(self)
        for old, new in self.renamed.items():
            if old in self.classes:
                raise SchemaError(
                    f'[schema] renamed: "{old}" is still among the classes; take it out of one of the two.'
                )
            if new not in self.classes:
                raise SchemaError(f'[schema] renamed: "{old}" becomes "{new}", which is not among the classes.')

    @property
    def hash(self) -> str:
        """32 hex digits that name what may be answered: they follow kind, classes and renames, not the wording."""
        facts = {"kind": self.kind, "classes": list(self.classes), "renamed": dict(sorted(self.renamed.items()))}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]

    def validate(self, value: Mapping[str, Any]) -> None:
        """Return when `value` is an answer that this schema allows.

        Raises:
            LabelError: It is not; the message says why.
        """
        kind_module("store", self.kind).check_value(self, value)

    def current(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The value with renamed classes under their new names; other values as they are."""
        renamed: dict[str, Any] = kind_module("store", self.kind).rename_value(self, value)
        return renamed

    def classes_in(self, value: Mapping[str, Any]) -> set[str]:
        """The classes that a value speaks of."""
        found: set[str] = kind_module("store", self.kind).classes_in(value)
        return found

    def to_json(self) -> str:
        """The schema as canonical JSON."""
        facts = {
            "kind": self.kind,
            "classes": list(self.classes),
            "question": self.question,
            "instructions": self.instructions,
            "descriptions": dict(self.descriptions),
            "renamed": dict(self.renamed),
        }
        return json.dumps(facts, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "LabelSchema":
        """The schema that `to_json` wrote."""
        facts = json.loads(text)
        return cls(**(facts | {"classes": tuple(facts["classes"])}))
