"""Speaking with a Label Studio over HTTP: the only place that knows its SDK, its routes and its troubles.

What comes back is in our own terms (`StudioTask`, `StudioAnswer`), so that nothing else depends on the server's shapes.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labeling.errors import ProjectGone, StudioFailed, StudioRefused, StudioUnreachable
from labeling.studio_task import ProjectState, StudioAnswer, StudioTask, moment_of, task_of
from store.errors import RequestError

if TYPE_CHECKING:
    import httpx
    from label_studio_sdk.client import LabelStudio

ANNOTATOR_DOMAIN = "@annotators.invalid"
"""The address of an annotator that tilth made; people who signed up have addresses of their own."""

MODEL_VERSION = "tilth"
"""The version that predictions are imported under. Label Studio shows only predictions of the project's one version, so
it stays
the same from model to model; which model it was stands in `assignments`."""

PAGE = 250
LOOK_UP = 500
# What is the same done twice is tried again: two that write at a time make SQLite say "database is locked", a 500.
# Other writing is not: an import may have been done though no answer came back.
READ: Any = {"max_retries": 2, "timeout_in_seconds": 120}
SAME_TWICE: Any = {"max_retries": 3, "timeout_in_seconds": 60}
WRITE: Any = {"max_retries": 0, "timeout_in_seconds": 60}
IMPORT: Any = {"max_retries": 0, "timeout_in_seconds": 600}


class _NotThere(StudioFailed):
    """What was asked for is not there."""


class StudioClient:
    """A Label Studio.

    Args:
        url: Its address.
        token: An access token, of either kind that Label Studio gives out.
        studio: The name under which the store knows it; by default its address. The embedded one's address may change,
            its name does not.
    """

    def __init__(self, url: str, token: str, *, studio: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.studio = studio or self.url
        self._token = token
        self._users: dict[int, str] = {}
        self._users_lock = threading.Lock()

    @cached_property
    def _sdk(self) -> "LabelStudio":
        from label_studio_sdk.client import LabelStudio

        return LabelStudio(base_url=self.url, api_key=self._token, max_retries=0, httpx_client=self._connections)

    @cached_property
    def _connections(self) -> "httpx.Client":
        import httpx

        return httpx.Client(timeout=60, follow_redirects=True)

    def close(self) -> None:
        """Close the connections; using the client again opens new ones."""
        if "_connections" in self.__dict__:
            self._connections.close()
            del self._connections
            self.__dict__.pop("_sdk", None)

    @contextmanager
    def _speaking(self, doing: str, project_id: int | None = None) -> Iterator[None]:
        """Turn the troubles of speaking with the server into ours; `doing` completes "could not …"."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except httpx.TimeoutException as error:
            raise StudioUnreachable(
                f"Label Studio at {self.url} did not answer in time (could not {doing}). It may be busy; try again."
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise StudioUnreachable(
                f"No Label Studio answers at {self.url} ({error}). "
                "Start it with `tilth studio up`, or correct [studio] url in tilth.toml."
            ) from error
        except ApiError as error:
            raise self._meant(error.status_code, error.body, doing, project_id) from error

    def _meant(self, status: int | None, body: Any, doing: str, project_id: int | None) -> StudioFailed | RequestError:
        if status in (401, 403) and self.studio != self.url:
            return StudioRefused(
                f"The project's own Label Studio does not accept its token (could not {doing}): its data is not what "
                "the token was made with. Put the folder studio/ back as it was, or move it away; what was pulled is "
                "safe."
            )
        if status in (401, 403):
            return StudioRefused(
                f"Label Studio at {self.url} does not accept the token (could not {doing}). "
                "Take one from Account & Settings there and put it into LABEL_STUDIO_API_KEY."
            )
        if status == 404 and project_id is not None:
            return ProjectGone(
                f"Project {project_id} is no longer in Label Studio at {self.url}. What was pulled is safe. "
                "Restore it there, or run `tilth studio up --new-project` to send what is unanswered to a new one."
            )
        words = body.get("validation_errors") or body.get("detail") if isinstance(body, dict) else body
        trouble = _NotThere if status == 404 else StudioFailed
        return trouble(f"Label Studio at {self.url} could not {doing}: {status} {str(words)[:300]}")

    def check(self) -> str:
        """The address of the user whose token this is.

        Raises:
            StudioUnreachable: Nothing answers.
            StudioRefused: The token is wrong.
        """
        with self._speaking("say who we are"):
            return self._sdk.users.whoami(request_options=READ).email or ""

    # Projects

    def project(self, project_id: int) -> ProjectState:
        """A project as it is now.

        Raises:
            ProjectGone: It is not there.
        """
        with self._speaking("read the project", project_id):
            found = self._sdk.projects.get(project_id, request_options=READ)
        return ProjectState(
            project_id, found.title or "", found.description or "", found.label_config or "", found.task_number or 0
        )

    def find_project(self, marker: str) -> int | None:
        """The oldest project whose description holds `marker`."""
        with self._speaking("list the projects"):
            projects: Any = self._sdk.projects.list(page_size=100, request_options=READ)
            return min((project.id for project in projects if marker in (project.description or "")), default=None)

    def make_project(self, title: str, config: str, *, description: str, instructions: str) -> int:
        """Make a project that hands its tasks out in order, shows predictions and wants one answer a task."""
        with self._speaking(f'make the project "{title}"'):
            made: Any = self._sdk.projects.create(
                title=(title.strip() or "tilth")[:50].ljust(3, "_"),
                description=description,
                label_config=config,
                expert_instruction=instructions,
                sampling="Sequential sampling",
                show_collab_predictions=True,
                model_version=MODEL_VERSION,
                maximum_annotations=1,
                enable_empty_annotation=False,
                request_options=WRITE,
            )
        return int(made.id)

    def set_config(self, project_id: int, config: str, instructions: str) -> None:
        """Give a project another labeling configuration; its tasks and answers stay."""
        with self._speaking("change the labeling configuration", project_id):
            self._sdk.projects.update(
                project_id, label_config=config, expert_instruction=instructions, request_options=SAME_TWICE
            )

    def delete_project(self, project_id: int) -> None:
        """Delete a project with its tasks and answers."""
        with self._speaking("delete the project", project_id):
            self._sdk.projects.delete(project_id, request_options=WRITE)

    # Tasks

    def import_tasks(self, project_id: int, tasks: Sequence[dict[str, Any]]) -> list[int]:
        """Add tasks with their predictions, all or none; their ids, in the given order."""
        with self._speaking(f"take in {len(tasks)} tasks", project_id):
            answer: Any = self._sdk.projects.import_tasks(
                project_id,
                request=tasks,  # type: ignore[arg-type]  # plain dictionaries are sent as they are
                return_task_ids=True,
                request_options=IMPORT,
            )
        ids = list(answer.task_ids or [])
        if len(ids) != len(tasks):
            raise StudioFailed(f"Label Studio at {self.url} took in {len(ids)} of {len(tasks)} tasks; push again.")
        return ids

    def tasks_of(self, project_id: int, assignment_ids: Sequence[str]) -> list[StudioTask]:
        """The tasks, in order of id and without their answers, that carry these assignment ids."""
        found = []
        for start in range(0, len(assignment_ids), LOOK_UP):
            wanted = list(assignment_ids[start : start + LOOK_UP])
            found += self._listed(project_id, [_item("data.assignment_id", "in_list", "String", wanted)], LOOK_UP)
        return sorted(found, key=lambda task: task.id)

    def all_tasks(self, project_id: int) -> list[StudioTask]:
        """Every task of a project, in order of id and without answers."""
        return self._listed(project_id, [], 1000)

    def _listed(self, project_id: int, items: list[dict[str, Any]], page_size: int) -> list[StudioTask]:
        fields = "id,data,overlap,updated_at,total_annotations,cancelled_annotations"
        return [
            task_of(task)
            for page in self._pages(project_id, items, page_size, fields="task_only", include=fields)
            for task in page
        ]

    def set_overlap(self, task_id: int, answers: int) -> None:
        """Ask for answers of so many different people to one task."""
        with self._speaking("ask for several answers to a task"):
            self._sdk.tasks.update(str(task_id), overlap=answers, request_options=SAME_TWICE)

    def delete_task(self, task_id: int) -> None:
        """Delete a task; one that is gone already is no trouble."""
        try:
            with self._speaking("delete a task"):
                self._sdk.tasks.delete(str(task_id), request_options=SAME_TWICE)
        except _NotThere:
            return

    # Answers

    def newest_change(self, project_id: int) -> str | None:
        """When a task of the project last changed, by the server's clock; None where there are no tasks."""
        with self._speaking("look for changes", project_id):
            query = json.dumps({"ordering": ["-tasks:updated_at"]})
            pages: Any = self._sdk.tasks.list(
                project=project_id, page_size=1, include="id,updated_at", query=query, request_options=READ
            )
            return next((moment_of(task.updated_at) for task in pages.items or []), None)

    def answered_tasks(self, project_id: int, since: str) -> Iterator[list[StudioTask]]:
        """Pages of the tasks that changed after `since` and have answers, cancelled ones among them, with all of these.

        A task with both answers and cancelled ones comes twice.
        """
        changed = _item("updated_at", "greater", "Datetime", since)
        for count in ("total_annotations", "cancelled_annotations"):
            for page in self._pages(project_id, [changed, _item(count, "greater", "Number", 0)], PAGE, fields="all"):
                yield [task_of(task, tuple(map(self._answer, task.annotations or []))) for task in page]

    def emptied_tasks(self, project_id: int, since: str, recent: Sequence[int]) -> list[StudioTask]:
        """The tasks that changed after `since` and have no answer now: those made before it, and those in `recent`."""
        empty = [
            _item("updated_at", "greater", "Datetime", since),
            _item("total_annotations", "equal", "Number", 0),
            _item("cancelled_annotations", "equal", "Number", 0),
        ]
        found = self._listed(project_id, [*empty, _item("created_at", "less_or_equal", "Datetime", since)], 1000)
        for start in range(0, len(recent), LOOK_UP):
            ids = list(recent[start : start + LOOK_UP])
            found += self._listed(project_id, [*empty, _item("id", "in_list", "Number", ids)], LOOK_UP)
        return found

    def answer_exists(self, answer_id: int) -> bool:
        """Whether an annotation is still there."""
        try:
            with self._speaking("look for an answer"):
                self._sdk.annotations.get(answer_id, request_options=READ)
        except _NotThere:
            return False
        return True

    def annotate(
        self,
        task_id: int,
        result: list[dict[str, Any]],
        *,
        annotator: str | None = None,
        lead_time: float | None = None,
        unique_id: str | None = None,
    ) -> int | None:
        """Give an answer to a task.

        Args:
            annotator: One of `ensure_users`; by default the owner of the token.
            lead_time: Seconds that the answer took.
            unique_id: A UUID that names the answer, so that a repeat does not give a second one.

        Returns:
            The answer's id; None where an answer with this `unique_id` is there already.
        """
        from label_studio_sdk.core.api_error import ApiError

        given = {"lead_time": lead_time, "unique_id": unique_id}
        if annotator is not None:
            given["completed_by"] = self.ensure_users([annotator])[annotator]
        named = {name: value for name, value in given.items() if value is not None}
        with self._speaking("take an answer"):
            try:
                return self._sdk.annotations.create(
                    task_id,
                    result=result,
                    request_options=WRITE if unique_id is None else SAME_TWICE,
                    **named,  # type: ignore[arg-type]
                ).id
            except ApiError as error:
                if error.status_code == 409 and unique_id is not None:
                    return None
                raise

    def skip(self, task_id: int) -> int:
        """Decline to answer a task, as its Skip button does."""
        with self._speaking("take a skipped task"):
            return self._sdk.annotations.create(task_id, result=[], was_cancelled=True, request_options=WRITE).id

    # People

    def ensure_users(self, names: Sequence[str]) -> dict[str, int]:
        """The ids of annotators by name; those that are not there are made, without a password.

        Raises:
            RequestError: A name cannot be part of an address.
        """
        with self._users_lock:
            known = {name: user for user, name in self._users.items()}
            if not set(names) <= set(known):
                known = {name: user for user, name in self._read_users().items()}
            for name in dict.fromkeys(names):
                if name not in known:
                    known[name] = self._make_user(name)
            return {name: known[name] for name in names}

    def _make_user(self, name: str) -> int:
        import re

        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,60}", name):
            raise RequestError(
                f'"{name}" cannot be an annotator\'s name; use lower-case letters, digits, ".", "_" and "-".'
            )
        with self._speaking(f'make the annotator "{name}"'):
            made = self._sdk.users.create(username=name, email=name + ANNOTATOR_DOMAIN, request_options=WRITE)
        self._users[made.id] = name
        return made.id

    def _read_users(self) -> dict[int, str]:
        with self._speaking("list its people"):
            users = self._sdk.users.list(request_options=READ)
        self._users = {user.id: user.email.removesuffix(ANNOTATOR_DOMAIN) for user in users if user.id and user.email}
        return self._users

    def _annotator(self, user: int | None) -> str:
        if user is None:
            return "unknown"
        if user not in self._users:
            with self._users_lock:
                self._read_users()
                # Someone who left is no longer listed; their answers still are one person's.
                self._users.setdefault(user, f"user-{user}")
        return self._users[user]

    def _answer(self, found: Any) -> StudioAnswer:
        given = found if isinstance(found, dict) else found.dict()
        return StudioAnswer(
            id=given["id"],
            result=given["result"] or [],
            annotator=self._annotator(given["completed_by"]),
            cancelled=bool(given["was_cancelled"]),
            created_at=datetime.fromisoformat(given["created_at"]),
            updated_at=given["updated_at"],
            lead_time=given["lead_time"],
        )

    def _pages(self, project_id: int, items: list[dict[str, Any]], page_size: int, **asked: Any) -> Iterator[list[Any]]:
        # Pages by offset would skip tasks when others change their place in between; ids do not change.
        last = 0
        while True:
            beyond = _item("id", "greater", "Number", last)
            query = {"filters": {"conjunction": "and", "items": [*items, beyond]}, "ordering": ["tasks:id"]}
            with self._speaking("list its tasks", project_id):
                page: Any = (
                    self._sdk.tasks.list(
                        project=project_id,
                        page_size=page_size,
                        query=json.dumps(query),
                        request_options=READ,
                        **asked,
                    ).items
                    or []
                )
            if page:
                yield page
            if len(page) < page_size:
                return
            last = page[-1].id


def _item(column: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
