"""The embedded Label Studio of a project: its own data, its own token, its own port, on this machine only.

All that it needs stands in the project's folder `studio/` (mode 0700), so that copying the folder copies it. The server
runs on after the command that started it; its process is known by id and start time.
"""

import json
import os
import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock

from labeling.errors import PortInUse, StudioFailed, StudioRefused, StudioStartFailed, StudioUnreachable
from labeling.studio_client import StudioClient
from labeling.studio_environment import install_studio

HOST = "127.0.0.1"
START_SECONDS = 300.0
"""The first start makes the database: 27 s on two idle cores, minutes on a busy machine."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Studio:
    """A running embedded Label Studio.

    Attributes:
        studio: The name under which the store knows it; stays when the port changes.
        email: Whom to sign in as in the browser, with `password`.
        started: Whether this call started it.
    """

    url: str
    token: str
    studio: str
    email: str
    password: str
    pid: int
    started: bool


@dataclass(frozen=True)
class StudioStatus:
    """Whether a project's Label Studio runs, and where."""

    running: bool
    url: str | None
    pid: int | None


@dataclass(frozen=True)
class _Kept:
    """What is chosen once for a project's Label Studio and kept in its folder."""

    studio: str
    email: str
    password: str
    token: str
    port: int | None = None


def _unheard(_: str) -> None:
    """Say a line to nobody."""


def up(project_folder: Path, port: int | None = None, *, say: Say = _unheard) -> Studio:
    """Start the project's Label Studio, installing it when it never was; one that runs already is used.

    Args:
        port: The port to listen on from now on; by default the one of last time, at first a free one.
        say: Gets one plain line a step.

    Raises:
        PortInUse: Another program has the port.
        StudioStartFailed: The server ended or did not answer; the message carries its last line.
        StudioInstallFailed: It could not be installed.
    """
    folder = _folder(project_folder)
    with FileLock(folder / "lock"):
        kept = _kept(folder)
        running = _process(folder)
        if running is not None:
            if port is None or port == kept.port:
                _wait(folder, kept, running, say)
                return _studio(kept, running.pid, started=False)
            _stop(folder, running)
        chosen = port or kept.port or _free_port()
        _check_free(chosen)
        command = install_studio(say)
        kept = replace(kept, port=chosen)
        _write(folder / "studio.json", json.dumps(asdict(kept), indent=2))
        say(f"Label Studio: starting on {_url(kept)} (the first time takes half a minute).")
        process = _start(folder, kept, command)
        _wait(folder, kept, process, say)
        say(f"Label Studio: ready on {_url(kept)}.")
        return _studio(kept, process.pid, started=True)


def down(project_folder: Path) -> bool:
    """Stop the project's Label Studio; what was answered stays. False where it did not run."""
    folder = Path(project_folder).absolute() / "studio"
    if not folder.exists():
        return False
    with FileLock(folder / "lock"):
        process = _process(folder)
        if process is None:
            return False
        _stop(folder, process)
        return True


def status(project_folder: Path) -> StudioStatus:
    """Whether the project's Label Studio runs; starts and installs nothing."""
    folder = Path(project_folder).absolute() / "studio"
    process = _process(folder)
    if process is None:
        return StudioStatus(False, None, None)
    return StudioStatus(True, _url(_kept(folder)), process.pid)


def _folder(project_folder: Path) -> Path:
    folder = Path(project_folder).absolute() / "studio"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _kept(folder: Path) -> _Kept:
    path = folder / "studio.json"
    if path.exists():
        return _Kept(**json.loads(path.read_text(encoding="utf-8")))
    # The user and the token go into the database at the first start, and only then.
    made = _Kept(f"studio-{uuid.uuid4().hex}", "tilth@localhost", secrets.token_urlsafe(12), secrets.token_hex(20))
    _write(path, json.dumps(asdict(made), indent=2))
    return made


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    new.replace(path)


def _url(kept: _Kept) -> str:
    return f"http://{HOST}:{kept.port}"


def _studio(kept: _Kept, pid: int, *, started: bool) -> Studio:
    return Studio(_url(kept), kept.token, kept.studio, kept.email, kept.password, pid, started)


def _process(folder: Path) -> psutil.Process | None:
    """The server that was started here, if it still runs; a process that only got its number does not count."""
    try:
        noted = json.loads((folder / "pid.json").read_text(encoding="utf-8"))
        process = psutil.Process(noted["pid"])
        if abs(process.create_time() - noted["started"]) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _check_free(port: int) -> None:
    """Label Studio itself would take the next port over the same database, and say nothing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise PortInUse(
                f"Port {port} cannot be used for Label Studio ({getattr(error, 'strerror', None) or error}). "
                f"End the program that has it, or choose another: tilth studio up --port {port % 64000 + 1000}."
            ) from error


def _start(folder: Path, kept: _Kept, command: Path) -> psutil.Process:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {
        "LABEL_STUDIO_USERNAME": kept.email,
        "LABEL_STUDIO_PASSWORD": kept.password,
        "LABEL_STUDIO_USER_TOKEN": kept.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        # Who may answer is invited by link.
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    }
    options = ["--no-browser", "--internal-host", HOST, "--port", str(kept.port), "--data-dir", str(folder / "data")]
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        child = subprocess.Popen(
            [str(command), "start", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            umask=0o077,
            start_new_session=True,
        )
    # It runs on after us: not ours to wait for.
    child.returncode = 0
    process = psutil.Process(child.pid)
    _write(folder / "pid.json", json.dumps({"pid": child.pid, "started": process.create_time()}))
    return process


def _wait(folder: Path, kept: _Kept, process: psutil.Process, say: Say) -> None:
    """Return when the server answers to our token: another's server on this port would not."""
    with closing(StudioClient(_url(kept), kept.token)) as client:
        _wait_with(client, folder, kept, process, say)


def _wait_with(client: StudioClient, folder: Path, kept: _Kept, process: psutil.Process, say: Say) -> None:
    began = said = time.monotonic()
    while True:
        if _has_ended(process):
            raise StudioStartFailed(
                f"Label Studio ended while it started: {_last_line(folder)} (log: {folder / 'log'})."
            )
        if _listens(kept):
            try:
                client.check()
                return
            except StudioRefused as error:
                raise StudioStartFailed(
                    f"A server answers on {_url(kept)}, but it is not this project's Label Studio or its data was "
                    f"replaced. Choose another port with `tilth studio up --port`, or remove {folder}."
                ) from error
            except (StudioUnreachable, StudioFailed):
                pass  # It listens before it is ready.
        now = time.monotonic()
        if now - began > START_SECONDS:
            _stop(folder, process)
            raise StudioStartFailed(
                f"Label Studio did not answer within {START_SECONDS:.0f} s: {_last_line(folder)} "
                f"(log: {folder / 'log'})."
            )
        if now - said > 10:
            said = now
            say(f"Label Studio: still starting after {now - began:.0f} s.")
        time.sleep(0.2)


def _listens(kept: _Kept) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, kept.port or 0)) == 0


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _last_line(folder: Path) -> str:
    lines = [line.strip() for line in (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")[:300]


def _stop(folder: Path, process: psutil.Process) -> None:
    """End the server with its children; SQLite keeps what was committed."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        _signal(member, hard=False)
    _, alive = psutil.wait_procs(family, timeout=10)
    for member in alive:
        _signal(member, hard=True)
    psutil.wait_procs(alive, timeout=5)
    (folder / "pid.json").unlink(missing_ok=True)


def _signal(process: psutil.Process, *, hard: bool) -> None:
    try:
        process.kill() if hard else process.terminate()
    except psutil.NoSuchProcess:
        return
