"""What imports what: the floors hold at run time too, and nothing heavy stands on the way to the command line."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tilth", "active_learning", "crawlers", "labeling", "training", "store")
HEAVY = (
    "torch",
    "transformers",
    "scrapy",
    "label_studio_sdk",
    "cleanlab",
    "datasets",
    "duckdb",
    "pandas",
    "pyarrow",
    "sklearn",
    "playwright",
)


def modules(package: str) -> list[str]:
    """Every module below a package of ours, by its dotted name, without importing any."""
    found = []
    for path in sorted((ROOT / Path(*package.split("."))).rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found.append(dotted.removesuffix(".__init__"))
    return [name for name in found if not name.endswith("__main__")]


def interpreter(code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)


@pytest.mark.parametrize("room", ["training", "active_learning.strategies"])
def test_it_imports_on_a_machine_without_duckdb_scrapy_and_label_studio(room: str) -> None:
    blocked = ("duckdb", "scrapy", "playwright", "label_studio_sdk", "twisted")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"  # None there makes an import fail
        f"import importlib\nfor name in {modules(room)!r}: importlib.import_module(name)\nprint('imported')"
    )
    answer = interpreter(code)
    assert answer.stdout.strip() == "imported", answer.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_a_rooms_front_door_is_light(name: str) -> None:
    answer = interpreter(f"import sys, {name}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))")
    assert (answer.returncode, answer.stdout.strip()) == (0, ""), answer.stdout + answer.stderr


@pytest.mark.parametrize("argv", [["--help"], ["doctor", "--help"]])
def test_help_is_answered_without_anything_heavy(argv: list[str]) -> None:
    code = (
        f"import sys, atexit; sys.argv = ['tilth', *{argv!r}]\n"
        f"atexit.register(lambda: print('heavy:', *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))\n"
        "from tilth.main import main; main()"
    )
    answer = interpreter(code)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.strip() == "heavy:"


def imported_names() -> set[str]:
    """The first part of every absolute import in our packages, those inside functions too."""
    names = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    names.add(node.module.split(".")[0])
    return names - set(PACKAGES) - set(sys.stdlib_module_names)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", name)[0]).lower()


def declared() -> tuple[set[str], set[str]]:
    """The distributions that pyproject.toml asks for to run, and those of the extras for users."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [asked for name, extra in project["optional-dependencies"].items() if name != "dev" for asked in extra]
    return set(map(canonical, project["dependencies"])), set(map(canonical, extras))


def test_every_library_that_we_import_is_declared() -> None:
    owners = importlib.metadata.packages_distributions()
    needed, extras = declared()
    missing = {
        name: owners.get(name, ["not installed"])
        for name in imported_names()
        if not {canonical(owner) for owner in owners.get(name, [])} & (needed | extras)
    }
    assert missing == {}


def test_every_library_that_we_declare_is_imported() -> None:
    # Imported by others on our behalf: by transformers' Trainer, trafilatura, altair and Arrow's `to_pandas`.
    on_our_behalf = {"accelerate", "lxml-html-clean", "vl-convert-python", "pandas"}
    owners = importlib.metadata.packages_distributions()
    used = {canonical(owner) for name in imported_names() for owner in owners.get(name, [])}
    assert declared()[0] - used - on_our_behalf == set()


def test_the_pins_are_exact_name_no_place_and_cover_what_is_declared() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and not set(line) & set(" /@:;+") for line in lines)
    pinned = {canonical(line) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    assert set(map(canonical, asked)) - pinned == set()
