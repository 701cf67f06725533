"""Strategies played against random choice on labels one has: the project's own, or those of a file."""

import csv
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from store.errors import RequestError
from tilth.people import learning_settings
from tilth.project import Project

if TYPE_CHECKING:
    from active_learning.labels_needed import Needed
    from active_learning.learning_curves import Band, Curves
    from active_learning.simulate import Corpus
    from tilth.cli.console import Advance


class WrongNumber(RequestError):
    """An option names no number that can be meant."""


class NothingToPlayWith(RequestError):
    """There are no labels to simulate with."""


@dataclass(frozen=True)
class Asked:
    """What is to be played.

    Attributes:
        strategies: Against `random`, which is always played.
        models: Rungs of the ladder, or `auto`; the project's own where there is none.
        sizes: How many labels there are after each round.
        seeds: How many, from 0.
        wanted: Accuracies of which to say how many labels they need.
        jobs: How many processes.
    """

    strategies: Sequence[str]
    sizes: tuple[int, ...]
    models: Sequence[str] = ()
    seeds: int = 3
    wanted: Sequence[float] = ()
    jobs: int = 1


@dataclass(frozen=True)
class Table:
    """A table as the command line prints it."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Shown:
    """What a simulation showed, as the command line says it."""

    curves: "Curves"
    needed: "list[Needed]"
    tables: list[Table]
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return self.curves.as_dict() | {"needed": [one.as_dict() for one in self.needed]}


def simulate_project(
    project: Project, asked: Asked, *, file: Path | None, text: str, label: str, advance: "Advance"
) -> Shown:
    """Play strategies against random choice, and say what choosing saved.

    A simulation that was killed goes on where it stopped: its rounds are kept in `simulations/` of the project,
    a file for each choice of labels, rounds and model, and the vectors of its texts beside them.

    Raises:
        NothingToPlayWith: The project has no labels, or the file has none.
        SimulationError: There are too few of them for so many rounds.
        RequestError: There is no such model.
    """
    from active_learning.cold_start import cold_start_vectors
    from active_learning.labels_needed import labels_needed
    from active_learning.simulate import Schedule, simulate
    from active_learning.simulation_vectors import FolderVectors
    from training import classifier
    from training.encoder import Encoder

    settings = learning_settings(project)
    schedule = Schedule(asked.sizes)
    corpus = _of_project(project) if file is None else _of_file(file, text, label)
    folder = project.folder / "simulations"
    cache = FolderVectors(folder / "vectors")
    rungs = {
        name: partial(classifier, name, corpus.classes, settings.encoder, cache=cache)
        for name in asked.models or (settings.model,)
    }
    for make in rungs.values():
        make()  # refuses a name that is none before anything is embedded
    encoder = Encoder(settings.encoder, cache)
    encoder.embed_views(corpus.inputs(), encoder.views())  # once, for every process
    curves = simulate(
        replace(corpus, embeddings=cold_start_vectors(encoder, corpus.inputs())[0]),
        asked.strategies,
        schedule,
        seeds=range(asked.seeds),
        rungs=rungs,
        jobs=asked.jobs,
        logs=folder,
        progress=advance,
    )
    needed = labels_needed(curves, asked.wanted)
    return Shown(curves, needed, _tables(curves, needed), _lines(curves))


def as_sizes(written: str) -> tuple[int, ...]:
    """The numbers of labels that "25,50,75" names.

    Raises:
        WrongNumber: One is no whole number.
    """
    return tuple(int(_number(one, "--schedule", int)) for one in written.split(","))


def as_accuracies(written: Sequence[str]) -> tuple[float, ...]:
    """The accuracies that are written there.

    Raises:
        WrongNumber: One is no number between 0 and 1.
    """
    found = tuple(float(_number(one, "--want", float)) for one in written)
    for one in found:
        if not 0 < one <= 1:
            raise WrongNumber(f"--want {one:g}: an accuracy is more than 0 and at most 1, such as 0.9.")
    return found


def processors() -> int:
    """How many processors this process may use."""
    import psutil

    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count() or 1


def _number(written: str, option: str, kind: Callable[[str], float]) -> float:
    try:
        return kind(written.strip())
    except ValueError as error:
        raise WrongNumber(f"{option}: {written.strip()!r} is no number; write them with commas between.") from error


def _tables(curves: "Curves", needed: "list[Needed]") -> list[Table]:
    bands = [curves.bands(*arm) for arm in curves.arms]
    names = [curves.arm_name(*arm) for arm in curves.arms]
    rows: list[list[Any]] = [[at[0].n_labels, *map(_band, at)] for at in zip(*bands, strict=True)]
    interval = " and its 95% interval over them" if len(curves.seeds) > 1 else ""
    tables = [
        Table(f"Accuracy by number of labels, mean of {len(curves.seeds)} seeds{interval}", ["labels", *names], rows)
    ]
    if needed:
        rows = [[one.wanted, curves.arm_name(one.strategy, one.rung), one.said(), one.share_said()] for one in needed]
        tables.append(Table("Labels needed", ["accuracy", "arm", "labels", "of random's"], rows))
    return tables


def _band(at: "Band") -> str:
    return f"{at.mean:.3f}" if at.low != at.low else f"{at.mean:.3f} ({at.low:.3f} to {at.high:.3f})"  # NaN: one seed


def _lines(curves: "Curves") -> list[str]:
    from active_learning.learning_curves import CONTROL

    return [_saved(curves, name, rung) for name, rung in curves.arms if name != CONTROL]


def _saved(curves: "Curves", name: str, rung: str) -> str:
    found = curves.against_control(name, rung)
    interval = f" (95% interval {found.low:+.3f} to {found.high:+.3f})" if len(found.per_seed) > 1 else " (one seed)"
    arm = curves.arm_name(name, rung)
    return f"{arm} against random: {found.mean:+.3f} area under the accuracy curve{interval}."


def _of_project(project: Project) -> "Corpus":
    from active_learning.simulate import Corpus
    from store import labels, pool, records

    with project.open_store() as store:
        table = labels.labels(store)
        ids = table["record_id"].to_pylist()
        texts = records.records(store, ids)["text"].to_pylist()
        clusters = pool.cluster_of(store)
    if not ids:
        raise NothingToPlayWith("No record has a label yet; import labelled data, or give a file: --file labelled.csv")
    names = [project.schema.current(json.loads(value))["label"] for value in table["value"].to_pylist()]
    classes = project.schema.classes
    return Corpus(
        ids=np.array(ids),
        texts=[one or "" for one in texts],
        labels=np.array([classes.index(name) for name in names], dtype=np.int64),
        classes=classes,
        clusters=np.array([clusters.get(one, one) for one in ids]),
    )


def _of_file(file: Path, text: str, label: str) -> "Corpus":
    from active_learning.simulate import Corpus

    try:
        with file.open(encoding="utf-8", newline="") as opened:
            reader = csv.DictReader(opened)
            missing = [column for column in (text, label) if column not in (reader.fieldnames or [])]
            if missing:
                there = ", ".join(reader.fieldnames or []) or "none"
                raise NothingToPlayWith(f'{file} has no column "{missing[0]}"; its columns are: {there}.')
            rows = [(row[text], row[label]) for row in reader if row[text] and row[label]]
    except (OSError, UnicodeDecodeError) as error:
        raise NothingToPlayWith(f"{file} cannot be read as UTF-8 CSV: {error}.") from error
    if not rows:
        raise NothingToPlayWith(f"{file} has no labelled row.")
    classes = tuple(sorted({name for _, name in rows}))
    return Corpus(
        ids=np.array([f"row-{number:07d}" for number in range(len(rows))]),
        texts=[words for words, _ in rows],
        labels=np.array([classes.index(name) for _, name in rows], dtype=np.int64),
        classes=classes,
    )
