"""A first project by hand: from `tilth init` and a file of letters to a release and a report."""

import csv
import json
import re
from pathlib import Path

import pytest
from parsel import Selector

from store import snapshots
from store.database import Store
from tests.command_line import done
from tests.tiny_project import CLASSES, letters, write_csv, write_encoder

LETTERS = letters(70)
TRAIN, TEST, WITHOUT = 35, 20, 15


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


def declare(project: Path, encoder: Path) -> None:
    """Write into the project file that `init` made what its comments ask for."""
    path = project / "tilth.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ('classes = ["first class", "second class"]', f"classes = {json.dumps(CLASSES)}"),
        ('# license = "CC-BY-4.0"', 'license = "CC-BY-4.0"'),
        ('encoder = "sentence-transformers/all-MiniLM-L6-v2"', f'encoder = "{encoder}"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def rows_of(store: Store, snapshot_id: str) -> str:
    return snapshots.rows_hash(snapshots.rebuild(store, snapshot_id))


def test_from_an_empty_folder_to_a_release_and_a_report(tmp_path, encoder):
    project = tmp_path / "my letters"
    assert "tilth.toml" in done("init", project, "--contact", "me@example.org")
    assert "bring records in" in done("status", project=project)
    declare(project, encoder)

    file = write_csv(tmp_path / "letters.csv", LETTERS, labelled=TRAIN + TEST, test=TEST)
    came = done("import", file, "--label", "label", "--split", "split", project=project)
    assert "70 new records, 0 known; 55 labels" in came
    assert "0 new records, 70 known; 0 labels" in done(
        "import", file, "--label", "label", "--split", "split", project=project
    )
    assert "70 records" in done("curate", project=project)
    status = json.loads(done("status", "--json", project=project))
    assert (status["counts"]["labelled"], status["counts"]["in the pool"]) == (TRAIN + TEST, WITHOUT)

    assert f"{TRAIN} labels" in done("fit", project=project)
    measured = json.loads(done("evaluate", "--json", project=project))["holdout"]
    assert measured["records"] == TEST
    assert measured["accuracy"]["low"] <= measured["accuracy"]["value"] <= measured["accuracy"]["high"]
    assert measured["accuracy"]["value"] > 0.6
    audited = json.loads(done("audit", "--json", project=project))
    assert audited["figures"]["labels"] == TRAIN + TEST
    assert any("repeat_share" in line for line in audited["lines"]), "nothing says how agreement could be known"
    assert "accuracy" in done("evaluate", project=project)

    taken = json.loads(done("snapshot", "--json", project=project))
    assert (taken["rows"], taken["splits"]) == (TRAIN + TEST, {"train": TRAIN, "test": TEST})
    assert "Published" in done("publish", "--to", tmp_path / "release", project=project)
    assert "Nothing changed" in done("publish", "--to", tmp_path / "release", project=project)
    assert published(tmp_path / "release", tmp_path / "cache") == {
        "test": labelled(LETTERS[:TEST]),
        "train": labelled(LETTERS[TEST : TEST + TRAIN]),
    }

    done("report", project=project)
    assert_opens_offline(project / "report.html")

    answer_otherwise(tmp_path / "letters.csv")
    assert "1 labels" in done("import", file, "--label", "label", project=project)
    later = json.loads(done("snapshot", "--json", project=project))
    assert later["snapshot_id"] != taken["snapshot_id"]
    with Store(project / "tilth.duckdb") as store:
        assert rows_of(store, taken["snapshot_id"]) == taken["snapshot_id"]
        assert rows_of(store, later["snapshot_id"]) == later["snapshot_id"]
    assert "Published" in done("publish", "--to", tmp_path / "release", project=project)


def labelled(rows) -> list[tuple[str, str]]:
    return sorted((row.text, row.label) for row in rows)


def published(folder: Path, cache: Path) -> dict[str, list[tuple[str, str]]]:
    """The rows of a release as a stranger reads them: text and class, by split."""
    from datasets import load_dataset

    read = load_dataset(str(folder), cache_dir=str(cache))
    return {
        name: sorted((row["text"], part.features["label"].int2str(row["label"])) for row in part)
        for name, part in read.items()
    }


def assert_opens_offline(page: Path) -> None:
    """Nothing that the page shows is fetched from anywhere."""
    html = Selector(page.read_text(encoding="utf-8"))
    loaded = html.css("script::attr(src), img::attr(src), link::attr(href), iframe::attr(src)").getall()
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert [link for link in html.css("a::attr(href)").getall() if not link.startswith("#")] == []
    styles = " ".join(html.css("style::text, [style]::attr(style)").getall())
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:)", styles)
    assert "letters" in " ".join(html.css("h1::text").getall())
    assert html.css("#chart-confusion")


def answer_otherwise(file: Path) -> None:
    """Change one answer in the file, as somebody who looked again would."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    rows[-1 - WITHOUT][1] = next(name for name in CLASSES if name != rows[-1 - WITHOUT][1])
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)


def test_a_simulation_as_json_is_one_document(tmp_path, encoder):
    done("init", tmp_path / "project")
    declare(tmp_path / "project", encoder)
    file = write_csv(tmp_path / "letters.csv", LETTERS)
    played = done(
        *(
            "simulate",
            "--file",
            file,
            "--strategies",
            "margin",
            "--size",
            "8",
            "--rounds",
            "2",
            "--seeds",
            "1",
            "--json",
        ),
        project=tmp_path / "project",
    )
    assert set(json.loads(played)["arms"]) == {"random", "margin"}
