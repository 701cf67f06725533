"""Make what `make` needs on a machine that has only Python, git and make; say each step in one plain line.

`python tools/set_up.py packages` makes the virtual environment with the pinned packages; `python tools/set_up.py all`
adds a browser and Label Studio. What is already there is left alone: a second run takes well under a second. Standard
library only, since it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up"
LOG = ROOT / "setup.log"
CONSTRAINTS = ROOT / "constraints.txt"


def say(line: str) -> None:
    print(f"set-up: {line}", flush=True)


def wanted() -> str:
    """What the environment is made from: the pins and the parts of pyproject.toml that an installation reads."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    read = json.dumps([pyproject["build-system"], pyproject["project"], pyproject["tool"]["hatch"]], sort_keys=True)
    return hashlib.sha256(f"{ROOT}\n{read}\n".encode() + CONSTRAINTS.read_bytes()).hexdigest()


def is_made() -> bool:
    try:
        return STAMP.read_text(encoding="utf-8") == wanted() and PYTHON.exists()
    except OSError:
        return False


def make_packages() -> None:
    """The virtual environment with the pinned packages and tilth itself, editable."""
    if is_made():
        return
    began = time.monotonic()
    STAMP.unlink(missing_ok=True)
    # A running interpreter of that very environment cannot remake it; the one it was made from can.
    base = getattr(sys, "_base_executable", None) or sys.executable
    if subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode if PYTHON.exists() else True:
        say(f"making the virtual environment {VENV} with Python {sys.version.split()[0]}")
        run([base, "-m", "venv", "--clear", str(VENV)])
    say("installing the pinned packages: about 260, 3.4 GB on disk; 2 to 10 minutes, once")
    pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    # The build backend comes first and pinned, so that no build of ours fetches anything in an environment of its own.
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    run([*pip, "--constraint", str(CONSTRAINTS), *build, "editables"])
    run([*pip, "--constraint", str(CONSTRAINTS), "--no-build-isolation", "--editable", f"{ROOT}[dev,encoder]"])
    STAMP.write_text(wanted(), encoding="utf-8")
    say(f"packages installed in {time.monotonic() - began:.0f} s")


def make_services() -> None:
    """A browser and Label Studio, by tilth's own means: the ones that `tilth doctor --fix` uses."""
    code = "import sys; from tilth.doctor import fix; sys.exit(fix(lambda line: print(f'set-up: {line}', flush=True)))"
    finished = subprocess.run([PYTHON, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL)
    if finished.returncode:
        raise SystemExit(finished.returncode)


def run(command: list[str]) -> None:
    """Run a step with its output in setup.log; on failure show the end of it and stop."""
    environment = os.environ | {"PIP_CONSTRAINT": str(CONSTRAINTS)}
    with LOG.open("a", encoding="utf-8") as log:
        # The child inherits the lock: killed in the middle, the next run waits for a pip that still writes.
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=ROOT, pass_fds=LOCKS
        )
    if done.returncode:
        for line in LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]:
            print(line, file=sys.stderr)
        say(f"failed: {' '.join(command[:6])} … (all of its output: {LOG})")
        raise SystemExit(1)


LOCKS: list[int] = []


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    if what not in ("packages", "all"):
        raise SystemExit("usage: python tools/set_up.py [packages|all]")
    lock = os.open(ROOT / "tools", os.O_RDONLY)
    LOCKS.append(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another set-up is running here; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)
    make_packages()
    if what == "all":
        make_services()


if __name__ == "__main__":
    main()
