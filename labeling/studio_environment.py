"""The embedded Label Studio's own virtual environment: made once for a user, shared by all of that user's projects.

The server pins about 160 packages, many of them against ours, so it never lives in tilth's environment. An environment
is whole only when it carries the `complete` stamp, which is written last: an installation that was killed is taken up
again by the next call. Two processes never install at once; pip holds the lock too, so it outlives a killed parent.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from store.cache_folder import cache_folder
from store.errors import TilthError

VERSION = "1.23.2"
NEEDED_BYTES = 2_000_000_000
"""Free space that an installation needs: 1.1 GB in place, the rest for pip's downloads on the way."""

REQUIREMENTS = Path(__file__).parent / "studio-requirements.txt"

Say = Callable[[str], None]


class StudioNotInstalled(TilthError):
    """There is no whole Label Studio environment on this machine."""


class StudioInstallFailed(TilthError):
    """pip could not make the environment; the message carries its last words."""


class StudioUnreachablePackages(StudioInstallFailed):
    """No package index could be reached."""


class StudioDiskFull(StudioInstallFailed):
    """The cache folder's disk has no room for Label Studio."""


def studio_folder() -> Path:
    """The environment's folder; it need not exist."""
    return cache_folder() / f"label-studio-{VERSION}"


def studio_command() -> Path:
    """The `label-studio` executable of a whole environment.

    `TILTH_STUDIO_PYTHON` names the Python of an environment that already holds Label Studio; then that one is used.

    Raises:
        StudioNotInstalled: There is none; the message says how to get it.
    """
    named = os.environ.get("TILTH_STUDIO_PYTHON")
    if named:
        command = _command(Path(named).expanduser().absolute().parent.parent)
        if not command.is_file():
            raise StudioNotInstalled(
                f"TILTH_STUDIO_PYTHON is {named}, but there is no {command}. "
                "Install label-studio there, or unset the variable so that tilth makes an environment of its own."
            )
        return command
    folder = studio_folder()
    if not is_complete(folder):
        raise StudioNotInstalled(
            f"Label Studio {VERSION} is not installed in {folder}. Install it with `tilth doctor --fix` (1 GB, once)."
        )
    return _command(folder)


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds an environment that was installed to its end from today's requirements."""
    try:
        stamp = (folder / "complete").read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == _fingerprint() and _command(folder).is_file() and _python(folder).exists()


def install_studio(say: Say) -> Path:
    """Make the environment if it is not whole yet, and return the `label-studio` executable.

    Args:
        say: Gets one plain line for each step; nothing is said when there is nothing to do.

    Raises:
        StudioUnreachablePackages: No package index could be reached.
        StudioDiskFull: There is no room.
        StudioInstallFailed: pip failed for another reason.
    """
    folder = studio_folder()
    if os.environ.get("TILTH_STUDIO_PYTHON") or is_complete(folder):
        return studio_command()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _held_alone(folder.with_suffix(".lock"), say) as lock:
            if not is_complete(folder):
                _install(folder, lock, say)
    except OSError as error:
        raise StudioInstallFailed(
            f"Label Studio's environment cannot be made in {folder}: {error.strerror or error}. "
            "Make room or set TILTH_CACHE to a folder that you can write to."
        ) from error
    return studio_command()


def _install(folder: Path, lock: int, say: Say) -> None:
    # A half-made environment already takes its part of the room, so only a first installation is held to all of it.
    free = shutil.disk_usage(folder.parent).free
    if not folder.exists() and free < NEEDED_BYTES:
        raise StudioDiskFull(
            f"Label Studio needs {NEEDED_BYTES / 1e9:.0f} GB in {folder.parent}, which has {free / 1e9:.1f} GB free. "
            "Make room or set TILTH_CACHE to a folder on another disk."
        )
    say(f"Label Studio {VERSION}: making an environment of its own in {folder} (1 GB, a few minutes, once).")
    (folder / "complete").unlink(missing_ok=True)
    if not _has_working_pip(folder):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], lock, say=None)
    pip = [str(_python(folder)), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    _run([*pip, "--disable-pip-version-check", "--requirement", str(REQUIREMENTS)], lock, say=_packages_seen(say))
    if not _command(folder).is_file():
        raise StudioInstallFailed(f"pip finished, but {_command(folder)} is missing. Remove {folder} and try again.")
    written = folder / "complete.new"
    written.write_text(_fingerprint(), encoding="utf-8")
    written.replace(folder / "complete")
    say(f"Label Studio {VERSION}: installed.")


def _packages_seen(say: Say) -> Say:
    """Turn pip's hundreds of lines into one for each quarter of the packages."""
    total = sum(1 for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line)
    seen: set[str] = set()

    def heard(line: str) -> None:
        words = line.split()
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            before = len(seen) * 4 // total
            seen.add(words[1] if line.startswith("Collecting ") else words[3])
            if len(seen) * 4 // total > before:
                say(f"Label Studio {VERSION}: {min(len(seen), total)} of {total} packages fetched.")
        elif line.startswith("Installing collected packages"):
            say(f"Label Studio {VERSION}: writing the packages to disk.")

    return heard


def _run(command: list[str], lock: int, *, say: Say | None) -> None:
    """Run one step of the installation, passing each line of its output to `say`.

    The child inherits the lock, so a second installation waits for it even when this process is killed.
    """
    # Build requirements of a package without a wheel come from the same pins.
    environment = os.environ | {"PIP_CONSTRAINT": str(REQUIREMENTS), "PYTHONUNBUFFERED": "1"}
    environment.pop("PYTHONPATH", None)
    heard: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        pass_fds=(lock,),
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            heard.append(line.rstrip())
            if say is not None:
                say(heard[-1])
    if child.returncode != 0:
        raise _failure(heard)


def _failure(heard: list[str]) -> StudioInstallFailed:
    text = "\n".join(heard)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return StudioDiskFull(
            f"The disk filled up while Label Studio was installed in {studio_folder()}. "
            "Make room or set TILTH_CACHE to a folder on another disk, then try again."
        )
    if any(sign in text for sign in ("NewConnectionError", "Temporary failure in name resolution", "ConnectTimeout")):
        return StudioUnreachablePackages(
            "No package index could be reached, so Label Studio cannot be installed. "
            "Try again online, or name an environment that holds it in TILTH_STUDIO_PYTHON."
        )
    errors = [line for line in heard if line.startswith("ERROR")] or heard[-3:]
    return StudioInstallFailed(f"pip could not install Label Studio {VERSION}: {' '.join(errors[-3:])}")


def _has_working_pip(folder: Path) -> bool:
    try:
        asked = subprocess.run(
            [_python(folder), "-m", "pip", "--version"], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@contextmanager
def _held_alone(path: Path, say: Say) -> Iterator[int]:
    """Hold `path` for this process and the children that inherit the yielded descriptor; wait for another holder."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Label Studio: another process is installing it; waiting for that.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _fingerprint() -> str:
    """What an environment was made from; which Python runs it does not matter, as long as that one still exists."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest() + "\n"


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _command(folder: Path) -> Path:
    return folder / "bin" / "label-studio"
