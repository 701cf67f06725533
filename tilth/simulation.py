"""Strategies played against random choice on labels one has: the project's own, or those of a file."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from store.errors import RequestError
from tilth.people import learning_settings
from tilth.project import Project

if TYPE_CHECKING:
    from active_learning.learning_curves import Curves
    from active_learning.simulate import Corpus
    from tilth.cli.console import Advance


class NothingToPlayWith(RequestError):
    """There are no labels to simulate with."""


@dataclass(frozen=True)
class Played:
    """What a simulation showed, as the command line says it."""

    curves: "Curves"
    columns: list[str]
    rows: list[list[Any]]
    lines: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return self.curves.as_dict()


def simulate_project(
    project: Project,
    strategies: Sequence[str],
    *,
    rounds: int,
    size: int,
    seeds: int,
    file: Path | None,
    text: str,
    label: str,
    advance: "Advance",
) -> Played:
    """Play strategies against random choice, and say what choosing saved.

    A simulation that was killed goes on where it stopped: its rounds are kept in `simulations/` of the project,
    a file for each choice of labels, rounds and model.

    Raises:
        NothingToPlayWith: The project has no labels, or the file has none.
        SimulationError: There are too few of them for so many rounds.
    """
    from active_learning.learning_curves import CONTROL
    from active_learning.simulate import Schedule, simulate
    from training import classifier
    from training.encoder import Encoder
    from training.vector_cache import MemoryCache

    settings = learning_settings(project)
    corpus = _of_project(project) if file is None else _of_file(file, text, label)
    cache = MemoryCache()
    embedded = Encoder(settings.encoder, cache).embed(corpus.inputs())
    folder = project.folder / "simulations"
    folder.mkdir(exist_ok=True)
    curves = simulate(
        replace(corpus, embeddings=embedded.vectors),
        strategies,
        Schedule.even(size, size, rounds),
        seeds=range(seeds),
        classifier=classifier(settings.model, corpus.classes, settings.encoder, cache=cache),
        logs=folder,
        progress=advance,
    )
    means = {name: curves.mean_curve(name) for name in curves.strategies}
    return Played(
        curves,
        columns=["labels", *curves.strategies],
        rows=[[n, *(means[name][i][1] for name in curves.strategies)] for i, (n, _, _) in enumerate(means[CONTROL])],
        lines=[_saved(curves, name) for name in curves.strategies if name != CONTROL],
    )


def _saved(curves: "Curves", name: str) -> str:
    found = curves.against_control(name)
    interval = f" (95% interval {found.low:+.3f} to {found.high:+.3f})" if len(found.per_seed) > 1 else " (one seed)"
    return f"{name} against random: {found.mean:+.3f} area under the accuracy curve{interval}."


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
