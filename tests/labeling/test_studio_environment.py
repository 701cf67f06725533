"""Label Studio's environment: whole or not, made once, taken up again after a kill, refused with a reason."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labeling import studio_environment as studio
from labeling.studio_environment import (
    StudioDiskFull,
    StudioInstallFailed,
    StudioNotInstalled,
    StudioUnreachablePackages,
    install_studio,
    is_complete,
    studio_command,
    studio_folder,
)

# Stands where the environment's Python stands: it installs a `label-studio`, slowly, and counts how often.
PIP = """#!/bin/sh
home=$(dirname "$(dirname "$0")")
case "$*" in *--version*) exit 0;; esac
echo run >> "$home/runs"
echo "Collecting label-studio==1.23.2"
sleep ${SLOW:-0}
echo '#!/bin/sh' > "$home/bin/label-studio"
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TILTH_STUDIO_PYTHON", raising=False)


def half_made(pip: str = PIP) -> Path:
    """An environment whose Python is a stand-in, so that a test needs no index and no gigabyte."""
    folder = studio_folder()
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text(pip)
    (folder / "bin" / "python").chmod(0o755)
    return folder


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


def quiet(line: str) -> None:
    """Nobody listens."""


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_without_an_environment_the_command_says_how_to_get_it() -> None:
    with pytest.raises(StudioNotInstalled, match="doctor --fix"):
        studio_command()


def test_an_environment_without_its_stamp_is_not_whole() -> None:
    folder = half_made()
    (folder / "bin" / "label-studio").touch()
    assert not is_complete(folder)
    with pytest.raises(StudioNotInstalled):
        studio_command()


def test_a_second_installation_does_and_says_nothing() -> None:
    folder = half_made()
    assert install_studio(quiet) == studio_command() == folder / "bin" / "label-studio"
    said: list[str] = []
    install_studio(said.append)
    assert (said, runs(folder)) == ([], 1)


def test_other_pins_make_the_environment_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = half_made()
    install_studio(quiet)
    newer = tmp_path / "pins.txt"
    newer.write_text("label-studio==1.23.2\n")
    monkeypatch.setattr(studio, "REQUIREMENTS", newer)
    assert not is_complete(folder)
    install_studio(quiet)
    assert (is_complete(folder), runs(folder)) == (True, 2)


def test_a_killed_installation_is_taken_up_again_and_never_runs_twice_at_once() -> None:
    folder = half_made()
    code = "from labeling.studio_environment import install_studio; install_studio(print)"
    environment = os.environ | {"SLOW": "2", "PYTHONPATH": str(Path(studio.__file__).parents[1])}
    first = subprocess.Popen([sys.executable, "-c", code], env=environment)
    assert eventually((folder / "runs").exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not is_complete(folder)
    assert not (folder / "bin" / "label-studio").exists(), "the killed process's pip should still be at work"
    said: list[str] = []
    install_studio(said.append)
    assert any("another process" in line for line in said), "the pip that survived its parent was not waited for"
    assert is_complete(folder)


def test_an_environment_whose_python_is_gone_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = half_made()
    install_studio(quiet)
    (folder / "bin" / "python").unlink()
    assert not is_complete(folder)
    made: list[list[str]] = []

    def run(command: list[str], lock: int, *, say: studio.Say | None) -> None:
        made.append(command)
        if "venv" in command:
            shutil.rmtree(folder)
            half_made()
        (folder / "bin" / "label-studio").touch()

    monkeypatch.setattr(studio, "_run", run)
    install_studio(quiet)
    assert ["venv" in command for command in made] == [True, False]
    assert is_complete(folder)


@pytest.mark.parametrize(
    ("words", "trouble", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", StudioDiskFull, "TILTH_CACHE"),
        ("NewConnectionError: Temporary failure in name resolution", StudioUnreachablePackages, "TILTH_STUDIO_PYTHON"),
        ("ERROR: Could not build wheels for grpcio", StudioInstallFailed, "grpcio"),
    ],
)
def test_what_pip_failed_on_is_said(words: str, trouble: type[StudioInstallFailed], remedy: str) -> None:
    folder = half_made(f'#!/bin/sh\ncase "$*" in *--version*) exit 0;; esac\necho "{words}"\nexit 1\n')
    with pytest.raises(trouble, match=remedy) as caught:
        install_studio(quiet)
    assert type(caught.value) is trouble
    assert not is_complete(folder)


def test_a_full_disk_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StudioDiskFull, match="TILTH_CACHE"):
        install_studio(quiet)
    assert not studio_folder().exists()


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TILTH_CACHE", str(tmp_path / "file"))
    with pytest.raises(StudioInstallFailed, match="TILTH_CACHE"):
        install_studio(quiet)


def test_an_environment_named_by_its_python_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "elsewhere" / "bin" / "python"
    monkeypatch.setenv("TILTH_STUDIO_PYTHON", str(python))
    with pytest.raises(StudioNotInstalled, match="TILTH_STUDIO_PYTHON"):
        install_studio(quiet)
    python.parent.mkdir(parents=True)
    (python.parent / "label-studio").touch()
    assert install_studio(quiet) == python.parent / "label-studio"


def test_the_pins_are_exact_and_name_no_place() -> None:
    lines = [line for line in studio.REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert f"label-studio=={studio.VERSION}" in lines
    assert all(line.count("==") == 1 and not set(line) & set(" /@:;+") for line in lines)
