"""What docs/guides/extraction.md shows is what happens."""

import re
import tomllib
from pathlib import Path

import pytest

from crawlers.extraction.html_page import HtmlPage
from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from tests.crawlers.extraction.answers import answer

GUIDE = (Path(__file__).parents[3] / "docs/guides/extraction.md").read_text(encoding="utf-8")
SOURCES = [table for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.S) for table in tomllib.loads(block)["source"]]
(PAGE,) = re.findall(r"```html\n(.*?)```", GUIDE, re.S)
ROWS = re.findall(r"^\| [^|]+ \| `([^`]+)` \| (.+) \|$", GUIDE, re.M)


@pytest.mark.parametrize("declared", SOURCES, ids=[table["name"] for table in SOURCES])
def test_a_source_of_the_guide_can_be_declared(declared: dict[str, object]) -> None:
    assert read_source(declared).name == declared["name"]


@pytest.mark.parametrize(("selector", "finds"), ROWS)
def test_a_selector_of_the_guide_finds_what_it_says(selector: str, finds: str) -> None:
    page = HtmlPage(answer(PAGE))
    (item,) = page.items("article.review")
    assert page.values(item, selector) == [finds]


def test_the_guides_page_gives_the_guides_record() -> None:
    (record,) = read_page(read_source(SOURCES[0]), answer(PAGE)).records
    assert (record.natural_key, record.text) == ("r17", "It boils fast.")
    assert record.metadata == {
        "stars": "4", "day": "2026-03-01", "product": "Kettle", "brand": "Olk", "shop": "Pots & Co", "shelf": "12"
    }  # fmt: skip
    assert len(ROWS) == 9
