"""One `tilth fit` in a process of its own, which kills itself with SIGKILL at a chosen moment."""

import faulthandler
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import training.encoder
from tilth.learning import fit_project
from tilth.project import Project

# Small, so that the few texts of a test are embedded in several chunks, each of which is kept.
TEXTS_PER_CHUNK = 32

# Where a moment can fall: every call of these modules' functions and every return. What is called for each row or each
# trial of a number is not counted, or most moments would fall there.
WATCHED = ("active_learning.", "labeling.resolve", "store.", "training.", "tilth.learning")
OFTEN_IN = (
    "store.kinds",
    "store.label_schema",
    "training.calibration",
    "training.examples",
    "training.frozen.judging",
    "training.frozen.logistic",
    "training.kinds",
    "training.metrics",
)
OFTEN = (
    "rows_hash",
    "_canonical",
    "_counts",
    "_present_rows",
    "_present_value",
    "root",
    "connection",
    "read",
    "logits",
)

# Seconds, before the test gives a fit up: then its stack is kept.
STACK_AFTER = 110

# The steps of a file system count wherever they are asked for.
FILE_STEPS = ("mkdir", "rename", "replace", "write_text", "rmtree")


def counted(module: str, name: str) -> str | None:
    """What a moment at this function is called; None where none counts."""
    if not (module.startswith(WATCHED) or (module in ("pathlib", "shutil") and name in FILE_STEPS)):
        return None
    if module.startswith(OFTEN_IN) or name.startswith("<") or name in OFTEN:
        return None
    return f"{module}.{name}"


def fit(project: Path, kill_at: int | None, moments: Path | None) -> None:
    """Fit the project's model once.

    Args:
        kill_at: The number of the moment at which the process ends; none, to run undisturbed.
        moments: A file for the names of all moments, one a line.
    """
    with (project.parent / f"{project.name}.stuck").open("w", encoding="utf-8") as stacks:
        faulthandler.dump_traceback_later(STACK_AFTER, file=stacks)
        _fit(project, kill_at, moments)
        faulthandler.cancel_dump_traceback_later()


def _fit(project: Path, kill_at: int | None, moments: Path | None) -> None:
    import torch

    torch.set_num_threads(1)
    tempfile.tempdir = str(project.parent)  # where what a killed fit leaves behind goes with the test's own folder
    training.encoder.TEXTS_PER_CHUNK = TEXTS_PER_CHUNK
    seen: list[str] = []

    called: dict[CodeType, str | None] = {}

    def watch(frame: FrameType, event: str, _: Any) -> None:
        # Asked at each call of each library: what a function is called is found out once.
        code = frame.f_code
        if code not in called:
            called[code] = counted(frame.f_globals.get("__name__", ""), code.co_name)
        name = called[code]
        if name is None or event not in ("call", "return"):
            return
        if len(seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(f"{event} {name}")

    opened = Project(project)
    sys.setprofile(watch)
    for _ in fit_project(opened, say=lambda _: None):
        pass
    sys.setprofile(None)
    if moments is not None:
        moments.write_text("\n".join(seen), encoding="utf-8")
