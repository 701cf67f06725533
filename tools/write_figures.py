"""Write docs/figures.md, and the tables of figures in other pages, from the JSON that the benchmarks wrote.

No figure in the docs is typed by hand. A page has the figures of a claim between two comments:

    <!-- figures: fewest_labels -->
    <!-- end of figures -->

What stands between them is written anew: a table of what the claim must reach, or nothing while it was not measured.
"""

from __future__ import annotations

import json
import os
import re
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

BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def page(results: Path = RESULTS) -> str:
    """The page for all results in a folder: what holds of each claim, then a table a claim."""
    proofs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))]
    return "\n".join([HEAD, *_contents(proofs), *map(_section, proofs)])


def pages_with_figures(root: Path = ROOT) -> list[Path]:
    """The pages for readers that have figures of a claim in them."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [path for path in pages if path.exists() and BLOCK.search(path.read_text(encoding="utf-8"))]


def with_figures(path: Path, results: Path = RESULTS, figures_page: Path = PAGE) -> str:
    """A page's text with what each of its claims must reach between the comments."""
    link = Path(os.path.relpath(figures_page, path.parent)).as_posix()

    def written(match: re.Match[str]) -> str:
        begin, claim, end = match.groups()
        measured = results / f"{claim}.json"
        if not measured.exists():
            return f"{begin}{end}"
        return f"{begin}\n{_reached(json.loads(measured.read_text(encoding='utf-8')), link)}\n{end}"

    return BLOCK.sub(written, path.read_text(encoding="utf-8"))


def _contents(proofs: list[dict[str, Any]]) -> list[str]:
    rows = []
    for proof in proofs:
        asked = [figure["holds"] for figure in proof["figures"] if figure["must"]]
        held = f"{sum(asked)} of {len(asked)}" if asked else ""
        rows.append(f"| [{proof['claim']}](#{proof['claim']}) | {_cell(proof['compares'])} | {held} |")
    return ["| claim | compares | holds |", "| --- | --- | ---: |", *rows, ""] if rows else []


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


def _reached(proof: dict[str, Any], link: str) -> str:
    """What a claim must reach, and whether it does, for a page that is about something else."""
    rows = [_row(figure) for figure in proof["figures"] if figure["must"]]
    return "\n".join(
        [
            "| measured | value | unit | must | holds |",
            "| --- | ---: | --- | --- | --- |",
            *rows,
            "",
            f"({_sentence(proof['compares'])} All of it: [{proof['claim']}]({link}#{proof['claim']}).)",
            "",
        ]
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _row(figure: dict[str, Any]) -> str:
    holds = {True: "yes", False: "**no**", None: ""}[figure["holds"]]
    cells = (figure["what"], f"{figure['value']:.4g}", figure["unit"], figure["must"] or "", holds)
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(words: object) -> str:
    return str(words).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
    for path in pages_with_figures():
        path.write_text(with_figures(path), encoding="utf-8")
        print(f"Wrote the figures in {path.relative_to(ROOT)}")
