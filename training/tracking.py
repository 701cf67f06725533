"""Losses for TensorBoard or MLflow while a fit runs, through the callbacks that transformers has for them.

Files lie in a folder of the project; nothing leaves the machine unless MLFLOW_TRACKING_URI says so.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from store.errors import RequestError

Tracker = Literal["none", "tensorboard", "mlflow"]
Log = Callable[[int, float, float | None], None]  # (epoch, training loss, validation loss)


class TrackerMissing(RequestError):
    """The tracker that is asked for is not installed."""


@dataclass(frozen=True)
class Tracking:
    """Who is told of losses.

    Args:
        tracker: `none`, `tensorboard` or `mlflow`.
        folder: Where their files go; TensorBoard makes a folder in it for each run, MLflow keeps `mlflow.db`.
    """

    tracker: Tracker = "none"
    folder: Path = Path("runs")

    @contextmanager
    def run(self, name: str) -> Iterator[Log]:
        """A run of this name: what it gives is called after each epoch.

        Raises:
            TrackerMissing: The tracker is not installed.
        """
        if self.tracker == "none":
            yield lambda _epoch, _training, _validation: None
            return
        from transformers import TrainerControl, TrainerState, TrainingArguments

        place = self.folder / name
        arguments = TrainingArguments(output_dir=str(place), run_name=name, report_to="none", use_cpu=True)
        state, control = TrainerState(), TrainerControl()
        with self._local(place):
            callback = self._callback()
            callback.on_train_begin(arguments, state, control, model=None)

            def log(epoch: int, training: float, validation: float | None) -> None:
                state.epoch, state.global_step = float(epoch), epoch
                figures = {"loss": training} | ({} if validation is None else {"eval_loss": validation})
                callback.on_log(arguments, state, control, logs=figures, model=None)

            try:
                yield log
            finally:
                callback.on_train_end(arguments, state, control)
                self._end(callback)

    def _callback(self) -> Any:
        from transformers import integrations

        try:
            if self.tracker == "mlflow":
                return integrations.MLflowCallback()
            return integrations.TensorBoardCallback()
        except (ImportError, RuntimeError) as error:
            raise TrackerMissing(
                f'[training] track = "{self.tracker}" needs what is not installed: '
                f"pip install -e '.[{self.tracker}]' in tilth's folder."
            ) from error

    def _end(self, callback: Any) -> None:
        if self.tracker == "mlflow" and callback._ml_flow.active_run() is not None:
            callback._ml_flow.end_run()

    @contextmanager
    def _local(self, place: Path) -> Iterator[None]:
        """Within it what the trackers read of the environment points at the folder, unless a person has set it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {
            "TENSORBOARD_LOGGING_DIR": str(place),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder.resolve() / 'mlflow.db'}",
        }
        added = [name for name in own if name not in os.environ]
        os.environ.update({name: own[name] for name in added})
        try:
            yield
        finally:
            for name in added:
                os.environ.pop(name, None)


NO_TRACKING = Tracking()
