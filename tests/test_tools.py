"""The scripts behind `make`: pins that hold elsewhere, a set-up that knows what it made, stages that end."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def script(name: str) -> ModuleType:
    """One of the scripts in tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_pins_lose_options_and_local_versions_and_come_sorted() -> None:
    frozen = "--find-links /somewhere\ntorch==2.13.0+cpu\n# note\nattrs==26.1.0\nPyYAML==6.0.3\npip==23.2.1\n"
    assert script("pin_packages").pins(frozen) == ["attrs==26.1.0", "PyYAML==6.0.3", "torch==2.13.0"]


@pytest.mark.parametrize("line", ["numpy @ file:///tmp/numpy.whl", "thing @ https://example.org/thing.zip", "oddity"])
def test_a_pin_that_names_a_place_is_refused(line: str) -> None:
    with pytest.raises(SystemExit, match="another machine"):
        script("pin_packages").pins(line)


def test_the_set_up_takes_notice_of_pins_and_dependencies_but_not_of_a_tools_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = script("set_up")
    for name in ("constraints.txt", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(set_up, "CONSTRAINTS", tmp_path / "constraints.txt")
    before = set_up.wanted()

    def after(name: str, old: str, new: str) -> str:
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new))
        try:
            return set_up.wanted()
        finally:
            (tmp_path / name).write_text(text)

    assert after("pyproject.toml", "line-length = 120", "line-length = 100") == before
    assert after("pyproject.toml", '"rich>=13.9"', '"rich>=14"') != before
    assert after("constraints.txt", "rich==", "rich==9") != before


def test_an_environment_is_made_only_when_its_stamp_is_the_wanted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up = script("set_up")
    monkeypatch.setattr(set_up, "STAMP", tmp_path / "set-up")
    monkeypatch.setattr(set_up, "PYTHON", Path(sys.executable))
    assert not set_up.is_made()
    (tmp_path / "set-up").write_text(set_up.wanted())
    assert set_up.is_made()
    (tmp_path / "set-up").write_text(set_up.wanted()[:-1])
    assert not set_up.is_made()


def test_a_stage_is_ended_at_the_deadline_with_what_it_started() -> None:
    stages = script("run_stages")
    began = time.monotonic()
    code = stages.run(("python", "-c", "import time; time.sleep(60)"), began + 0.5, 1)
    assert code == 124
    assert time.monotonic() - began < 10


def test_the_closing_line_counts_the_tests_of_all_stages(tmp_path: Path) -> None:
    stages = script("run_stages")
    (tmp_path / "test_some.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip('no')\n"
    )
    counts = stages.Counts()
    for _ in range(2):
        junit = tmp_path / "counts.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={junit}", "--rootdir=."],
            cwd=tmp_path,
            capture_output=True,
        )
        counts.add(junit)
    assert str(counts) == "2 failed, 2 passed, 2 skipped"
    counts.add(tmp_path / "never-written.xml")
    assert counts.errors == 1


def test_an_unknown_stage_is_refused() -> None:
    asked = subprocess.run([sys.executable, ROOT / "tools" / "run_stages.py", "lnt"], capture_output=True, text=True)
    assert asked.returncode == 2
    assert "usage" in asked.stderr
