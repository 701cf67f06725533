"""Simulated annotators: they know the truth, err as often as their care says, and answer through Label Studio's API.

For the demo, for tests, and for trying a project out on labels that one has. Half of their mistakes are any other
class, half a class that is easily taken for the right one. All they do follows from seed, record and attempt, so that
a run that was killed and begun again gets the same answers.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from labeling.answers import RELOOK
from store.errors import RequestError

if TYPE_CHECKING:
    from labeling.studio_project import StudioProject

THREADS = 6
"""Label Studio takes 9 answers a second from one thread, 22 from six."""

NEAR_SHARE = 0.5
SECOND_LOOK_MISTAKES = 0.3
"""Of the mistakes that somebody would make at first sight, so many remain when told what is doubted."""

_ANSWERS = uuid.UUID("6f0a2f0e-6a0c-5d0e-9a44-1f2b9a6b7c11")


class NoTruth(RequestError):
    """Simulated annotators were asked about a record, or a class, that they do not know the truth of."""


@dataclass(frozen=True)
class SimulatedAnnotator:
    """Somebody who is right with probability `care`.

    Args:
        name: As the annotator's name in Label Studio: lower-case letters, digits, ".", "_" and "-".
        classes: The label set.
        care: The probability of a right answer at first sight, in (0, 1]; a second look makes 0.3 of the mistakes.
        near: For a class those that are easily taken for it; a class that has none is mistaken for any other.
        seconds: The mean time that an answer takes.
        seed: Of what is answered.
    """

    name: str
    classes: tuple[str, ...]
    care: float
    near: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.care <= 1:
            raise RequestError(f"Annotator {self.name}: care {self.care} is no probability in (0, 1].")
        if len(self.classes) < 2:
            raise RequestError(f"Annotator {self.name} needs two classes or more to choose from.")

    def answer(self, record_id: str, truth: str, attempt: int = 0) -> dict[str, str]:
        """The value that they give; `attempt` counts the looks at this record, from 0: later ones are more careful.

        Raises:
            NoTruth: `truth` is not one of the classes.
        """
        if truth not in self.classes:
            raise NoTruth(f'The truth "{truth}" of record {record_id} is not a class that {self.name} can choose.')
        rng = self._rng("answer", record_id, attempt)
        mistakes = (1 - self.care) * (SECOND_LOOK_MISTAKES if attempt else 1.0)
        if rng.random() >= mistakes:
            return {"label": truth}
        near = [name for name in self.near.get(truth, ()) if name != truth and name in self.classes]
        others = [name for name in self.classes if name != truth]
        choices = near if near and rng.random() < NEAR_SHARE else others
        return {"label": choices[int(rng.integers(len(choices)))]}

    def lead_time(self, record_id: str, attempt: int = 0) -> float:
        """Seconds that the answer took: around `seconds`, a second look twice that."""
        spread = float(self._rng("lead time", record_id, attempt).gamma(4.0, 0.25))
        return round(self.seconds * (2.0 if attempt else 1.0) * spread, 2)

    def _rng(self, *of: object) -> np.random.Generator:
        # A stream of its own for each question, so that no answer depends on the order in which they are asked.
        key = "\n".join(map(str, (self.seed, self.name, *of)))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))


@dataclass(frozen=True)
class AnswersGiven:
    """What one go at the tasks came to: answers given now, those that were there already, tasks that are not there."""

    given: int
    known: int
    missing: int


def answer_open_tasks(
    project: "StudioProject",
    annotators: Sequence[SimulatedAnnotator],
    truth: Mapping[str, str],
    asked: pa.Table,
    *,
    threads: int = THREADS,
) -> AnswersGiven:
    """Have simulated annotators answer what people were asked.

    May be killed and called again: an answer has an id of its own, which Label Studio takes once.

    Args:
        annotators: As many as the most answers wanted to one task, or more; who answers follows from the assignment.
        truth: The right class by record id.
        asked: The assignments that wait for an answer: `assignment_id`, `record_id`, `purpose`, `answers_wanted`.
        threads: How many answers are under way at a time.

    Raises:
        NoTruth: A record has no truth. Nothing was answered then.
        RequestError: A task wants more answers than there are annotators. Nothing was answered then.
        StudioUnreachable, StudioRefused, ProjectGone: Label Studio does not take answers.
    """
    rows = asked.to_pylist()
    _require_answerable(rows, annotators, truth)
    tasks = {task.assignment_id: task.id for task in reversed(project.client.all_tasks(project.id))}
    project.client.ensure_users([annotator.name for annotator in annotators])
    work = [(tasks[row["assignment_id"]], row) for row in rows if row["assignment_id"] in tasks]

    def give(task_id: int, row: Mapping[str, str], annotator: SimulatedAnnotator) -> bool:
        attempt = int(row["purpose"] == RELOOK)
        given = project.annotate(
            task_id,
            annotator.answer(row["record_id"], truth[row["record_id"]], attempt),
            annotator=annotator.name,
            lead_time=annotator.lead_time(row["record_id"], attempt),
            unique_id=str(uuid.uuid5(_ANSWERS, f"{project.origin}/{task_id}/{annotator.name}")),
        )
        return given is not None

    def give_all(task_id: int, row: Mapping[str, str]) -> list[bool]:
        # One after another: of two answers that reach a task at once, Label Studio counts one.
        who = who_answers(row["assignment_id"], annotators, int(row["answers_wanted"]))
        return [give(task_id, row, annotator) for annotator in who]

    with ThreadPoolExecutor(threads) as pool:
        fresh = [new for given in pool.map(lambda piece: give_all(*piece), work) for new in given]
    missing = sum(row["assignment_id"] not in tasks for row in rows)
    return AnswersGiven(given=sum(fresh), known=len(fresh) - sum(fresh), missing=missing)


def who_answers(assignment_id: str, annotators: Sequence[SimulatedAnnotator], n: int) -> list[SimulatedAnnotator]:
    """The `n` distinct annotators who answer an assignment: the same ones whenever it is asked."""

    def draw(annotator: SimulatedAnnotator) -> str:
        return hashlib.sha256(f"{assignment_id}\n{annotator.name}".encode()).hexdigest()

    return sorted(annotators, key=draw)[:n]


def _require_answerable(
    rows: Sequence[Mapping[str, str]], annotators: Sequence[SimulatedAnnotator], truth: Mapping[str, str]
) -> None:
    unknown = [row["record_id"] for row in rows if row["record_id"] not in truth]
    if unknown:
        raise NoTruth(f"The truth of record {unknown[0]} is not known ({len(unknown)} of {len(rows)} asked are not).")
    most = max((int(row["answers_wanted"]) for row in rows), default=0)
    if most > len(annotators):
        raise RequestError(f"A task wants {most} answers, but there are only {len(annotators)} simulated annotators.")
