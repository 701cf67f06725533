"""Shadowed packages are said, by place and with a remedy, before anything of ours is imported."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tilth.shadowing import PACKAGES, check_shadowing, find_shadows

ROOT = Path(__file__).resolve().parents[2]


def run_check(cwd: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    """Call `check_shadowing` in a new interpreter with `path` before our folder on the import path."""
    code = (
        "import sys; from tilth.shadowing import check_shadowing; "
        f"sys.path[:0] = {[str(each) for each in path]!r}; check_shadowing(); print('nothing in the way')"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, env=environment())


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


def package(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    return folder


def test_our_own_packages_are_no_shadow() -> None:
    assert list(find_shadows()) == []
    check_shadowing()


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "tilth"])
def test_a_package_of_the_same_name_earlier_on_the_path_is_said_with_both_places(tmp_path: Path, name: str) -> None:
    answer = run_check(tmp_path, package(tmp_path / "theirs", name))
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert str(tmp_path / "theirs" / name) in answer.stderr
    assert str(ROOT / name) in answer.stderr
    assert "Rename" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [["-m", "tilth"], ["-c", "from tilth.main import main; main()"]])
def test_the_command_line_says_it_before_it_imports_anything_shadowed(tmp_path: Path, command: list[str]) -> None:
    path = f"{package(tmp_path, 'store')}{os.pathsep}{ROOT}"
    answer = subprocess.run(
        [sys.executable, *command, "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment() | {"PYTHONPATH": path},
    )
    assert answer.returncode == 2, answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert str(tmp_path / "store") in answer.stderr


def test_a_single_module_shadows_as_well(tmp_path: Path) -> None:
    (tmp_path / "store.py").write_text("")
    answer = run_check(tmp_path, tmp_path)
    assert answer.returncode == 2
    assert str(tmp_path / "store.py") in answer.stderr


def test_a_mere_folder_of_data_does_not_shadow(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    answer = run_check(tmp_path, tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_distribution_that_owns_the_shadow_is_named(tmp_path: Path) -> None:
    package(tmp_path, "store")
    described = tmp_path / "shopkeeper-3.1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: shopkeeper\nVersion: 3.1\n")
    (described / "RECORD").write_text("store/__init__.py,,\nshopkeeper-3.1.dist-info/RECORD,,\n")
    answer = run_check(tmp_path, tmp_path)
    assert answer.returncode == 2
    assert "shopkeeper 3.1" in answer.stderr


def test_a_package_of_ours_that_another_distribution_overwrote_is_found(tmp_path: Path) -> None:
    for name in PACKAGES:
        package(tmp_path, name)
    record = tmp_path / "tilth-0.1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    record.write_text("".join(f"{name}/__init__.py,sha256={empty},0\n" for name in PACKAGES))
    overwritten = [shadow for shadow in find_shadows(tmp_path) if shadow.overwritten]
    assert overwritten == []
    (tmp_path / "store" / "__init__.py").write_text("theirs = True\n")
    (shadow,) = [shadow for shadow in find_shadows(tmp_path) if shadow.overwritten]
    assert shadow.name == "store"
    assert "overwritten" in str(shadow)


def test_the_check_costs_less_than_five_milliseconds() -> None:
    def once() -> float:
        began = time.perf_counter()
        check_shadowing()
        return time.perf_counter() - began

    assert min(once() for _ in range(20)) < 0.005
