"""`tilth.toml`: what a project declares, checked; a mistake is named with its line."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crawlers.proxies.declaration import ProxiesSection
from store.curation.settings import CurationSettings, regions_of
from store.errors import RequestError, SchemaError
from store.label_schema import LabelSchema
from store.rights import DEFAULT_AI_OPERATORS, DEFAULT_FORBIDS, DEFAULT_LICENCES, Act, Permission, RightsPolicy
from store.validation import Place, first_mistake
from tilth.toml_lines import line_of

FILE_NAME = "tilth.toml"

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ProjectFileError(RequestError):
    """The project file says something that cannot be meant."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProjectSection(_Section):
    """`[project]`: what the data is, and on what terms it may be published."""

    name: str = Field(min_length=1, max_length=50)
    description: str = ""
    license: str | None = None
    contact: str = ""
    language: str = "en"
    hub: str | None = None


class SchemaSection(_Section):
    """`[schema]`: what people are asked."""

    kind: str = "text-classification"
    classes: list[str]
    question: str = ""
    instructions: str = ""
    descriptions: dict[str, str] = {}
    renamed: dict[str, str] = {}


class StudioSection(_Section):
    """`[studio]`: a Label Studio elsewhere; its key comes from LABEL_STUDIO_API_KEY."""

    url: str
    project_id: int | None = None


class LabelingSection(_Section):
    """`[labeling]`: how many people answer."""

    annotators_per_record: int = Field(1, ge=1)
    repeat_share: Share = 0.0


class CrawlSection(_Section):
    """`[crawl]`: how much is fetched at once, and what a page may cost."""

    concurrency: int = Field(16, ge=1, le=1_000)
    per_host: int = Field(4, ge=1, le=1_000)
    timeout: float = Field(30.0, gt=0, le=3_600, strict=False)
    max_mb: float = Field(10.0, gt=0, le=1_000, strict=False)
    extract_seconds: float = Field(10.0, gt=0, le=600, strict=False)
    workers: int | None = Field(None, ge=1, le=256)


class RoundsSection(_Section):
    """`[rounds]`: how many records a round asks about, and which."""

    size: int = Field(100, ge=1)
    strategy: str = "auto"
    holdout: int = Field(200, ge=0)
    control_share: Share = 0.1
    seed: int = 0


class TrainingSection(_Section):
    """`[training]`: which model is fitted."""

    model: Literal["probe", "fine-tune"] = "probe"
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"


class ForbidsSection(_Section):
    """`[rights.forbids]`: by kind of evidence, the earliest act that it forbids."""

    noai: Act = DEFAULT_FORBIDS["noai"]
    noimageai: Act = DEFAULT_FORBIDS["noimageai"]
    tdm_reservation: Act = Field(DEFAULT_FORBIDS["tdm-reservation"], alias="tdm-reservation")
    aipref: Act = DEFAULT_FORBIDS["aipref"]
    content_signal: Act = Field(DEFAULT_FORBIDS["content-signal"], alias="content-signal")
    ai_agents: Act = Field(DEFAULT_FORBIDS["ai-agents"], alias="ai-agents")
    noindex: Act = DEFAULT_FORBIDS["noindex"]
    noarchive: Act = DEFAULT_FORBIDS["noarchive"]
    nosnippet: Act = DEFAULT_FORBIDS["nosnippet"]


class PermissionSection(_Section):
    """`[rights.permission.SOURCE]`: what somebody who may has allowed, and who said so when."""

    licence: str = Field(min_length=1)
    note: str = Field(min_length=1)


class RightsSection(_Section):
    """`[rights]`: what the evidence that pages carry means for the project."""

    tdmrep: bool = True
    forbids: ForbidsSection = ForbidsSection()
    ai_operators: int = Field(DEFAULT_AI_OPERATORS, ge=1)
    publish_only_licensed: bool = False
    licences: list[str] = list(DEFAULT_LICENCES)
    permission: dict[str, PermissionSection] = {}

    @property
    def policy(self) -> RightsPolicy:
        """All of it as the object that decides."""
        return RightsPolicy(
            forbids=self.forbids.model_dump(by_alias=True),
            ai_operators=self.ai_operators,
            publish_only_licensed=self.publish_only_licensed,
            licences=tuple(self.licences),
            permissions={name: Permission(one.licence, one.note) for name, one in self.permission.items()},
        )


class CurationSection(_Section):
    """`[curation]`: what is set aside before people are asked, and what becomes of personal data in a release."""

    languages: list[str] = []
    min_chars: int = Field(1, ge=0)
    max_chars: int | None = Field(None, ge=1)
    min_letters: Share = 0.0
    max_repeated_lines: Share = 0.5
    max_boilerplate: Share = 0.8
    notices: bool = True
    phone_regions: list[str] | None = None
    pii: Literal["patterns", "presidio"] = "patterns"
    presidio_model: str = "en_core_web_lg"
    pii_in_releases: Literal["pseudonymise", "drop", "keep"] = "pseudonymise"

    def settings(self, language: str) -> CurationSettings:
        """All of it as curation takes it; `language` is the project's."""
        regions = self.phone_regions if self.phone_regions is not None else regions_of(language)
        return CurationSettings(
            languages=tuple(self.languages),
            min_chars=self.min_chars,
            max_chars=self.max_chars,
            min_letters=self.min_letters,
            max_repeated_lines=self.max_repeated_lines,
            max_boilerplate=self.max_boilerplate,
            notices=self.notices,
            phone_regions=tuple(regions),
            presidio_model=self.presidio_model if self.pii == "presidio" else None,
            presidio_language=language,
        )


class ProjectFile(_Section):
    """The whole of `tilth.toml`.

    The tables under `[[source]]` stay as they are written: what a kind of source allows is the crawlers' to say.
    """

    project: ProjectSection
    schema_: SchemaSection = Field(alias="schema")
    source: list[dict[str, Any]] = []
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
