"""Settings of a project's model, tried out."""

from collections.abc import Callable, Iterator

from store.errors import RequestError
from tilth.people import learning_settings
from tilth.project import Project


class NothingToTune(RequestError):
    """The project's model has no settings of its own."""


def tune_project(
    project: Project,
    model: str | None,
    *,
    trials: int,
    forget: bool,
    advance: Callable[[int, int], None] | None = None,
) -> Iterator[str]:
    """Try out settings on what is labelled now, or forget what was found, and say so.

    Raises:
        NothingToTune: The model is `auto`.
        TuningUnavailable: Optuna is not installed.
        TooFewLabels: There are fewer labels or classes than a fit needs.
    """
    from active_learning.rung_now import tuning_folder
    from training.tuning import forget_tuned

    settings = learning_settings(project)
    name = model or settings.model
    if name == "auto":
        raise NothingToTune(
            '[training] model = "auto" chooses among models whose settings differ; name the one to tune: '
            "`tilth tune --model fine-tune` is used by auto too."
        )
    folder = tuning_folder(project.folder)
    if forget:
        found = forget_tuned(folder, name)
        yield f"What was found for {name} is forgotten." if found else f"Nothing was found for {name} yet."
        return
    yield from _tune(project, name, trials, advance)
    if name != settings.model and (name, settings.model) != ("fine-tune", "auto"):
        yield f'It is used where the project file has [training] model = "{name}".'


def _tune(project: Project, name: str, trials: int, advance: Callable[[int, int], None] | None) -> Iterator[str]:
    from active_learning.belief_now import trusted
    from active_learning.fit import waiting_inputs
    from active_learning.learning_set import read_learning_set
    from active_learning.rung_now import tuning_folder
    from labeling.resolve import resolve_labels
    from store.embeddings import StoredVectors
    from store.models import current_model
    from store.snapshots import take_snapshot
    from training.encoder import Encoder
    from training.tuning import tune

    settings = learning_settings(project)
    with project.open_store() as store:
        resolve_labels(store, project.schema)
        snapshot = take_snapshot(store, project.schema)
        learning = read_learning_set(store, project.schema, snapshot.snapshot_id)
        waiting = waiting_inputs(store)
        # As far as each label was trusted in the last fit, so that a stopped study goes on with the same.
        train = trusted(store, project.schema, learning.train, current_model(store))
        store.let_go()
        found = tune(
            name,
            train,
            Encoder(settings.encoder, StoredVectors(store)),
            project.schema.classes,
            trials,
            tuning_folder(project.folder),
            settings.seed,
            unlabelled=waiting,
            progress=advance,
        )
    said = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in found.settings.items()
    )
    gained = f"log loss {found.log_loss:.4f} out of fold, {found.log_loss_untuned:.4f} as it was"
    if not found.settings:
        yield f"{name} is best as it is: {gained}, {found.trials} trials on {found.labels} labels."
        return
    yield f"{name} is best with {said}: {gained}, {found.trials} trials on {found.labels} labels. The next fit uses it."
