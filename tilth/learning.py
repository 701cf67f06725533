"""A project's models and rounds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from store.errors import RequestError
from tilth.people import curation_settings, learning_settings, people, waits_for_another
from tilth.project import Project

if TYPE_CHECKING:
    from store.database import Store

Say = Callable[[str], None]
LOOK_SECONDS = 5.0


class NoModel(RequestError):
    """Nothing was fitted yet."""


def fit_project(project: Project, say: Say) -> Iterator[str]:
    """Resolve the labels, fit the model, and say where it lies."""
    from active_learning.fit import fit_model
    from labeling.resolve import resolve_labels

    with project.open_store() as store:
        resolve_labels(store, project.schema)
        model = fit_model(store, project.schema, project.folder, learning_settings(project), say=say)
        yield f"Model {model.model_id} ({model.rung}, {model.recipe['labels']} labels) lies in {model.path}."


@dataclass(frozen=True)
class Evaluated:
    """The current model's figures, as the command line shows them."""

    metrics: dict[str, Any]
    scalars: list[list[Any]]
    per_class: list[list[Any]]
    lines: list[str]


def evaluate_project(project: Project, say: Say) -> Evaluated:
    """Measure the current model on the holdout.

    Raises:
        NoModel: None was fitted.
    """
    from active_learning.fit import evaluate_model, metrics_json
    from store import models
    from tilth.report import SCALAR_NAMES

    with project.open_store() as store:
        current = models.current_model(store)
        if current is None:
            raise NoModel("No model was fitted yet; `tilth fit` fits one, `tilth round` runs a whole round.")
        measured = evaluate_model(store, project.schema, learning_settings(project), current, say=say)
        figures = metrics_json(measured, current.recipe["labels"])
        lines = proof_said(store)
    holdout = figures["holdout"]
    return Evaluated(
        metrics=figures,
        scalars=[
            [title, holdout[key]["value"], holdout[key]["low"], holdout[key]["high"]]
            for key, title in SCALAR_NAMES.items()
            if holdout.get(key) and holdout[key]["value"] is not None
        ],
        per_class=[
            [name, row["precision"], row["recall"], row["f1"], row["support"]]
            for name, row in holdout["per_class"].items()
        ],
        lines=lines,
    )


def run_rounds(
    project: Project, *, rounds: int, wait: bool, say: Say, budget: int | None = None, answers: int | None = None
) -> Iterator[str]:
    """Run rounds until so many are done, the budget is spent, the pool is empty, or nobody waits for people's answers.

    Args:
        budget: How many answers the project may have asked for, all rounds together, when a further one begins.
        answers: How many answers each new round asks for; the project file says so unless given.

    Raises:
        PoolEmpty: Not even one round can begin.
    """
    from active_learning.opened_again import opened_states
    from active_learning.rounds import Bench, PoolEmpty, require_round, run_round
    from store import assignments
    from store.rounds import DONE

    settings = replace(learning_settings(project), budget=answers)
    with project.open_store() as store:
        require_round(store, settings)  # before Label Studio is started for it
        if (kept := budget_not_taken(store, answers)) is not None:
            say(kept)
    with people(project, say) as (store, where):
        bench = Bench(
            store=store,
            schema=project.schema,
            folder=project.folder,
            settings=settings,
            project=where,
            say=say,
            wait=_waiting(store, say) if wait else lambda _answered, _wanted: False,
            curation=curation_settings(project),
        )
        for number in range(rounds):
            if (spent := budget_spent(store, budget)) is not None:
                yield spent
                return
            try:
                done = run_round(bench)
            except PoolEmpty as error:
                if not number:
                    raise
                yield str(error)
                return
            if done.state != DONE:
                states = assignments.assignments(store, round_id=done.round_id)["state"].to_pylist()
                states += opened_states(store, done)
                yield (
                    f"Round {done.number} waits for people: {states.count('answered')} of {len(states)} records are "
                    f"answered at {where.url}. Run `tilth round` again when they are done.{waits_for_another(store)}"
                )
                return
            yield from proof_said(store)


def budget_not_taken(store: "Store", answers: int | None) -> str | None:
    """What to say where another budget is asked for than the open round began with."""
    from store.rounds import open_round

    begun = open_round(store)
    if begun is None or answers is None or answers == begun.numbers.get("budget"):
        return None
    return f"Round {begun.number} is open and goes on as it began; --budget {answers} is for a new round."


def budget_spent(store: "Store", budget: int | None) -> str | None:
    """What to say where so many answers were asked for that no further round may begin; one that is open goes on."""
    from store import assignments
    from store.rounds import open_round

    if budget is None or open_round(store) is not None:
        return None
    asked = sum(assignments.assignments(store)["answers_wanted"].to_pylist())
    return f"The budget of {budget} answers is spent ({asked} were asked for)." if asked >= budget else None


def proof_said(store: "Store") -> list[str]:
    """What choosing saved so far, and whether more labels are worth asking for; nothing before a model was measured."""
    from active_learning.proof import Proof
    from store import models

    current = models.current_model(store)
    proof = Proof.from_json(current.metrics) if current is not None else None
    return proof.sentences() if proof is not None else []


def _waiting(store: "Store", say: Say) -> Callable[[int, int], bool]:
    said = -1

    def wait(answered: int, wanted: int) -> bool:
        nonlocal said
        if answered != said:
            say(
                f"Waiting for people: {answered} of {wanted} records are answered. Ctrl-C stops; the round goes on "
                f"later.{waits_for_another(store)}"
            )
            store.let_go()  # so that others can read it meanwhile
            said = answered
        time.sleep(LOOK_SECONDS)
        return True

    return wait
