"""What the docs show can be followed: links lead somewhere, examples of tilth.toml are valid."""

import re
import tomllib
from pathlib import Path

import pytest

from crawlers.kinds import read_source
from crawlers.remedies import REMEDIES
from tilth.cli import app
from tilth.project_file import ProjectFile

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDED = {"project": {"name": "x"}, "schema": {"classes": ["a", "b"]}}

pages = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_every_link_of_a_page_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pages
def test_every_example_of_the_project_file_is_valid(page):
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if re.match(r"\[source\.\w+\]", example):  # what is added to a source that was shown before
            example = '[[source]]\nname = "x"\nstart = ["https://forum.example/"]\nrender = "browser"\n' + example
        tables = tomllib.loads(example)
        assert tables, "an example shows something"
        for position, source in enumerate(tables.get("source", [])):
            read_source(source, position)
        ProjectFile.model_validate({**NEEDED, **tables})


@pages
def test_every_verb_and_option_that_is_typed_is_one_of_ours(page):
    from typer.main import get_command

    verbs = get_command(app).commands
    for line in re.findall(r"^    tilth (.+?)(?: #.*)?$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = line.split("# ")[0].split()
        verb = verbs[words[0]]
        inner = getattr(verb, "commands", None)
        command = inner[words[1]] if inner else verb
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= known, line


def test_every_kind_of_page_error_is_explained():
    guide = (ROOT / "docs" / "guides" / "crawl.md").read_text(encoding="utf-8")
    explained = {
        kind for row in re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE) for kind in re.findall(r"`([\w-]+)`", row)
    }
    assert set(REMEDIES) <= explained
