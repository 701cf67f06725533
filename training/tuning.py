"""Settings of a rung, tried out by Optuna in a number of trials: what gives the least log loss out of fold is kept.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (the tree-structured Parzen estimator).
The first trial is the rung as it is. Trials lie in a journal, so that a stopped study goes on where it was; each draws
from a seed of its own, so that it goes on as it would have. `classifier(..., tuned=settings)` fits with what was found.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from store.errors import RequestError
from training.calibration import trust_in
from training.encoder import Encoder
from training.errors import NotFinite
from training.examples import Examples, Inputs, Predictions
from training.probe import FROZEN_RUNGS
from training.requirements import require_labels

if TYPE_CHECKING:
    import optuna

Progress = Callable[[int, int], None]  # (trials done, trials wanted)

# By family of heads on frozen vectors, the range of its setting, drawn by its logarithm.
HEADS = {"logistic": (0.3, 2000.0), "self-trained": (0.3, 2000.0), "propagated": (0.3, 0.95)}
LEARNING_RATES = {"fine-tune": (2e-5, 5e-4), "lora": (2e-4, 5e-3)}
EXAMPLES_SEEN = (400, 3000)
BATCHES = (8, 16, 32)


class TuningUnavailable(RequestError):
    """Optuna is not installed, or there is nothing to tune."""


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes:
        rung: The rung.
        encoder: The encoder's key: settings hold for one revision of it.
        settings: The best ones, for `classifier(..., tuned=...)`; empty where the rung as it is was best.
        log_loss: Theirs, out of fold, in nats.
        log_loss_untuned: That of the rung as it is.
        trials: How many were tried.
        labels: How many labels they were tried on.
    """

    rung: str
    encoder: str
    settings: dict[str, Any]
    log_loss: float
    log_loss_untuned: float
    trials: int
    labels: int


def tune(
    name: str,
    examples: Examples,
    encoder: Encoder,
    classes: tuple[str, ...],
    trials: int,
    folder: Path,
    seed: int,
    *,
    unlabelled: Inputs | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Try out settings of the rung `name` until there were `trials` trials, and keep the best in `folder`.

    Raises:
        TuningUnavailable: Optuna is not installed, or the rung is none that has settings.
        TooFewLabels: There are fewer labels or classes than a fit needs.
        NotFinite: The rung as it is runs into NaN.
    """
    if name not in (*FROZEN_RUNGS, *LEARNING_RATES):
        known = ", ".join((*FROZEN_RUNGS, *LEARNING_RATES))
        raise TuningUnavailable(f'"{name}" has no settings of its own to tune; name one of {known}.')
    require_labels(examples, classes)
    # What changes the encoder does without the pool.
    unlabelled = unlabelled if name in FROZEN_RUNGS else None
    study = _study(name, examples, encoder, classes, folder, seed, unlabelled)

    def loss(settings: dict[str, Any]) -> float:
        from training.ladder import classifier

        rung: Any = classifier(name, classes, encoder, tuned=settings)
        judged = rung.fit(examples, seed=seed, unlabelled=unlabelled).judged
        return log_loss_out_of_fold(examples, judged)

    def loss_or_infinity(settings: dict[str, Any]) -> float:
        try:
            return loss(settings)
        except NotFinite:
            return math.inf  # a learning rate too high for this encoder: the worst that there is, and known from now on

    while (done := len(_completed(study))) < trials:
        if not done:
            trial = study.ask()
            trial.set_user_attr("settings", {})
            study.tell(trial, loss({}))
        else:
            study.sampler = _sampler(seed, done)
            trial = study.ask()
            settings = _suggest(trial, name, encoder)
            trial.set_user_attr("settings", settings)
            study.tell(trial, loss_or_infinity(settings))
        if progress is not None:
            progress(done + 1, trials)
    completed = _completed(study)
    best = min(completed, key=lambda one: (one.value, one.number))
    untuned = next(one for one in completed if not one.user_attrs["settings"])
    found = Tuned(
        name,
        encoder.key,
        dict(best.user_attrs["settings"]),
        float(best.value or 0),
        float(untuned.value or 0),
        len(completed),
        len(examples),
    )
    _write(folder / f"{name}.json", found)
    return found


def read_tuned(folder: Path, name: str, encoder: str) -> Tuned | None:
    """What was found for this rung on the encoder of this key; None where nothing was."""
    try:
        found = Tuned(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.encoder == encoder else None


def forget_tuned(folder: Path, name: str) -> bool:
    """Take away what was found for this rung, and its trials; whether there was anything."""
    gone = [folder / f"{name}.json", *folder.glob(f"{name}-*.journal*")]
    there = [path for path in gone if path.exists()]
    for path in there:
        path.unlink()
    return bool(there)


def log_loss_out_of_fold(examples: Examples, judged: Predictions) -> float:
    """The mean of -log p(label) in nats; records that a strategy chose weigh less, as they do in every score."""
    own = judged.of(examples.ids).probabilities[np.arange(len(examples)), examples.labels]
    weights = trust_in(examples)
    return float(np.average(-np.log(np.maximum(own, 1e-12)), weights=weights))


def _suggest(trial: "optuna.Trial", name: str, encoder: Encoder) -> dict[str, Any]:
    settings: dict[str, Any] = {"view": trial.suggest_categorical("view", list(encoder.views()))}
    if name in FROZEN_RUNGS:
        for family in FROZEN_RUNGS[name]:
            settings[family] = trial.suggest_float(family, *HEADS[family], log=True)
        return settings
    settings["learning_rate"] = trial.suggest_float("learning_rate", *LEARNING_RATES[name], log=True)
    settings["examples_seen"] = trial.suggest_int("examples_seen", *EXAMPLES_SEEN, log=True)
    settings["batch"] = trial.suggest_categorical("batch", list(BATCHES))
    return settings


def _study(
    name: str,
    examples: Examples,
    encoder: Encoder,
    classes: tuple[str, ...],
    folder: Path,
    seed: int,
    unlabelled: Inputs | None,
) -> "optuna.Study":
    """The study of these labels, on this pool: the one that was begun, or a new one."""
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise TuningUnavailable(
            "Tuning needs Optuna, which is not installed: pip install -e '.[tune]' in tilth's folder."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    told = hashlib.sha256(repr((name, encoder.key, classes, seed)).encode())
    for row in np.argsort(examples.ids):
        told.update(repr((str(examples.ids[row]), int(examples.labels[row]), float(examples.weights[row]))).encode())
    if unlabelled is not None:
        told.update(repr(sorted(unlabelled.ids.tolist())).encode())
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{name}-{told.hexdigest()[:12]}.journal"
    _cut_at_last_line(journal)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(storage=storage, study_name="tilth", sampler=_sampler(seed, 0), load_if_exists=True)
    for left in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(left.number, state=optuna.trial.TrialState.FAIL)  # a killed trial would sway what is tried next
    return study


def _cut_at_last_line(journal: Path) -> None:
    """Take away the half of a line that a killed process left: Optuna would write behind it and then read neither."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _sampler(seed: int, done: int) -> "optuna.samplers.BaseSampler":
    import optuna

    draw = int(np.random.default_rng([seed, done]).integers(2**31))
    return optuna.samplers.TPESampler(seed=draw, n_startup_trials=5)


def _completed(study: "optuna.Study") -> list[Any]:
    """Trials that ended; one that was killed stays unfinished and counts for nothing."""
    import optuna

    return list(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))


def _write(path: Path, found: Tuned) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
