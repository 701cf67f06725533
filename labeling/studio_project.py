"""The Label Studio project in which a schema's question is asked: found or made once, kept asking what it asks."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from labeling.errors import ConfigEdited
from labeling.studio_client import StudioClient
from store.assignments import assignments, mark
from store.cursors import cursor, drop_cursor, move_cursor
from store.database import Store
from store.label_schema import LabelSchema, kind_module


@dataclass(frozen=True)
class StudioProject:
    """Where people answer: a project of a Label Studio, and the schema that it asks about."""

    client: StudioClient
    id: int
    schema: LabelSchema

    @property
    def origin(self) -> str:
        """The name under which annotations remember where they were given."""
        return f"{self.client.studio}/{self.id}"

    @property
    def url(self) -> str:
        """The page where people begin."""
        return f"{self.client.url}/projects/{self.id}"

    @property
    def kind(self) -> ModuleType:
        """How this kind of schema is asked and answered."""
        return kind_module("labeling", self.schema.kind)

    def annotate(
        self,
        task_id: int,
        value: Mapping[str, Any],
        *,
        annotator: str | None = None,
        lead_time: float | None = None,
        unique_id: str | None = None,
    ) -> int | None:
        """Answer a task with a value; see `StudioClient.annotate`.

        Raises:
            LabelError: The schema does not allow the value.
        """
        result = self.kind.result(self.schema, value)
        return self.client.annotate(task_id, result, annotator=annotator, lead_time=lead_time, unique_id=unique_id)


@dataclass(frozen=True)
class _Remembered:
    """What the store knows of the project: the marker that finds it, its id, and the classes that were last asked."""

    marker: str
    project_id: int | None = None
    classes: tuple[str, ...] = ()
    config: str = ""


def open_project(
    store: Store, client: StudioClient, schema: LabelSchema, title: str, *, project_id: int | None = None
) -> StudioProject:
    """The project of this store in a Label Studio; made when there is none.

    A project is made once, however often this is killed: its marker is written down before, stands in the project's
    description and finds it again.

    Args:
        title: 3 to 50 characters are shown.
        project_id: An existing project to use instead of one of our own.

    Raises:
        ProjectGone: It was there and was deleted.
        StudioUnreachable, StudioRefused: The studio cannot be spoken with.
    """
    known = _remembered(store, client.studio)
    if known is None:
        known = _Remembered(marker=f"tilth:{uuid.uuid4().hex}", project_id=project_id)
        _remember(store, client.studio, known)
    store.let_go()
    wanted = project_id if project_id is not None else known.project_id
    if wanted is None:
        known = _found(client, schema, known.marker) or _made(client, schema, known.marker, title)
        wanted = known.project_id
        _remember(store, client.studio, known)
        store.let_go()
    else:
        client.project(wanted)
    assert wanted is not None
    if wanted != known.project_id:
        _remember(store, client.studio, _Remembered(known.marker, wanted))
        store.let_go()
    return StudioProject(client, wanted, schema)


def _found(client: StudioClient, schema: LabelSchema, marker: str) -> _Remembered | None:
    """The project whose making was not confirmed; it may ask what the schema was then."""
    there = client.find_project(marker)
    if there is None:
        return None
    asked = kind_module("labeling", schema.kind).classes_in_config(client.project(there).config)
    return _Remembered(marker, there, tuple(sorted(asked)))


def _made(client: StudioClient, schema: LabelSchema, marker: str, title: str) -> _Remembered:
    config = kind_module("labeling", schema.kind).config(schema)
    description = f"Sent and read by tilth; do not edit its labeling setup. {marker}"
    made = client.make_project(title, config, description=description, instructions=schema.instructions)
    return _Remembered(marker, made, schema.classes, config)


def bring_up_to_date(store: Store, project: StudioProject) -> None:
    """Make the project ask what the schema asks now: a class that was added, another wording.

    Raises:
        ConfigEdited: Someone changed the classes by hand; the message says which and what to do.
    """
    known = _remembered(store, project.client.studio) or _Remembered(marker="")
    store.let_go()
    wanted, classes = project.kind.config(project.schema), set(project.schema.classes)
    try:
        found = project.kind.classes_in_config(project.client.project(project.id).config)
    except ConfigEdited as error:
        raise ConfigEdited(f"{_place(project)} {error} {_REMEDY}") from error
    # A configuration that is not ours, of a project that was named to us, may ask in its own words.
    if found == classes and known.config in ("", wanted):
        return
    asked = set(known.classes) or classes
    if found not in (asked, classes):
        raise ConfigEdited(_edited(project, asked - found, found - asked))
    restore_config(store, project)


def edits(project: StudioProject, config: str) -> str | None:
    """How a configuration differs from what the schema asks, as a sentence; None where it asks the same."""
    try:
        missing, added = project.kind.difference(project.schema, config)
    except ConfigEdited as error:
        return f"{_place(project)} {error} {_REMEDY}"
    return _edited(project, missing, added) if missing or added else None


def restore_config(store: Store, project: StudioProject) -> None:
    """Write the schema's own configuration over whatever the project asks; its tasks and answers stay."""
    store.let_go()
    config = project.kind.config(project.schema)
    project.client.set_config(project.id, config, project.schema.instructions)
    known = _remembered(store, project.client.studio) or _Remembered(marker=f"tilth:{uuid.uuid4().hex}")
    _remember(store, project.client.studio, _Remembered(known.marker, project.id, project.schema.classes, config))
    store.let_go()


def start_over(store: Store, client: StudioClient) -> int:
    """Forget the project in this Label Studio, so that the next `open_project` makes a new one.

    Its unanswered assignments become `lost`: pushing them again sends them to the new project. Answers stay.

    Returns:
        How many assignments became lost.
    """
    with store.transaction():
        open_now = assignments(store, studio=client.studio, states=("intended", "sent"))["assignment_id"].to_pylist()
        mark(store, open_now, "lost")
        drop_cursor(store, _name(client.studio))
    return len(open_now)


def _edited(project: StudioProject, missing: Sequence[str] | set[str], added: Sequence[str] | set[str]) -> str:
    changes = [f"lacks {_names(missing)}"] if missing else []
    changes += [f"has {_names(added)} besides"] if added else []
    return f"{_place(project)} It {' and '.join(changes)}. {_REMEDY}"


_REMEDY = "Put the classes into [schema] in tilth.toml, or run `tilth studio up --restore-config`."


def _place(project: StudioProject) -> str:
    return f"The labeling setup of project {project.id} in Label Studio at {project.client.url} was edited by hand."


def _names(classes: Sequence[str] | set[str]) -> str:
    shown = sorted(classes)
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(f'"{name}"' for name in shown[:5]) + more


def _name(studio: str) -> str:
    return f"studio-project:{studio}"


def _remembered(store: Store, studio: str) -> _Remembered | None:
    text = cursor(store, _name(studio))
    if text is None:
        return None
    facts = json.loads(text)
    return _Remembered(**(facts | {"classes": tuple(facts["classes"])}))


def _remember(store: Store, studio: str, known: _Remembered) -> None:
    move_cursor(store, _name(studio), json.dumps(asdict(known), ensure_ascii=False))
