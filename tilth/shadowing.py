"""Another folder or package named like one of ours and found before it: said plainly, before ours are imported.

Our packages have plain names (`store`, `training`, …), and Python takes the first one on its path. A `store/` in the
current directory or another distribution's `store` would otherwise show up as an ImportError deep inside, or not at
all. Nothing but the standard library is imported here: `store`, where the errors live, may be the one that is shadowed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("tilth", "active_learning", "crawlers", "labeling", "training", "store")
EXIT_CODE = 2


@dataclass(frozen=True)
class Shadow:
    """`name` is ours and lies at `ours`; Python takes `found` instead."""

    name: str
    found: Path
    ours: Path
    overwritten: bool = False
    """`found` is in our own place: another distribution was installed over it."""

    def __str__(self) -> str:
        if self.overwritten:
            return (
                f"tilth's package `{self.name}` at {self.ours} was overwritten by "
                f"{_owner(self.found) or 'something else'}. Install tilth in a virtual environment of its own."
            )
        where = f"{self.found} is found before tilth's own package `{self.name}` at {self.ours}."
        distribution = _owner(self.found)
        if distribution:
            return f"{where} It belongs to {distribution}: install tilth in a virtual environment of its own."
        return f"{where} Rename that one, take its folder off PYTHONPATH, or run `tilth` from another folder."


def check_shadowing() -> None:
    """End the program with exit code 2 and a line for each package of ours that is shadowed.

    Costs about a millisecond; call it before importing any of them.
    """
    shadows = list(find_shadows())
    if shadows:
        for shadow in shadows:
            print(shadow, file=sys.stderr)
        raise SystemExit(EXIT_CODE)


def find_shadows(home: Path | None = None) -> Iterator[Shadow]:
    """What Python would import in place of our packages.

    Args:
        home: The folder that ours lie in; the one that this file was imported from when not given.
    """
    home = (home or Path(__file__).parent.parent).resolve()
    for name in PACKAGES:
        ours = home / name
        spec = PathFinder.find_spec(name)
        if spec is None or spec.origin is None:
            # Nothing, or a mere folder without __init__.py: Python takes that only where there is no real package.
            continue
        found = Path(spec.origin).resolve()
        if found != ours / "__init__.py":
            yield Shadow(name, found if found.name != "__init__.py" else found.parent, ours)
    yield from _overwritten(home)


def _overwritten(home: Path) -> Iterator[Shadow]:
    """Our packages whose front door is not the one that was installed; where tilth is installed from a wheel."""
    record = next(home.glob("tilth-*.dist-info/RECORD"), None)
    if record is None:
        return
    doors = {f"{name}/__init__.py": name for name in PACKAGES}
    for line in record.read_text(encoding="utf-8").splitlines():
        path, _, rest = line.partition(",")
        if path not in doors or not rest.startswith("sha256="):
            continue
        recorded = rest.removeprefix("sha256=").partition(",")[0]
        door = home / path
        if door.is_file() and _digest(door) != recorded:
            yield Shadow(doors[path], door, home / doors[path], overwritten=True)


def _digest(path: Path) -> str:
    """SHA-256 as a wheel's RECORD writes it."""
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _owner(path: Path) -> str | None:
    """The installed distribution other than tilth that `path` belongs to; only asked when something is wrong."""
    from importlib.metadata import distributions

    wanted = path if path.suffix == ".py" else path / "__init__.py"
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name == "tilth" or not distribution.files:
            continue
        for file in distribution.files:
            if file.name == wanted.name and Path(str(distribution.locate_file(file))).resolve() == wanted:
                return f"the distribution {name} {distribution.version}"
    return None
