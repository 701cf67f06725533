"""Write docs/figures.md from the JSON that the benchmarks wrote: no figure in the docs is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "figures.md"

HEAD = """# Figures

Written by `python tools/write_figures.py` from `benchmarks/results/*.json`; do not edit. Each claim is measured again
by `make bench CLAIM=name`. What a figure is compared with ran in the same script. Machines differ and this one was
shared: trust the ratios more than the seconds.
"""


def page(results: Path = RESULTS) -> str:
    """The page for all results in a folder, a table a claim."""
    return "\n".join([HEAD, *(_section(json.loads(path.read_text())) for path in sorted(results.glob("*.json")))])


def _section(proof: dict[str, Any]) -> str:
    rows = [_row(figure) for figure in proof["figures"]]
    return "\n".join(
        [
            f"## {proof['claim']}",
            "",
            f"{_sentence(proof['compares'])} {proof['machine']}; commit `{proof['commit'][:12]}`.",
            "",
            "| what | value | unit | must | holds |",
            "| --- | ---: | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _row(figure: dict[str, Any]) -> str:
    holds = {True: "yes", False: "**no**", None: ""}[figure["holds"]]
    cells = (figure["what"], f"{figure['value']:.4g}", figure["unit"], figure["must"] or "", holds)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
