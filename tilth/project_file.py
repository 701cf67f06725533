"""`tilth.toml`: what a project declares, checked; a mistake is named with its line."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from crawlers.proxies.declaration import ProxiesSection
from store.errors import RequestError, SchemaError
from store.label_schema import LabelSchema
from store.validation import Place, first_mistake
from tilth.sections import (
    CrawlSection,
    CurationSection,
    LabelingSection,
    ProjectSection,
    RightsSection,
    RoundsSection,
    SchemaSection,
    Section,
    StudioSection,
    TrainingSection,
)
from tilth.toml_lines import line_of

FILE_NAME = "tilth.toml"


class ProjectFileError(RequestError):
    """The project file says something that cannot be meant."""


class ProjectFile(Section):
    """The whole of `tilth.toml`.

    The tables under `[[source]]` stay as they are written: what a kind of source allows is the crawlers' to say.
    """

    project: ProjectSection
    schema_: SchemaSection = Field(alias="schema")
    source: list[dict[str, Any]] = Field([])
    studio: StudioSection | None = None
    crawl: CrawlSection = CrawlSection()
    proxies: ProxiesSection = ProxiesSection()
    labeling: LabelingSection = LabelingSection()
    rounds: RoundsSection = RoundsSection()
    training: TrainingSection = TrainingSection()
    rights: RightsSection = RightsSection()
    curation: CurationSection = CurationSection()

    @property
    def label_schema(self) -> LabelSchema:
        """`[schema]` as the typed object that every room shares."""
        declared = self.schema_
        return LabelSchema(
            kind=declared.kind,
            classes=tuple(declared.classes),
            question=declared.question,
            instructions=declared.instructions,
            descriptions=declared.descriptions,
            renamed=declared.renamed,
        )


def read_project_file(path: Path) -> ProjectFile:
    """The project file, checked.

    Raises:
        ProjectFileError: It is not there, is not TOML, or says something that cannot be meant; with the line where it
            does.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ProjectFileError(
            f"There is no {FILE_NAME} in {path.parent}; make one with: tilth init {path.parent}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectFileError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, error) from error
    try:
        declared = ProjectFile.model_validate(tables)
    except ValidationError as error:
        mistake = first_mistake(ProjectFile, error)
        raise _placed(path, text, mistake.place, mistake.message) from error
    try:
        _ = declared.label_schema
    except SchemaError as error:
        raise _placed(path, text, ("schema",), str(error)) from error
    _check_permissions(path, text, declared)
    return declared


def _check_permissions(path: Path, text: str, declared: ProjectFile) -> None:
    names = [str(source.get("name", "")) for source in declared.source]
    for name in declared.rights.permission:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1)
            hint = f'did you mean "{nearest[0]}"?' if nearest else f"there are {', '.join(names) or 'none'}."
            message = f'permission for "{name}", which is no [[source]]; {hint}'
            raise _placed(path, text, ("rights", "permission", name), message)


def error_at(path: Path, place: Place, message: str) -> ProjectFileError:
    """An error that names the line of `place`, such as `("source", 0, "item")`."""
    return _placed(path, path.read_text(encoding="utf-8"), place, message)


def _placed(path: Path, text: str, place: Place, message: str) -> ProjectFileError:
    line = line_of(text, place)
    return ProjectFileError(f"{path.name}:{line}: {message}" if line else f"{path.name}: {message}")


def _not_toml(path: Path, error: tomllib.TOMLDecodeError) -> ProjectFileError:
    reason, line = str(error), ""
    if found := re.search(r" \(at line (\d+), column \d+\)$", reason):
        reason, line = reason[: found.start()], f":{found[1]}"
    hint = "" if "twice" not in reason else "; a table may stand once, so write its keys together"
    if "'source'" in reason:
        hint = "; write every source as [[source]], with two brackets"
    return ProjectFileError(f"{path.name}{line}: not valid TOML: {reason}{hint}.")
