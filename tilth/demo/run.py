"""The whole job on a small site of its own: crawl, label, doubt, learn, publish, report; it says what it finds."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from active_learning.audit_labels import audit_labels
from active_learning.fit import evaluate_model, fit_model
from active_learning.rounds import Bench, run_round
from labeling.push import push
from labeling.relook import relook_assignments
from labeling.simulated_annotators import SimulatedAnnotator, answer_open_tasks
from labeling.studio_project import StudioProject
from store import annotations, assignments, labels, records
from store.database import Store
from store.errors import RequestError
from store.label_schema import LabelSchema
from tilth.demo import website
from tilth.gathering import crawl_sources
from tilth.people import curation_settings, learning_settings, people, studio_down, take_in_answers
from tilth.project import Project
from tilth.project_file import FILE_NAME
from tilth.publishing import publish_project
from tilth.report import write_report

Say = Callable[[str], None]

ROUNDS = 5
CARE = {"ada": 0.97, "bruno": 0.92, "carla": 0.80}
"""The simulated annotators, and how often each is right at first sight."""

MARK = ".tilth-demo"


class FolderOccupied(RequestError):
    """The demo's folder holds something else."""


@dataclass(frozen=True)
class Corrections:
    """What became of the wrong answers, which only the demo can know: it knows the truth.

    Attributes:
        wrong: Wrong answers that the annotators gave at first sight.
        outvoted: Those whose record got the right label by another person's answer.
        corrected: Those whose record got the right label by a second look.
        spoilt: Records with a right first answer that a second look made wrong.
    """

    wrong: int
    outvoted: int
    corrected: int
    spoilt: int

    def sentence(self) -> str:
        """The figures in words."""
        share = (self.outvoted + self.corrected) / self.wrong if self.wrong else 1.0
        return (
            f"The simulated annotators gave {self.wrong} wrong answers. A second look corrected "
            f"{self.corrected} of them, another "
            f"person's answer outvoted {self.outvoted}: {share:.0%} are put right. Second looks spoilt "
            f"{self.spoilt} right labels."
        )


def run_demo(folder: Path, *, keep: bool, say: Say) -> Corrections:
    """Run the whole job in `folder`, which is made anew, and say at each stage what it does and what it found.

    Args:
        keep: Leave Label Studio running at the end.

    Raises:
        FolderOccupied: The folder is there and is not an earlier demo.
    """
    _make_folder(folder)
    stages = _Stages(say)
    project = Project(folder)
    with website.serve() as site:
        (folder / FILE_NAME).write_text(_project_file(site.url), encoding="utf-8")
        stages.next(f"Crawl: a village board at {site.url}, over HTTP, and its noticeboard in a real browser.")
        crawled = crawl_sources(project, None, lambda _state: None, say)
    for line in [*crawled.lines(), *crawled.troubles]:
        say(line)
    try:
        with people(project, say) as (store, where):
            corrections = _label_and_learn(project, store, where, stages, say)
        stages.next("Publish: a release into a folder, and the report.")
        for line in publish_project(project, to=folder / "published", hub=None, say=say):
            say(line)
        write_report(project, folder / "report.html", notes=[corrections.sentence()])
    finally:
        if not keep:
            studio_down(project)
    say("")
    say(f"Done in {stages.seconds():.0f} s. Where to look:")
    say(f"  {folder / 'report.html'}   the report: open it in a browser")
    say(f"  {folder / 'published'}   the dataset: datasets.load_dataset({str(folder / 'published')!r})")
    say(f"  tilth --project {folder} status   where the project stands; studio up shows what people saw")
    return corrections


def _label_and_learn(project: Project, store: Store, where: StudioProject, stages: "_Stages", say: Say) -> Corrections:
    truth = _truth(store)
    annotators = _annotators(where.schema)
    say(
        f"Label Studio is at {where.url}; {len(annotators)} simulated annotators of different care answer "
        f"through its API."
    )

    def answer(answered: int, wanted: int) -> bool:
        say(f"{', '.join(CARE)} answer {wanted - answered} records.")
        _have_answered(store, where, annotators, truth)
        return True

    settings = learning_settings(project)
    bench = Bench(store, where.schema, project.folder, settings, where, say, answer, curation_settings(project))
    for number in range(1, ROUNDS + 1):
        stages.next(f"Round {number} of {ROUNDS}: the model chooses, people answer, the model learns.")
        run_round(bench)
    stages.next("Audit: which labels are probably wrong? They go back to people, with the reason.")
    found = audit_labels(store, where.schema, project.folder, settings, say=say)
    say(f"{found.judged} labels looked at, {found.flagged.num_rows} are probably wrong.")
    relooks = relook_assignments(store)
    push(store, where, relooks)
    _have_answered(store, where, annotators, truth)
    for line in take_in_answers(store, where):
        say(line)
    corrections = count_corrections(store, where.schema, truth)
    say(corrections.sentence())
    model = fit_model(store, where.schema, project.folder, settings, say=say)
    accuracy = evaluate_model(store, where.schema, settings, model, say=say).metrics["accuracy"]
    say(
        f"Fitted on the corrected labels: accuracy on the holdout {accuracy.value:.3f} ({accuracy.low:.3f} to "
        f"{accuracy.high:.3f})."
    )
    return corrections


def _have_answered(
    store: Store, where: StudioProject, annotators: list[SimulatedAnnotator], truth: Mapping[str, str]
) -> None:
    asked = assignments.assignments(store, states=("sent",))
    store.let_go()
    answer_open_tasks(where, annotators, truth, asked)


def count_corrections(store: Store, schema: LabelSchema, truth: Mapping[str, str]) -> Corrections:
    """Compare the first answers, and the labels that stand now, with the truth by record id."""
    given = annotations.current_annotations(store)
    looks = assignments.assignments(store)
    relooks = {
        one for one, purpose in zip(*_columns(looks, "assignment_id", "purpose"), strict=True) if purpose == "relook"
    }
    now = {
        one: (json.loads(value)["label"], method)
        for one, value, method in zip(*_columns(labels.labels(store), "record_id", "value", "method"), strict=True)
    }
    wrong = outvoted = corrected = 0
    right_at_first: set[str] = set()
    for one, look, value in zip(*_columns(given, "record_id", "assignment_id", "value"), strict=True):
        if look in relooks:
            continue
        if schema.current(json.loads(value))["label"] == truth[one]:
            right_at_first.add(one)
            continue
        wrong += 1
        label, method = now[one]
        if label == truth[one]:
            corrected += method == "re-look"
            outvoted += method != "re-look"
    spoilt = sum(now[one][1] == "re-look" and now[one][0] != truth[one] for one in right_at_first)
    return Corrections(wrong, outvoted, corrected, spoilt)


def _columns(table: pa.Table, *names: str) -> list[list[str]]:
    return [table[name].to_pylist() for name in names]


def _truth(store: Store) -> dict[str, str]:
    known = website.truth()
    table = records.records(store)
    return {one: known[key] for one, key in zip(*_columns(table, "record_id", "natural_key"), strict=True)}


def _annotators(schema: LabelSchema) -> list[SimulatedAnnotator]:
    return [
        SimulatedAnnotator(name, schema.classes, care, near=website.NEAR, seconds=4.0 + 3.0 * care, seed=place)
        for place, (name, care) in enumerate(CARE.items())
    ]


def _project_file(url: str) -> str:
    classes = json.dumps(list(website.CLASSES), ensure_ascii=False)
    quoted = [(json.dumps(name), json.dumps(words, ensure_ascii=False)) for name, words in website.CLASSES.items()]
    descriptions = "\n".join(f"{name} = {words}" for name, words in quoted)
    return f"""# The demo's project. The website behind it runs only while `tilth demo` does.
[project]
name = "village-board"
description = "Messages of a small village board, labelled by what they are about; written for tilth's demo."
license = "CC0-1.0"
contact = "demo@localhost"

[schema]
question = "What is this message about?"
classes = {classes}
[schema.descriptions]
{descriptions}

[labeling]
repeat_share = 0.15

[rounds]
size = 50
holdout = 150
control_share = 0.3

# The default, "auto", tries a fine-tune from a hundred labels on, which takes minutes a round without a GPU.
[training]
model = "semi-supervised"
{website.project_toml(url)}"""


def _make_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise FolderOccupied(f"{folder} is there and is not an earlier demo; name another folder: tilth demo DIR")
        studio_down(Project(folder))
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


class _Stages:
    """Says which stage begins, and how long all took so far."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began = time.monotonic()
        self._number = 0

    def next(self, what: str) -> None:
        self._number += 1
        self._say("")
        self._say(f"[{self._number}] {what}  ({self.seconds():.0f} s)")

    def seconds(self) -> float:
        return time.monotonic() - self._began
