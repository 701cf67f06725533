"""The Chromium that crawls and takes pictures: which one this machine has, and how to get one.

Playwright's own download is the version it was tested with, so it comes first; an installed Chrome or Chromium does as
well. What `install_browser` chose is remembered in the user's cache folder: seeing whether a browser starts takes time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from store.cache_folder import cache_folder
from store.errors import TilthError

DOWNLOAD_SECONDS = 300
"""Playwright's whole download may take this long (180 MB); a slower network does better with the system's package."""
SILENT_SECONDS = 60
"""A download that says nothing for this long hangs on a network that swallows packets."""
PACKAGE_SECONDS = 600

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "/snap/bin/chromium",
)
# The first that is on the PATH is used. Without a font a picture of a page shows empty boxes.
PACKAGE_MANAGERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "apt-get": (
        ("apt-get", "update", "-q"),
        ("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium", "fonts-liberation"),
    ),
    "dnf": (("dnf", "install", "-y", "chromium", "liberation-fonts"),),
    "apk": (("apk", "add", "--no-cache", "chromium", "font-liberation"),),
    "pacman": (("pacman", "-Sy", "--noconfirm", "chromium", "ttf-liberation"),),
    "zypper": (("zypper", "--non-interactive", "install", "chromium", "liberation-fonts"),),
}

Say = Callable[[str], None]


class BrowserMissing(TilthError):
    """No Chrome or Chromium could be found, or none that starts."""


@dataclass(frozen=True)
class Browser:
    """An executable and the arguments that every user of it must pass."""

    path: Path
    args: tuple[str, ...]


def launch_args() -> tuple[str, ...]:
    """What Chromium is started with: nothing that calls home, and no sandbox for root, which Chromium refuses there."""
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    return ("--no-sandbox", *quiet) if _is_root() else quiet


def find_browser() -> Browser:
    """The browser to use, without starting it: a few milliseconds, no network.

    `TILTH_BROWSER` comes first; then what `install_browser` chose; then Playwright's own; then the PATH and the usual
    places.

    Raises:
        BrowserMissing: There is none; the message says how to get one.
    """
    named = os.environ.get("TILTH_BROWSER")
    if named:
        path = Path(shutil.which(named) or named).expanduser()
        if not path.is_file():
            raise BrowserMissing(
                f"TILTH_BROWSER is {named}, which is not a file. Name a Chrome or Chromium executable, or unset it."
            )
        return Browser(path, launch_args())
    found = _remembered() or _of_playwright() or next(_of_system(), None)
    if found is not None:
        return Browser(found, launch_args())
    raise BrowserMissing(
        "No Chrome or Chromium was found on this machine. "
        "Get one with `tilth doctor --fix`, or name an executable in TILTH_BROWSER."
    )


def install_browser(say: Say) -> Browser:
    """Make sure that a browser is there and starts, and remember which.

    Tried in this order: `TILTH_BROWSER`, what an earlier call chose, Playwright's own download (with a time limit), an
    installed Chrome or Chromium, and, for root, the system's package manager.

    Args:
        say: Gets one plain line for each step; nothing is said when there is nothing to do.

    Raises:
        BrowserMissing: All of it failed; the message says what was tried.
    """
    if os.environ.get("TILTH_BROWSER"):
        named = find_browser()
        if not starts(named.path):
            raise BrowserMissing(f"TILTH_BROWSER is {named.path}, which does not start (`{named.path} --version`).")
        return named
    remembered = _remembered()
    if remembered is not None:
        return Browser(remembered, launch_args())
    chosen = _download(say) or _installed(say) or _from_package_manager(say)
    if chosen is None:
        raise BrowserMissing(
            "No browser could be had: Playwright's download failed, no Chrome or Chromium is installed, and "
            + ("the system's package manager gave none. " if _is_root() else "only root may install packages. ")
            + "Install Chromium by hand, or name an executable in TILTH_BROWSER."
        )
    _remember(chosen)
    say(f"Browser: using {chosen}.")
    return Browser(chosen, launch_args())


def starts(path: Path) -> bool:
    """Whether the executable runs here: a download may lack system libraries, and some packages are empty shells."""
    if sys.platform == "win32":  # there `--version` opens a window
        return path.is_file()
    try:
        asked = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _download(say: Say) -> Path | None:
    own = _of_playwright()
    if own is None:
        say("Browser: downloading Playwright's Chromium (180 MB).")
        # Only the full browser: its headless mode is the one that an installed Chromium has too.
        command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
        if _run(command, limit=DOWNLOAD_SECONDS, silent=SILENT_SECONDS):
            own = _of_playwright()
    if own is None:
        say("Browser: that download is out of reach here.")
        return None
    if not starts(own) and _is_root() and shutil.which("apt-get"):
        say("Browser: installing the system libraries that it needs.")
        _run([sys.executable, "-m", "playwright", "install-deps", "chromium"], limit=PACKAGE_SECONDS)
    if starts(own):
        return own
    say("Browser: Playwright's Chromium does not start on this system.")
    return None


def _installed(say: Say) -> Path | None:
    found = next((path for path in _of_system() if starts(path)), None)
    if found is not None:
        say(f"Browser: {found} is installed and starts.")
    return found


def _from_package_manager(say: Say) -> Path | None:
    if not _is_root():
        return None
    manager = next((name for name in PACKAGE_MANAGERS if shutil.which(name)), None)
    if manager is None:
        return None
    say(f"Browser: installing Chromium with {manager}.")
    for command in PACKAGE_MANAGERS[manager]:
        # A failed update is no end: the lists that are there may do.
        _run(list(command), limit=PACKAGE_SECONDS)
    return next((path for path in _of_system() if starts(path)), None)


def _of_playwright() -> Path | None:
    """Where the Chromium that belongs to the installed Playwright lies, if it was downloaded to its end."""
    revision = _playwright_revision()
    if revision is None:
        return None
    folder = _playwright_folder() / f"chromium-{revision}"
    if not (folder / "INSTALLATION_COMPLETE").exists():
        return None
    patterns = ("chrome-linux*/chrome", "chrome-mac*/*.app/Contents/MacOS/*", "chrome-win*/chrome.exe")
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()), None)


def _playwright_revision() -> str | None:
    spec = find_spec("playwright")
    if spec is None or spec.origin is None:
        return None
    listing = Path(spec.origin).parent / "driver" / "package" / "browsers.json"
    try:
        browsers = json.loads(listing.read_text(encoding="utf-8"))["browsers"]
    except (OSError, ValueError, KeyError):
        return None
    return next((str(each["revision"]) for each in browsers if each["name"] == "chromium"), None)


def _playwright_folder() -> Path:
    """Playwright's own rule for where its downloads lie."""
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named == "0":
        spec = find_spec("playwright")
        assert spec is not None and spec.origin is not None  # asked for by a caller that knows its revision
        return Path(spec.origin).parent / "driver" / "package" / ".local-browsers"
    if named:
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ms-playwright"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "ms-playwright"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ms-playwright"


def _of_system() -> Iterator[Path]:
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    for place in PLACES:
        path = Path(place).expanduser()
        if path.is_file():
            yield path


def _memory() -> Path:
    return cache_folder() / "browser.json"


def _remembered() -> Path | None:
    """The earlier choice, while it exists and Playwright is still the one it was made for."""
    try:
        chosen = json.loads(_memory().read_text(encoding="utf-8"))
        path, revision = Path(chosen["path"]), chosen["playwright"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if path.is_file() and revision == _playwright_revision() else None


def _remember(path: Path) -> None:
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        written = _memory().with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps({"path": str(path), "playwright": _playwright_revision()}), encoding="utf-8")
        written.replace(_memory())
    except OSError:
        return  # a cache that cannot be written costs the next call a second, nothing else


def _run(command: list[str], *, limit: float, silent: float | None = None) -> bool:
    """Run `command` and all that it starts for at most `limit` seconds, or `silent` seconds without a word from it."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        return False
    assert child.stdout is not None
    output = child.stdout
    heard = threading.Event()

    def listen() -> None:
        while os.read(output.fileno(), 65536):
            heard.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        return _waited(child, heard, limit, silent or limit) == 0
    finally:  # also on Ctrl-C: the child is in a session of its own and would go on without us
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # all of it has ended by itself
        child.wait()
        listener.join(timeout=5)  # something that left the session may hold the pipe open
        output.close()


def _waited(child: subprocess.Popen[bytes], heard: threading.Event, limit: float, silent: float) -> int | None:
    """The exit code, or None when the time was up or nothing was heard for `silent` seconds."""
    ends = time.monotonic() + limit
    while (left := ends - time.monotonic()) > 0:
        try:
            return child.wait(timeout=min(silent, left))
        except subprocess.TimeoutExpired:
            if not heard.is_set():
                return None
            heard.clear()
    return None


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
