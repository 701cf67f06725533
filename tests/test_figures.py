"""The figures in the docs are those that the benchmarks wrote."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = "before\n<!-- figures: speed -->\nan older table\n<!-- end of figures -->\nafter\n"
PROOF = {
    "claim": "speed",
    "commit": "0123456789abcdef",
    "machine": "one core",
    "compares": "this against that",
    "figures": [
        {"what": "this | that", "value": 2.51234, "unit": "times", "must": "at least 2", "holds": True},
        {"what": "a second", "value": 1, "unit": "s", "must": "at most 0.5", "holds": False},
        {"what": "beside", "value": 7.5, "unit": "s", "must": None, "holds": None},
    ],
}


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tools" / "write_figures.py")))


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A page two folders down, as the guides are."""
    path = tmp_path / "docs" / "guides" / "fast.md"
    path.parent.mkdir(parents=True)
    path.write_text(WRITTEN, encoding="utf-8")
    return path


def test_the_docs_show_what_the_benchmarks_wrote(tool):
    assert (ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == tool.page()
    for path in tool.pages_with_figures():
        assert path.read_text(encoding="utf-8") == tool.with_figures(path), path


def test_every_claim_that_a_page_shows_has_a_script(tool):
    for path in tool.pages_with_figures():
        for _, claim, _ in tool.BLOCK.findall(path.read_text(encoding="utf-8")):
            assert (ROOT / "benchmarks" / f"{claim}.py").exists(), f"{path}: {claim}"


def test_a_claim_that_was_not_measured_leaves_nothing_behind(tool, guide, tmp_path):
    written = tool.with_figures(guide, tmp_path)
    assert written == "before\n<!-- figures: speed -->\n<!-- end of figures -->\nafter\n"


def test_a_page_shows_what_a_claim_must_reach_and_where_the_rest_is(tool, guide, tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(PROOF), encoding="utf-8")
    written = tool.with_figures(guide, tmp_path, tmp_path / "docs" / "figures.md")
    assert "| this \\| that | 2.512 | times | at least 2 | yes |" in written
    assert "| a second | 1 | s | at most 0.5 | **no** |" in written
    assert "beside" not in written
    assert "(../figures.md#speed)" in written
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")


def test_what_was_written_is_written_again_just_so(tool, guide, tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(PROOF), encoding="utf-8")
    once = tool.with_figures(guide, tmp_path)
    guide.write_text(once, encoding="utf-8")
    assert tool.with_figures(guide, tmp_path) == once


def test_the_page_begins_with_how_many_figures_hold(tool, tmp_path):
    (tmp_path / "speed.json").write_text(json.dumps(PROOF), encoding="utf-8")
    assert "| [speed](#speed) | this against that | 1 of 2 |" in tool.page(tmp_path)
