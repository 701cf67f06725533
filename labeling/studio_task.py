"""What Label Studio holds, in our own terms: projects, tasks and answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class StudioAnswer:
    """One annotation as Label Studio has it now; `lead_time` is in seconds."""

    id: int
    result: list[dict[str, Any]]
    annotator: str
    cancelled: bool
    created_at: datetime
    updated_at: str
    lead_time: float | None


@dataclass(frozen=True)
class StudioTask:
    """One task.

    Attributes:
        assignment_id: None where the task was not sent by tilth.
        overlap: How many people are to answer it.
        touched: Whether anyone answered it, or declined to.
        answers: Empty where they were not asked for.
    """

    id: int
    assignment_id: str | None
    updated_at: str
    overlap: int = 1
    touched: bool = False
    answers: tuple[StudioAnswer, ...] = ()


@dataclass(frozen=True)
class ProjectState:
    """What Label Studio says of a project: how many tasks, and what it asks."""

    id: int
    title: str
    description: str
    config: str
    tasks: int


def task_of(found: Any, answers: tuple[StudioAnswer, ...] = ()) -> StudioTask:
    """A task of the SDK in our own terms."""
    assignment_id = (found.data or {}).get("assignment_id")
    return StudioTask(
        id=found.id,
        assignment_id=assignment_id if isinstance(assignment_id, str) else None,
        updated_at=moment_of(found.updated_at),
        overlap=found.overlap or 1,
        touched=bool(found.total_annotations or found.cancelled_annotations),
        answers=answers,
    )


def moment_of(found: Any) -> str:
    """A time as the server's filters take it, to the microsecond and in UTC."""
    moment = datetime.fromisoformat(found) if isinstance(found, str) else found
    return str(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
