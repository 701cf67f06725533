"""One round of active learning as a state machine that lives in the store.

A round's state names the step that comes next. Each step makes its work durable together with the move to the next
state, or can be run again without doing anything twice; a round that was killed goes on where it stopped.

    score -> select -> push -> wait -> audit -> fit -> evaluate -> done

`wait` pulls what people answered, and ends when nobody is asked any more.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from active_learning.audit_labels import audit_labels
from active_learning.changed import draw_changed, without_changed
from active_learning.control_arm import COUNTED, chosen_before
from active_learning.draw import Drawn, draw_round
from active_learning.draw_again import SECOND_OPINION, labelled_now
from active_learning.fit import NothingToMeasureWith, evaluate_model, fit_model, metrics_json
from active_learning.model_now import model_now
from active_learning.opened_again import close_again, open_again, opened, opened_states
from active_learning.read_pool import as_pool
from active_learning.settings import LearningSettings
from active_learning.strategies import NEED_MEMBERS, STRATEGIES, strategy, strategy_or_stand_in
from labeling.answers import RELOOK
from labeling.audit import TooFewClasses
from labeling.pull import pull
from labeling.push import push
from labeling.second_opinion import open_for_more
from labeling.studio_project import StudioProject
from store import assignments, models, pool, predictions, rounds, splits
from store.curation.curate import curate_when_new
from store.curation.settings import CurationSettings
from store.database import Store
from store.errors import RequestError
from store.label_schema import LabelSchema
from store.snapshots import NothingLabelled
from training.errors import TooFewLabels

Say = Callable[[str], None]
NEW = ("selected", "control", "holdout")
# A model may not have suggested what it is measured against, and what is asked again is to be a person's own opinion.
WITH_SUGGESTION = ("selected", "control")
MEASURED = ("holdout", "test")
ASKED_AGAIN = (RELOOK, SECOND_OPINION)


class PoolEmpty(RequestError):
    """There is no record left to ask about."""


@dataclass(frozen=True)
class Bench:
    """What a round works with.

    Attributes:
        folder: The project's folder.
        project: The Label Studio project that people answer in.
        wait: Called while answers are outstanding, with how many are in and how many are wanted; the round goes on
            waiting while it gives True, and stops where it is, to be taken up later, when it gives False.
        curation: What is set aside before records are chosen.
    """

    store: Store
    schema: LabelSchema
    folder: Path
    settings: LearningSettings
    project: StudioProject
    say: Say
    wait: Callable[[int, int], bool]
    curation: CurationSettings = field(default_factory=CurationSettings)


def run_round(bench: Bench) -> rounds.Round:
    """Take the open round, or a new one, as far as it goes: to its end, or to where people's answers are outstanding.

    Raises:
        PoolEmpty: Every record is labelled, held out or set aside.
    """
    current = rounds.open_round(bench.store)
    if current is None:
        settings = bench.settings
        keep_up(bench.store, bench.curation)
        require_round(bench.store, settings)
        answers = settings.budget or settings.size * settings.annotators_per_record
        current = rounds.begin_round(
            bench.store,
            first_step="score",
            strategy=settings.strategy,
            size=max(1, answers // settings.annotators_per_record),
            seed=settings.seed,
            numbers={"budget": answers},
        )
        bench.say(f"Round {current.number} begins.")
    else:
        bench.say(f"Round {current.number} goes on at: {current.state}.")
    while current.state != rounds.DONE:
        moved = STEPS[current.state](bench, current)
        if moved is None:
            return current
        current = moved
    return current


def require_round(store: Store, settings: LearningSettings) -> None:
    """Return when a round is open or one can begin.

    Raises:
        UnknownStrategy: There is no strategy of the name that the settings have.
        PoolEmpty: No record can be asked about.
    """
    if rounds.open_round(store) is None:
        strategy(settings.strategy)
        require_pool(store)


def require_pool(store: Store) -> None:
    """Raise `PoolEmpty` when no record can be asked about."""
    if not pool.pool(store).num_rows:
        raise PoolEmpty("No record is left to ask about: bring more in with tilth crawl or tilth import.")


def keep_up(store: Store, curation: CurationSettings) -> int:
    """Bring curation and splits up to what came since they were last looked at; gives how many records another speaks
    for."""
    near_equal = curate_when_new(store, curation)
    splits.inherit_splits(store)
    return near_equal


def _score(bench: Bench, current: rounds.Round) -> rounds.Round:
    near_equal = keep_up(bench.store, bench.curation)
    model_now(bench.store, bench.schema, bench.folder, bench.settings, bench.say)
    return rounds.move_round(bench.store, current.round_id, "select", {"set_aside_as_duplicates": near_equal})


def _select(bench: Bench, current: rounds.Round) -> rounds.Round:
    # Records may have come since, where the round stopped here and goes on later.
    keep_up(bench.store, bench.curation)
    model = model_now(bench.store, bench.schema, bench.folder, bench.settings, bench.say)
    candidates = pool.pool(bench.store)
    changed = draw_changed(candidates, bench.schema, bench.settings, current.size)
    batch, by = _draw_new(bench, current, without_changed(candidates), model, changed)
    drawn, counted = ([one for one in batch if (one.answers_wanted > 0) == asked] for asked in (True, False))
    cluster = dict(zip(candidates["record_id"].to_pylist(), candidates["cluster_id"].to_pylist(), strict=True))
    sent = [one for one in drawn if not one.opens]
    shown = shown_predictions(bench.store, model, [one.record_id for one in sent if one.purpose in WITH_SUGGESTION])
    counts = {purpose: sum(one.purpose == purpose for one in drawn) for purpose in NEW}
    again = {purpose: n for purpose in ASKED_AGAIN if (n := sum(one.purpose == purpose for one in drawn))}
    held = [one.record_id for one in drawn if one.purpose == "holdout"]
    with bench.store.transaction():
        splits.assign_splits(
            bench.store,
            pa.table(
                {
                    "record_id": pa.array(held, pa.string()),
                    "split": pa.array(["holdout"] * len(held), pa.string()),
                    "group_id": pa.array([cluster[one] for one in held], pa.string()),
                }
            ),
            origin="drawn",
        )
        assignments.intend(
            bench.store,
            assignment_rows(bench.schema, current.round_id, sent, model, shown),
            studio=bench.project.client.studio,
            project_id=bench.project.id,
        )
        numbers = {"asked": counts | again, "changed": len(changed), COUNTED: [one.record_id for one in counted]}
        numbers |= open_again(bench.store, [one for one in drawn if one.opens])
        moved = rounds.move_round(bench.store, current.round_id, "push", numbers)
    bench.say(
        f"Chosen: {counts['selected']} by {by}, {counts['control']} at random to train on, "
        f"{counts['holdout']} at random to measure with."
    )
    if again:
        bench.say(
            f"Asked again, where that tells more than a new record: {again.get(RELOOK, 0)} doubted labels, "
            f"{again.get(SECOND_OPINION, 0)} others for a second opinion."
        )
    if changed:
        bench.say(f"{len(changed)} of them come first: their text changed since people were asked.")
    return moved


def _draw_new(
    bench: Bench, current: rounds.Round, new: pa.Table, model: models.Model | None, changed: list[Drawn]
) -> tuple[list[Drawn], str]:
    """The whole batch, `changed` first; and for a person what chose it, with the reason where another stood in."""
    if not new.num_rows:
        return changed, current.strategy
    held_out = sum(row["records"] for row in splits.split_counts(bench.store).to_pylist() if row["split"] in MEASURED)
    # Rounds of before answers were counted have a size alone.
    budget = current.numbers.get("budget", current.size * bench.settings.annotators_per_record)
    left = budget - sum(one.answers_wanted for one in changed if one.purpose != "holdout")
    settings = replace(bench.settings, strategy=current.strategy, seed=current.seed)
    where = bench.project
    labelled = None
    if settings.ask_again:
        labelled = labelled_now(bench.store, bench.schema, model, studio=where.client.studio, project_id=where.id)
    choices = as_pool(
        bench.store,
        bench.schema,
        bench.settings,
        new,
        model,
        members_from=bench.folder if current.strategy in NEED_MEMBERS else None,
    )
    taken, why = strategy_or_stand_in(current.strategy, choices)
    drawn = draw_round(
        choices,
        settings,
        current.number,
        STRATEGIES[taken],
        holdout_wanted=max(0, settings.holdout - held_out),
        labelled=labelled,
        answers=max(0, left),
        chosen_before=chosen_before(bench.store),
    )
    return changed + drawn, taken if why is None else f"{taken}, since {why}"


def shown_predictions(store: Store, model: models.Model | None, ids: list[str]) -> dict[str, np.ndarray]:
    """What the current model says of these records, float64 (K,) each; nothing where there is no model."""
    if model is None:
        return {}
    known, said = predictions.predictions(store, model.model_id)
    wanted = set(ids)
    return {one: said[row] for row, one in enumerate(known) if one in wanted}


def assignment_rows(
    schema: LabelSchema,
    round_id: str | None,
    drawn: list[Drawn],
    model: models.Model | None,
    shown: dict[str, np.ndarray],
) -> pa.Table:
    """What was drawn, as the rows that `store.assignments.intend` takes.

    People see what `shown` has of the model, or the suggestion that a record comes with; that is no model's.
    """
    shown = {one.record_id: shown[one.record_id] for one in drawn if not one.suggestion and one.record_id in shown}
    rows = [
        {
            "assignment_id": one.assignment or assignments.assignment_id(one.record_id, one.purpose, round_id),
            "record_id": one.record_id,
            "round_id": round_id,
            "purpose": one.purpose,
            "why": one.why,
            "score": one.score,
            "position": place,
            "answers_wanted": one.answers_wanted,
            "model_id": model.model_id if model is not None and one.record_id in shown else None,
            "prediction": _prediction_json(schema, one, shown.get(one.record_id)),
        }
        for place, one in enumerate(drawn)
    ]
    return pa.Table.from_pylist(rows, schema=assignments.GIVEN_COLUMNS)


def _prediction_json(schema: LabelSchema, one: Drawn, probabilities: np.ndarray | None) -> str | None:
    if one.suggestion is not None:
        said = {one.suggestion: 1.0}
    elif probabilities is not None:
        said = {name: round(float(p), 4) for name, p in zip(schema.classes, probabilities, strict=True)}
    else:
        return None
    return json.dumps({"probabilities": said}, ensure_ascii=False)


def _push(bench: Bench, current: rounds.Round) -> rounds.Round:
    chosen = assignments.assignments(bench.store, round_id=current.round_id)
    pushed = push(bench.store, bench.project, chosen.select(assignments.GIVEN_COLUMNS.names))
    more = open_for_more(bench.store, bench.project, opened(current))
    for_another = f", {more} opened for another person" if more else ""
    bench.say(f"Sent to Label Studio: {pushed.created} tasks{for_another}.")
    return rounds.move_round(bench.store, current.round_id, "wait")


def _wait(bench: Bench, current: rounds.Round) -> rounds.Round | None:
    settings = bench.settings
    while True:
        pull(bench.store, bench.project)
        # Who takes `repeat_share` back is no longer kept waiting for somebody who is not there.
        most = settings.annotators_per_record + (settings.repeat_share > 0)
        assignments.want_at_most(bench.store, current.round_id, most)
        if not settings.ask_again:
            close_again(bench.store, current)
        # A task that was deleted in Label Studio will never be answered, and is not waited for.
        asked = assignments.assignments(bench.store, round_id=current.round_id)["state"].to_pylist()
        asked += opened_states(bench.store, current)
        states = [state for state in asked if state not in ("lost", "withdrawn")]
        answered, wanted = states.count("answered"), len(states)
        if answered == wanted:
            return rounds.move_round(bench.store, current.round_id, "audit", {"answered": answered})
        bench.store.let_go()
        if not bench.wait(answered, wanted):
            return None


def _audit(bench: Bench, current: rounds.Round) -> rounds.Round:
    try:
        found = audit_labels(
            bench.store, bench.schema, bench.folder, bench.settings, round_id=current.round_id, say=bench.say
        )
    except (NothingLabelled, TooFewLabels, TooFewClasses) as error:
        bench.say(f"Not audited: {error}")
        return rounds.move_round(bench.store, current.round_id, "fit")
    return rounds.move_round(bench.store, current.round_id, "fit", {"label_errors": found.flagged.num_rows})


def _fit(bench: Bench, current: rounds.Round) -> rounds.Round:
    try:
        model = fit_model(
            bench.store, bench.schema, bench.folder, bench.settings, round_id=current.round_id, say=bench.say
        )
    except (NothingLabelled, TooFewLabels) as error:
        # The next round asks for more; a round that cannot end would stand in its way.
        bench.say(f"No model was fitted: {error}")
        return rounds.move_round(bench.store, current.round_id, rounds.DONE)
    return rounds.move_round(bench.store, current.round_id, "evaluate", {"model_id": model.model_id})


def _evaluate(bench: Bench, current: rounds.Round) -> rounds.Round:
    model = models.model(bench.store, current.numbers["model_id"])
    assert model is not None
    try:
        measured = evaluate_model(bench.store, bench.schema, bench.settings, model, say=bench.say)
    except NothingToMeasureWith:
        return rounds.move_round(bench.store, current.round_id, rounds.DONE, {"labels": model.recipe["labels"]})
    figures = metrics_json(measured, model.recipe["labels"])
    accuracy = figures["holdout"]["accuracy"]
    bench.say(
        f"Round {current.number}: accuracy on the holdout {accuracy['value']:.3f} "
        f"({accuracy['low']:.3f} to {accuracy['high']:.3f}) with {model.recipe['labels']} labels."
    )
    return rounds.move_round(bench.store, current.round_id, rounds.DONE, figures)


STEPS: dict[str, Callable[[Bench, rounds.Round], rounds.Round | None]] = {
    "score": _score,
    "select": _select,
    "push": _push,
    "wait": _wait,
    "audit": _audit,
    "fit": _fit,
    "evaluate": _evaluate,
}
