"""The sessions of sources with a login: cookies and local storage, kept in the project, readable by its owner alone.

They lie in `sessions/<source>.json`, in the form of Playwright's storage state, and are never part of a release.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

State = dict[str, Any]
"""`{"cookies": [...], "origins": [...]}`"""


class Sessions:
    """The kept sessions of a project; those of a source are numbered, so that one that is over is not mixed up."""

    def __init__(self, project_folder: Path) -> None:
        self._folder = project_folder / "sessions"
        self._known: dict[str, State | None] = {}
        self._numbers: Counter[str] = Counter()

    def number(self, source: str) -> int:
        """Of the session that the source has now, or had last."""
        return self._numbers[source]

    def state(self, source: str) -> State | None:
        """The session of a source; None when there is none, or what is kept cannot be read."""
        if source not in self._known:
            self._known[source] = _read(self._path(source))
        return self._known[source]

    def begin(self, source: str, state: State) -> None:
        """Keep a new session."""
        self._numbers[source] += 1
        self.keep(source, state)

    def keep(self, source: str, state: State) -> None:
        """Keep a session as it stands now, on disk too."""
        if self._known.get(source) == state:
            return
        self._known[source] = state
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._path(source)
        part = path.with_suffix(f".{os.getpid()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(state, file)
        part.replace(path)

    def end(self, source: str, number: int) -> None:
        """The session of that number works no more."""
        if number != self._numbers[source]:
            return  # another has begun since
        self._known[source] = None
        self._path(source).unlink(missing_ok=True)

    def cookies(self, source: str, url: str) -> dict[str, str]:
        """The cookies of a source's session that belong to a URL (RFC 6265, section 5.4)."""
        state = self.state(source)
        return cookies_for(state, url, now=time.time()) if state is not None else {}

    def _path(self, source: str) -> Path:
        return self._folder / f"{source}.json"


def cookies_for(state: Mapping[str, Any], url: str, *, now: float) -> dict[str, str]:
    """The cookies of a storage state that a browser would send to a URL at that time (epoch seconds)."""
    parts = urlsplit(url)
    host, path = (parts.hostname or "").lower(), parts.path or "/"
    return {
        cookie["name"]: cookie["value"]
        for cookie in sorted(state.get("cookies", ()), key=lambda each: len(each["path"]))
        if _same_site(cookie["domain"], host)
        and _under(cookie["path"], path)
        and (parts.scheme == "https" or not cookie.get("secure"))
        and (cookie.get("expires", -1) < 0 or cookie["expires"] > now)
    }


def _same_site(domain: str, host: str) -> bool:
    domain = domain.lower()
    return host == domain.lstrip(".") or (domain.startswith(".") and host.endswith(domain))


def _under(cookie_path: str, path: str) -> bool:
    return path == cookie_path or path.startswith(cookie_path if cookie_path.endswith("/") else f"{cookie_path}/")


def _read(path: Path) -> State | None:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and isinstance(state.get("cookies"), list) else None
