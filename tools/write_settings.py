"""Write docs/settings.md from the models that check tilth.toml: each key, its default, and what its docstring says."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from crawlers.declaration import Declaration
from crawlers.fetched_source import FetchedSource
from crawlers.kinds import kind_module, kinds
from crawlers.page_records import PageRecords
from store.validation import table_of
from tilth.project_file import ProjectFile

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"

HEAD = """# All settings

Written by `python tools/write_settings.py` from the code that checks `tilth.toml`; do not edit. A key whose default is
"needed" has none; "none" means that it does nothing, or what its line says, unless given.
"""
SHARED: dict[type[BaseModel], tuple[str, str]] = {
    Declaration: (
        "Every source",
        "Each source is a `[[source]]` table; what the kinds are for is in [Kinds of source](guides/sources.md).",
    ),
    PageRecords: (
        "Sources of pages",
        "What on a page is a record, for `site`, `sitemap`, `feed` with `full_text`, and `warc`.",
    ),
    FetchedSource: ("Sources that are fetched", "For `site`, `sitemap`, `feed` and `api`."),
}


def page() -> str:
    """The page: a table for each table of the file, sources last."""
    parts = [HEAD]
    for name, field in ProjectFile.model_fields.items():
        section = table_of(field.annotation)
        if section is not None:
            parts += tables(section, field.alias or name)
    shown: set[str] = set()
    for model, (title, words) in SHARED.items():
        own = [name for name in model.model_fields if name not in shown]
        shown |= set(own)
        parts += [f"## {title}\n", f"{words}\n", rows(model, own).replace("`kind` | needed", '`kind` | `"site"`')]
        parts += [part for name in own for part in inner_tables(model, name, "source")]
    for kind in kinds():
        model = kind_module(kind).Source
        shared = next(each for each in (FetchedSource, PageRecords, Declaration) if issubclass(model, each))
        changed = [name for name in model.model_fields if name != "kind" and _differs(model, shared, name)]
        parts += [f"## kind = {json.dumps(kind)}\n"]
        parts += [rows(model, changed) if changed else "Has the keys of the tables above.\n"]
        parts += [part for name in changed for part in inner_tables(model, name, "source")]
    return "\n".join(parts)


def tables(model: type[BaseModel], name: str, *, level: int = 2, brackets: tuple[str, str] = ("[", "]")) -> list[str]:
    """The section of a table, and those of the tables in it."""
    words = _first_line(model)
    head = [f"{'#' * level} {brackets[0]}{name}{brackets[1]}\n", f"{words[:1].upper()}{words[1:]}\n"]
    own = list(model.model_fields)
    inner = [part for key in own for part in inner_tables(model, key, name)]
    return [*head, rows(model, own), *inner]


def _first_line(model: type[BaseModel]) -> str:
    said = (inspect.getdoc(model) or "").split("\n\n", 1)[0].replace("\n", " ")
    return re.sub(r"^`\[.*?\]`: ", "", said)


def inner_tables(model: type[BaseModel], key: str, under: str) -> list[str]:
    """The section of the table that a key holds, or nothing."""
    field = model.model_fields[key]
    inner = table_of(field.annotation)
    if inner is None:
        return []
    of_list = typing.get_origin(field.annotation) in (tuple, list)
    named = ".NAME" if typing.get_origin(field.annotation) is dict else ""
    return tables(inner, f"{under}.{key}{named}", level=3, brackets=("[[", "]]") if of_list else ("[", "]"))


def rows(model: type[BaseModel], names: list[str]) -> str:
    """The table of these fields."""
    lines = ["| key | default | what it says |", "| --- | --- | --- |"]
    for name in names:
        field = model.model_fields[name]
        said = meaning(model, field.alias or name)
        cells = (f"`{field.alias or name}`", _default(field), said + _choices(field, said + _first_line(model)))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def meaning(model: type[BaseModel], key: str) -> str:
    """What the docstring says of a key: the model's own, else that of the nearest class it comes from."""
    for each in model.__mro__:
        if found := attributes(each.__doc__ or "").get(key):
            return found
    raise LookupError(f"{model.__module__}.{model.__name__}: no docstring says what {key} is.")


def attributes(doc: str) -> dict[str, str]:
    """By key, the words under `Attributes:` of a docstring."""
    _, _, block = inspect.cleandoc(doc).partition("Attributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", "\n" + re.split(r"\n\n|\n(?=\S)", block)[0]):
        names, _, words = " ".join(entry.split()).partition(": ")
        found |= {name.strip(): words for name in names.split(",") if words}
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{value:g}`" if isinstance(value, float) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _choices(field: FieldInfo, said: str) -> str:
    choices = _literals(field.annotation)
    if all(f'"{each}"' in said or f"`{each}`" in said for each in choices):
        return ""
    return f" {'One of' if len(choices) > 1 else 'It is'} {', '.join(f'`{json.dumps(each)}`' for each in choices)}."


def _literals(annotation: object) -> tuple[str, ...]:
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(each for part in typing.get_args(annotation) for each in _literals(part))
    return ()


def _differs(model: type[BaseModel], shared: type[BaseModel], name: str) -> bool:
    if name not in shared.model_fields:
        return True
    return _default(model.model_fields[name]) != _default(shared.model_fields[name]) or any(
        name in attributes(each.__doc__ or "") for each in model.__mro__[: model.__mro__.index(shared)]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
