"""`tilth simulate` on labels of a file: several strategies and models, bands, labels needed, and what is refused."""

import csv
import json
from pathlib import Path

import pytest

from tests.command_line import done, tilth
from tests.tiny_project import letters, write_encoder, write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("simulated")
    folder = write_project(place / "project", write_encoder(place / "encoder"))
    with (folder / "letters.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows([("text", "label"), *((one.text, one.label) for one in letters(100))])
    return folder


def simulate(project: Path, *options: str) -> tuple:
    return ("simulate", "--file", project / "letters.csv", "--seeds", "2", "--jobs", "2", *options)


def test_it_tells_bands_labels_needed_and_what_choosing_saved_and_plays_nothing_twice(project):
    options = ("--strategy", "margin", "--schedule", "10,20,30", "--want", "0.5,0.999")
    said = done(*simulate(project, *options), project=project)
    assert "mean of 2 seeds and its 95% interval" in said
    assert "Labels needed" in said and "not reached" in said
    assert "margin against random: " in said
    logs = {log: log.read_bytes() for log in (project / "simulations").glob("*.jsonl")}
    found = json.loads(done(*simulate(project, *options, "--json"), project=project))
    assert found["arms"].keys() == {"random", "margin"}
    assert [one["n_labels"] for one in found["arms"]["margin"]["curve"]] == [10, 20, 30]
    assert {(one["strategy"], one["wanted"]) for one in found["needed"]} == {
        (name, wanted) for name in ("random", "margin") for wanted in (0.5, 0.999)
    }
    assert logs == {log: log.read_bytes() for log in (project / "simulations").glob("*.jsonl")}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--model", "prob"), '"prob" is not known'),
        (("--strategy", "margn"), '"margin" was perhaps meant'),
        (("--schedule", "10,ten"), "--schedule: 'ten' is no number"),
        (("--schedule", "20,10"), "rising numbers"),
        (("--schedule", "10,2000"), "only 75 records can be drawn"),
        (("--schedule", "10", "--want", "90"), "more than 0 and at most 1"),
    ],
)
def test_what_cannot_be_played_is_refused(project, options, why):
    assert why in tilth(*simulate(project, *options), project=project).refused()
