"""How good the main text is, on pages of many makes that were written for this test, each with the text expected of it.

A page's words are compared as a bag: precision is the share of the words found that were expected, recall the share of
the expected ones that were found.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from tests.crawlers.extraction.answers import answer

PAGES = sorted((Path(__file__).parent / "pages").glob("*.html"))
SOURCE = read_source({"name": "x", "start": ["http://a.example/"]})
# A word; where a script writes none apart, a character.
WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+")

FLOOR = {"precision": 0.95, "recall": 0.985, "F1": 0.965}
"""Means over all pages; measured: .959, .993, .974."""
LOWEST_F1 = 0.85
"""Of any page."""


def measured(page: Path) -> tuple[float, float, float]:
    """Precision, recall and F1 of a page's words."""
    records = read_page(SOURCE, answer(page.read_bytes())).records
    found = Counter(WORD.findall((records[0].text or "").lower())) if records else Counter()
    expected = Counter(WORD.findall(page.with_suffix(".txt").read_text(encoding="utf-8").lower()))
    both = (found & expected).total()
    precision, recall = both / max(1, found.total()), both / expected.total()
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def test_main_text_is_as_good_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {page.stem: measured(page) for page in PAGES}
    assert len(scores) >= 20
    means = dict(zip(FLOOR, (sum(column) / len(scores) for column in zip(*scores.values(), strict=True)), strict=True))
    with capsys.disabled():
        print("\nmain text on", len(scores), "pages:", ", ".join(f"{name} {mean:.3f}" for name, mean in means.items()))
        for name, (precision, recall, f1) in sorted(scores.items(), key=lambda one: one[1][2])[:5]:
            print(f"  {name}: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")
    assert {name: mean for name, mean in means.items() if mean < FLOOR[name]} == {}
    assert {name: f1 for name, (_, _, f1) in scores.items() if f1 < LOWEST_F1} == {}
