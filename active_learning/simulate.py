"""Play active learning on labels one has: what would choosing have saved over drawing at random?

Every strategy plays the same rounds, with the same seeds and the same holdout, as the control arm `random`, which is
always there; so for every rung of the ladder. A strategy that needs a model starts from the control arm's own first
draw. The same call gives the same curves, in one process or in many.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from active_learning.cold_start import cold_start_vectors
from active_learning.learning_curves import CONTROL, Curves
from active_learning.simulated_arm import Arm, Classifier, FittedModel, Played, play_arm
from active_learning.simulated_corpus import Corpus, Schedule, SimulationError, hold_out, require_playable
from active_learning.simulation_code import code_fingerprint
from active_learning.simulation_log import Simulated, SimulationLog
from active_learning.simulation_workers import play_in_processes
from active_learning.strategies import strategy

__all__ = [
    "DEFAULT_ENCODER",
    "Classifier",
    "Corpus",
    "FittedModel",
    "MakeClassifier",
    "Schedule",
    "SimulationError",
    "hold_out",
    "simulate",
]

Progress = Callable[[int, int], None]  # (rounds played, rounds to play)
MakeClassifier = Callable[[], Classifier]

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True, eq=False)
class Play:
    """All that every arm is played with; it goes to a worker once.

    Attributes:
        corpus: What is drawn from, and measured on where there is no `test`.
        rungs: By name, what makes the classifier; it is made once a process.
    """

    corpus: Corpus
    test: Corpus | None
    held_out: float
    schedule: Schedule
    rungs: Mapping[str, MakeClassifier]
    _made: dict[str, Classifier] = field(default_factory=dict, init=False, repr=False)

    def parts(self, seed: int) -> tuple[Corpus, Corpus]:
        """(what is drawn from, what is measured on) under a seed."""
        return (self.corpus, self.test) if self.test is not None else hold_out(self.corpus, self.held_out, seed)

    def rounds(self, arm: Arm, known: Mapping[int, Played]) -> Iterator[Played]:
        """The rounds of an arm that are not in `known`, as they are played."""
        if all(size in known for size in self.schedule.sizes):
            return
        if arm.rung not in self._made:
            self._made[arm.rung] = self.rungs[arm.rung]()
        for played in play_arm(arm, *self.parts(arm.seed), self._made[arm.rung], self.schedule, known):
            if played.point.n_labels not in known:
                yield played


def simulate(
    corpus: Corpus,
    strategies: Sequence[str],
    schedule: Schedule,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    classifier: Classifier | None = None,
    rungs: Mapping[str, MakeClassifier] | None = None,
    test: Corpus | None = None,
    held_out: float = 0.25,
    jobs: int | None = None,
    logs: Path | None = None,
    progress: Progress | None = None,
) -> Curves:
    """Play each of `strategies`, and the control arm, with each rung and each seed.

    Args:
        corpus: What is drawn from.
        strategies: Names of strategies; `random` is added where it is missing.
        schedule: How many labels there are after each round.
        seeds: Each decides the draws, the fits and, without `test`, the holdout.
        classifier: What is fitted, where that is one; the probe on frozen embeddings when neither it nor `rungs` is
            given.
        rungs: What is fitted, where those are several: by name, a function without arguments that makes a classifier.
            With `jobs` it must be one that can be pickled, such as a `functools.partial` of `training.classifier`.
        test: What every model is measured on. Without it, `held_out` of the corpus, drawn at random for each seed.
        held_out: The share of the corpus that is drawn to measure with.
        jobs: How many processes play, each with one thread; None: this one plays.
        logs: A folder to keep each round in, a file for each rung; the same call by the same code goes on where it
            ended.
        progress: Called at the start, with what the logs have, and after each round.

    Raises:
        SimulationError: The corpus holds fewer records than the schedule asks for, or one class only.
        UnknownStrategy: There is no strategy of that name.
        OtherSimulation: The simulation's file in `logs` is none.
        WorkerDied: A process was killed; what was played is kept in `logs`.
    """
    names = tuple(dict.fromkeys((CONTROL, *strategies)))
    for name in names:
        strategy(name)
    if not seeds:
        raise SimulationError("a simulation needs at least one seed.")
    if rungs is None:
        if classifier is None or corpus.embeddings is None:
            classifier, corpus = _with_default_encoder(classifier, corpus)
        rungs = {rung_name(classifier): partial(_itself, classifier)}
    play = Play(corpus, test, held_out, schedule, rungs)
    for seed in seeds:
        require_playable(play.parts(seed)[0], schedule)
    kept = {rung: _log(play, rung, logs) for rung in rungs}
    arms = [Arm(name, rung, seed) for rung in rungs for name in names for seed in seeds]
    rounds = {arm: kept[arm.rung].of(arm) for arm in arms}
    done, total = sum(map(len, rounds.values())), len(arms) * len(schedule.sizes)
    with closing(_play(play, arms, rounds, jobs)) as coming:
        while True:
            if progress is not None:
                progress(done, total)
            came = next(coming, None)
            if came is None:
                break
            arm, played = came
            kept[arm.rung].add(played)
            rounds[arm][played.point.n_labels] = played
            done += 1
    points = tuple(rounds[arm][size].point for arm in arms for size in schedule.sizes)
    return Curves(names, tuple(seeds), points, tuple(rungs))


def rung_name(classifier: Classifier) -> str:
    """What a classifier is called: its `name`, else that of its class."""
    return str(getattr(classifier, "name", type(classifier).__name__))


def _play(
    play: Play, arms: Sequence[Arm], known: Mapping[Arm, Mapping[int, Played]], jobs: int | None
) -> Generator[tuple[Arm, Played], None, None]:
    left = [arm for arm in arms if len(known[arm]) < len(play.schedule.sizes)]
    if jobs is None:
        for arm in left:
            for played in play.rounds(arm, dict(known[arm])):
                yield arm, played
    elif left:
        yield from play_in_processes(play, left, known, jobs)


def _itself(classifier: Classifier) -> Classifier:
    return classifier


def _with_default_encoder(classifier: Classifier | None, corpus: Corpus) -> tuple[Classifier, Corpus]:
    """Embed the corpus once, with one cache for the strategies and the probe."""
    from training.encoder import Encoder
    from training.probe import Probe

    encoder = Encoder(DEFAULT_ENCODER)
    inputs = corpus.inputs()
    if corpus.embeddings is None:
        corpus = replace(corpus, embeddings=cold_start_vectors(encoder, inputs)[0])
    return classifier or Probe(corpus.classes, encoder), corpus


def _log(play: Play, rung: str, folder: Path | None) -> SimulationLog:
    data = data_fingerprint(play)
    made = type(play.rungs[rung]())
    facts = (data, rung, made.__module__, made.__qualname__, code_fingerprint())
    fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()
    about = Simulated(fingerprint, data[:16], rung, play.schedule.sizes, len(play.corpus))
    if folder is None:
        return SimulationLog(None, about)
    folder.mkdir(parents=True, exist_ok=True)
    return SimulationLog(folder / f"{fingerprint[:16]}.jsonl", about)


def data_fingerprint(play: Play) -> str:
    """A hash of all that decides a point but its strategy, rung and seed; the rows' order decides nothing."""
    digest = hashlib.sha256(repr((play.schedule.sizes, play.held_out if play.test is None else None)).encode())
    for part in (play.corpus, play.test):
        digest.update(b"part")
        if part is None:
            continue
        order = np.argsort(part.ids)
        digest.update(repr(part.classes).encode())
        for row in order.tolist():
            cluster = "" if part.clusters is None else str(part.clusters[row])
            line = (str(part.ids[row]), part.texts[row], int(part.labels[row]), cluster)
            digest.update(repr(line).encode("utf-8", "surrogatepass"))
        if part.embeddings is not None:
            digest.update(np.ascontiguousarray(part.embeddings[order], dtype=np.float32).tobytes())
    return digest.hexdigest()
