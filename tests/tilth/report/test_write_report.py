"""The report of a project with rounds, of one that has just begun, and of odd ones."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from store.records import add_records
from tests.tiny_project import write_project
from tilth.project import Project
from tilth.report import write_report


@pytest.fixture(scope="module")
def page(played: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    to = tmp_path_factory.mktemp("report") / "report.html"
    write_report(Project(played), to)
    return to.read_text(encoding="utf-8")


def outside_scripts(page: str) -> str:
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def points(page: str) -> dict:
    found = re.search(r"^const points = (.*);$", page, flags=re.MULTILINE)
    assert found
    return json.loads(found[1])


def test_every_picture_has_its_place_and_is_a_specification(page):
    specs = re.findall(r'^  "(chart-[\w-]+)": (\{.*\}),$', page, flags=re.MULTILINE)
    assert {name for name, _ in specs} >= {"chart-curve", "chart-rounds-map", "chart-doubt-map", "chart-calibration"}
    for name, spec in specs:
        assert f'id="{name}"' in page
        assert json.loads(spec)["$schema"].startswith("https://vega.github.io/schema/vega-lite/")


def test_each_picture_is_one_that_vega_lite_can_draw(page):
    import vl_convert

    configs = json.loads(re.search(r"^const configs = (.*);$", page, flags=re.MULTILINE)[1])
    for _, written in re.findall(r'^  "(chart-[\w-]+)": (\{.*\}),$', page, flags=re.MULTILINE):
        spec = json.loads(written)
        if spec.get("data", {}).get("name") == "points":
            spec["datasets"] = {**spec.get("datasets", {}), "points": [{"x": 0.5, "y": 0.5, "what": "in the pool"}]}
        assert vl_convert.vegalite_to_svg(spec, config=configs["night"]).startswith("<svg")


def test_the_map_says_of_each_record_what_it_is(page):
    found = points(page)
    columns = found["columns"]
    assert {len(column) for column in columns.values()} == {120}
    counted = {what: columns["what"].count(place) for place, what in enumerate(found["whats"])}
    assert counted == {
        "in the pool": 48,
        "chosen by the model": 30,
        "drawn at random to train on": 12,
        "held out to measure with": 30,
        "labelled otherwise": 0,
    }
    assert sorted(set(columns["round"])) == [0, 1, 2]


def test_a_hostile_text_stays_a_text_on_the_map_too(page):
    assert page.count("<script>") == 2
    assert page.count("</script>") == 2
    assert "<img src=x" not in outside_scripts(page)
    assert any("<script>alert" in text for text in points(page)["columns"]["text"])


def test_no_text_turns_the_direction_of_what_follows(page):
    assert "\u202e" not in page
    assert "\\u202e" not in page


def test_the_essentials_stand_in_tables_without_any_script(page):
    without = outside_scripts(page)
    assert "Where the rounds went." in without
    assert "<polyline" in without
    assert without.index('id="classes"') < without.index('id="hardest"') < without.index('id="labels"')


def test_nothing_is_loaded_from_outside(page):
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", outside_scripts(page))


def test_a_page_by_night_has_every_colour_of_the_one_by_day(page):
    day, night = re.findall(r":root \{ (--ink.*?;) (?:color-scheme|\})", page)
    names = [re.findall(r"--(\w+):", one) for one in (day, night)]
    assert names[0] == names[1]


def test_a_project_without_a_record_has_a_report(tmp_path):
    folder = write_project(tmp_path / "new", "nowhere")
    write_report(Project(folder), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No record has a vector yet" in page
    assert 'id="model"' not in page


def test_records_without_vectors_are_said_to_have_none(tmp_path):
    folder = write_project(tmp_path / "new", "nowhere")
    with Project(folder).open_store() as store:
        add_records(store, pa.table({"text": ["one", "two"]}), source_name="s")
    write_report(Project(folder), tmp_path / "report.html")
    assert "No record has a vector yet" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_it_is_written_whole_or_not_at_all(played, tmp_path, monkeypatch):
    import tilth.report

    (tmp_path / "report.html").write_text("the old one", encoding="utf-8")

    def fails(*_: object, **__: object) -> str:
        raise RuntimeError("no page")

    monkeypatch.setattr(tilth.report, "render", fails)
    with pytest.raises(RuntimeError):
        write_report(Project(played), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "the old one"


def test_looking_changes_nothing_in_the_store(played, tmp_path):
    def counts() -> list[tuple[str, int]]:
        with Project(played).open_store() as store:
            names = store.read("SELECT table_name FROM information_schema.tables ORDER BY 1")["table_name"].to_pylist()
            return [(name, store.read(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py()) for name in names]

    before = counts()
    write_report(Project(played), tmp_path / "report.html")
    assert counts() == before
