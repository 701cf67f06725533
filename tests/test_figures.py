"""The figures in the docs are those that the benchmarks wrote."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_docs_show_what_the_benchmarks_wrote():
    written = runpy.run_path(str(ROOT / "tools" / "write_figures.py"))["page"]()
    assert (ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == written
