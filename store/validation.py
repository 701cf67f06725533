"""What pydantic finds wrong with a declaration, in words that a person who writes TOML knows."""

import difflib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

Place = tuple[str | int, ...]

WANTED = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "finite_number": "must be a finite number",
}
LISTS = ("list_type", "tuple_type")
TABLES = ("model_type", "model_attributes_type", "dict_type")


@dataclass(frozen=True)
class Mistake:
    """The likeliest slip in a declaration.

    Attributes:
        place: The path of what is wrong; of a key that is missing, the path of the table that lacks it.
        message: What is wrong with it, and what is right; a sentence.
    """

    place: Place
    message: str


def first_mistake(
    model: type[BaseModel], error: ValidationError, *, table: str = "", examples: Mapping[str, str] | None = None
) -> Mistake:
    """The mistake to tell a person.

    Args:
        model: What was to be declared.
        table: The name of the table that it is declared in, such as `source`; none for the whole file.
        examples: By key, what a line that is missing could be.
    """
    # A key that is not known is the likelier slip than the one that is then missing.
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    place: Place = tuple(first["loc"])
    if place[-1] in ("bool", "str"):  # which of two types was tried
        place = place[:-1]
    named = ".".join(str(part) for part in place)
    if first["type"] == "extra_forbidden":
        return Mistake(place, f'unknown key "{named}"; {_nearest(str(place[-1]), known_keys(model, place[:-1]))}')
    if first["type"] == "missing":
        example = (examples or {}).get(str(place[-1]))
        return Mistake(place[:-1], f'"{named}" is missing; add it{f", such as {example}" if example else ""}.')
    header = ".".join(str(part) for part in ((table, *place) if table else place) if isinstance(part, str))
    return Mistake(place, f'"{named}" {_why_not(first, header)}.')


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}."


def _why_not(trouble: Mapping[str, Any], header: str) -> str:
    kind, given = trouble["type"], trouble["input"]
    if kind in LISTS:
        if isinstance(given, dict):
            return f"is a list of tables; write [[{header}]], with two brackets"
        return f"must be a list; write it as [{_in_toml(given)}]"
    if kind in TABLES:
        if isinstance(given, list | tuple) and given and isinstance(given[0], dict):
            return f"is one table; write [{header}], with one bracket"
        return f"must be a table; write its keys under [{header}]"
    if kind == "value_error":
        return f"cannot be used: {trouble['msg'].removeprefix('Value error, ')}"
    if kind in WANTED:
        reason = WANTED[kind].format(**trouble.get("ctx", {}))
    else:
        reason = trouble["msg"][:1].lower() + trouble["msg"][1:].replace("Input should", "it must")
    written = _in_toml(given)
    return f"{reason}, but it is {written}" if written != "…" else reason


def _in_toml(given: Any) -> str:
    if isinstance(given, str | bool | int | float):
        written = json.dumps(given, ensure_ascii=False)
        return written if len(written) <= 80 else f"{written[:79]}…"
    return "…"


def known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys of the table at a place of a declaration; none where any may stand."""
    for part in place:
        if isinstance(part, int):
            continue
        annotations = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        if part in annotations:
            inner = table_of(annotations[part])
            if inner is None:
                return []
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The model of the tables that a key of this type holds, itself or in lists and mappings; None where it has
    none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (table_of(each) for each in typing.get_args(annotation))
    return next((found for found in inner if found is not None), None)
