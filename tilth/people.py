"""Between a project and the people who answer: the studio, what is sent, what comes back, what is doubted."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from store.errors import RequestError
from tilth.project import Project

if TYPE_CHECKING:
    from labeling.agreement import Agreement
    from labeling.studio_client import StudioClient
    from labeling.studio_project import StudioProject
    from store.curation.settings import CurationSettings
    from store.database import Store

Say = Callable[[str], None]


class StudioKeyMissing(RequestError):
    """The project names a Label Studio elsewhere, and there is no key for it."""


class TwoChoices(RequestError):
    """A push was asked for two kinds of records at once."""


def studio_client(project: Project, say: Say) -> "StudioClient":
    """The Label Studio that the project file names, else the project's own, started if need be.

    Raises:
        StudioKeyMissing: `[studio] url` is set and LABEL_STUDIO_API_KEY is not.
    """
    from labeling.studio import up
    from labeling.studio_client import StudioClient

    elsewhere = project.file.studio
    if elsewhere is None:
        studio = up(project.folder, say=say)
        return StudioClient(studio.url, studio.token, studio=studio.studio)
    key = os.environ.get("LABEL_STUDIO_API_KEY")
    if not key:
        raise StudioKeyMissing(
            f"{project.file_path.name} names the Label Studio at {elsewhere.url}, but LABEL_STUDIO_API_KEY is "
            f"not set; put "
            "your access token there (Account & Settings in Label Studio)."
        )
    return StudioClient(elsewhere.url, key)


@contextmanager
def people(project: Project, say: Say) -> Iterator[tuple["Store", "StudioProject"]]:
    """The store, and the Label Studio project in which people answer."""
    from labeling.studio_project import open_project

    wanted = project.file.studio.project_id if project.file.studio is not None else None
    with closing(studio_client(project, say)) as client, project.open_store() as store:
        yield store, open_project(store, client, project.schema, project.file.project.name, project_id=wanted)


def studio_up(project: Project, *, port: int | None, restore: bool, new_project: bool, say: Say) -> Iterator[str]:
    """Start Label Studio and make the project; say where it is and how to sign in."""
    from labeling.studio import up
    from labeling.studio_project import bring_up_to_date, restore_config, start_over

    studio = up(project.folder, port=port, say=say) if project.file.studio is None else None
    if new_project:
        with project.open_store() as store:
            lost = start_over(store, studio_client(project, say))
        yield f"A new project begins; {lost} unanswered records will be sent to it by the next push."
    with people(project, say) as (store, where):
        if restore:
            restore_config(store, where)
            yield "The labeling set-up is again what the schema says."
        else:
            bring_up_to_date(store, where)
        yield f"Label Studio is at {where.url}"
    if studio is not None:
        yield f"Sign in as {studio.email} with the password {studio.password}"


def studio_down(project: Project) -> str:
    """Stop the embedded Label Studio."""
    from labeling.studio import down

    return "Label Studio is stopped." if down(project.folder) else "Label Studio was not running."


def push_chosen(
    project: Project, *, n: int | None, strategy: str | None, issues: bool, limit: int | None, say: Say
) -> Iterator[str]:
    """Send what was chosen and not yet sent; with `n`, choose so many first; with `issues`, the suspicious labels.

    Raises:
        TwoChoices: Both `n` and `issues` are given.
        PoolEmpty: There is no record left to choose.
    """
    from active_learning.draw_now import draw_now
    from active_learning.rounds import require_pool
    from active_learning.strategies import strategy as strategy_called
    from labeling.push import push
    from labeling.relook import relook_assignments
    from store import assignments

    if n is not None and issues:
        raise TwoChoices("-n chooses new records and --issues those with suspicious labels; push one, then the other.")
    settings = learning_settings(project)
    name = strategy or settings.strategy
    if n is not None:
        strategy_called(name)
        with project.open_store() as store:
            require_pool(store)  # before Label Studio is started for it
    with people(project, say) as (store, where):
        waiting = assignments.assignments(store, states=("intended", "lost"))
        chosen = waiting.select(assignments.GIVEN_COLUMNS.names)
        if n is not None:
            chosen = draw_now(
                store,
                project.schema,
                project.folder,
                settings,
                n,
                name,
                curation_settings(project),
                say,
            )
        if issues:
            chosen = relook_assignments(store, limit)
        if not chosen.num_rows:
            yield (
                "No label is under suspicion; `tilth audit` looks for them."
                if issues
                else "Nothing is waiting to be sent. `tilth push -n 50` chooses 50 records, `tilth round` runs "
                "a whole round."
            )
            return
        done = push(store, where, chosen)
        yield f"{done.created} tasks sent, {done.already_there + done.recovered} were there already: {where.url}"


def pull_answers(project: Project, say: Say) -> Iterator[str]:
    """Bring in what changed, resolve the labels, and settle the second looks."""
    with people(project, say) as (store, where):
        yield from take_in_answers(store, where)


def take_in_answers(store: "Store", where: "StudioProject") -> Iterator[str]:
    """Pull, resolve, settle; and say what came."""
    from labeling.pull import pull
    from labeling.relook import settle
    from labeling.resolve import resolve_labels

    came = pull(store, where)
    changed = resolve_labels(store, where.schema)
    settled = settle(store, where.schema)
    yield f"{came.new} new answers, {came.changed} changed, {came.deleted} taken back; {changed} labels changed."
    if came.outside_schema:
        yield f"{came.outside_schema} answers name no class of the schema; they are kept as issues, not as labels."
    if came.lost:
        yield f"{came.lost} tasks were deleted in Label Studio; `tilth push` sends them again."
    if came.config_edited:
        yield f"{came.config_edited} `tilth studio up --restore-config` puts it back."
    if settled.corrected or settled.confirmed:
        yield f"Looked at again: {settled.corrected} labels corrected, {settled.confirmed} confirmed."


@dataclass(frozen=True)
class Audited:
    """What an audit found, as the command line shows it."""

    lines: list[str]
    suspicious: list[list[Any]] = field(default_factory=list)
    annotators: list[list[Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def audit_project(project: Project, *, show: int, say: Say) -> Audited:
    """Doubt the labels as they are now, and keep the doubts as issues."""
    from active_learning.audit_labels import audit_labels
    from tilth.report.facts import suspicions

    with project.open_store() as store:
        found = audit_labels(store, project.schema, project.folder, learning_settings(project), say=say)
        shown = suspicions(store, limit=show)
    return Audited(
        lines=[
            f"{found.judged} labels looked at; {found.flagged.num_rows} are probably wrong, {found.new} of them "
            f"not known before.",
            _agreement(found.agreement),
        ],
        suspicious=[[one.score, one.given, one.suggested, one.text[:100]] for one in shown if one.state == "open"],
        annotators=[
            [row["annotator"], row["answers"], row["agreement"], row["quality"], row["median_lead_time"]]
            for row in found.annotators.to_pylist()
        ],
        figures={"labels": found.judged, "flagged": found.flagged.num_rows, "alpha": found.agreement.alpha},
    )


def waits_for_another(store: "Store") -> str:
    """Why records wait that were answered, and what to do where there is nobody else; empty when none does."""
    from store.assignments import half_answered

    n = half_answered(store)
    if not n:
        return ""
    one = n == 1
    return (
        f" {n} record{'' if one else 's'} {'was' if one else 'were'} answered and wait{'s' if one else ''} for "
        "another person, who signs in to Label Studio under an account of their own. Where there is nobody else, "
        "say repeat_share = 0 and annotators_per_record = 1 under [labeling] and ask_again = false under [rounds]; "
        "tilth round then goes on."
    )


def _agreement(found: "Agreement") -> str:
    if not found.records:
        return (
            "No record was answered by several people, so how far they agree is not known; repeat_share = 0.1 under "
            "[labeling] asks one more person about a tenth of the records."
        )
    alpha = "not defined" if found.alpha is None else f"{found.alpha:.3f}"
    return f"Krippendorff's alpha: {alpha}, over {found.records} records that several people answered."


def curation_settings(project: Project) -> "CurationSettings":
    """What the project file wants to have set aside before records are chosen."""
    return project.file.curation.settings(project.file.project.language)


def learning_settings(project: Project) -> Any:
    """What the project file decides about rounds and models."""
    from active_learning.settings import LearningSettings

    declared = project.file
    return LearningSettings(
        size=declared.rounds.size,
        strategy=declared.rounds.strategy,
        holdout=declared.rounds.holdout,
        control_share=declared.rounds.control_share,
        price_per_answer=declared.rounds.price_per_answer,
        value_per_point=declared.rounds.value_per_point,
        ask_again=declared.rounds.ask_again,
        seed=declared.rounds.seed,
        annotators_per_record=declared.labeling.annotators_per_record,
        repeat_share=declared.labeling.repeat_share,
        model=declared.training.model,
        encoder=declared.training.encoder,
        warm_start=declared.training.warm_start,
        track=declared.training.track,
        name=declared.project.name,
        license=declared.project.license or "",
        language=declared.project.language,
    )
