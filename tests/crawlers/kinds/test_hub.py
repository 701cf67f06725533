"""The kind `hub`: the rows of a dataset on a Hub that keeps real bytes."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crawlers.declaration import SourceError
from crawlers.kinds import hub as hub_kind
from tests.hub_server import Hub

REPO = "user/letters"
# `datasets` reads the Hub's address once, when it is imported: each test asks in a process of its own.
READ = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from crawlers.kinds import hub
from store.errors import TilthError
for declared in json.loads(sys.argv[1]):
    found, error, passed_by = [], None, {}
    try:
        for batch in hub.batches(hub.Source.declare(declared), Path(sys.argv[2])):
            found += [asdict(record) for record in batch]
            passed_by |= batch.passed_by
    except TilthError as refused:
        error = f"{type(refused).__name__}: {refused}"
    print("\\n" + json.dumps({"records": found, "error": error, "passed_by": passed_by}))
"""


def parquet(rows: list[dict[str, Any]], features: dict[str, Any] | None = None) -> bytes:
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if features else None
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(told), written)
    return written.getvalue()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hub with a dataset of two splits and one of images."""
    with Hub(tmp_path_factory.mktemp("hub")) as running:
        running.server.repositories.create(REPO)
        features = {
            "id": {"dtype": "int64", "_type": "Value"},
            "body": {"dtype": "string", "_type": "Value"},
            "topic": {"names": ["billing", "praise"], "_type": "ClassLabel"},
        }
        rows = [
            {"id": 1, "body": "one", "topic": 1},
            {"id": 2, "body": "", "topic": 0},
            {"id": 3, "body": "3", "topic": 0},
        ]
        running.push(REPO, "data/train-0.parquet", parquet(rows, features))
        running.push(REPO, "README.md", b"---\nlicense: cc-by-4.0\nlanguage:\n- en\n---\n# Letters\n")
        running.push(REPO, "data/test-0.parquet", parquet([{"id": 9, "body": "nine", "topic": 1}], features))
        running.server.repositories.create("user/pictures")
        drawn = io.BytesIO()
        Image.new("RGB", (4, 3)).save(drawn, "PNG")
        pictures = [
            {"id": "a", "image": {"bytes": drawn.getvalue(), "path": None}, "alt": "red"},
            {"id": "b", "image": {"bytes": b"damaged", "path": None}, "alt": None},
        ]
        seen = {
            "id": {"dtype": "string", "_type": "Value"},
            "image": {"_type": "Image"},
            "alt": {"dtype": "string", "_type": "Value"},
        }
        running.push("user/pictures", "data/train-0.parquet", parquet(pictures, seen))
        running.server.repositories.create("user/sounds")
        sounds = [{"sound": {"bytes": b"no sound", "path": "a.wav"}, "said": "hello", "topic": 1}]
        heard = {
            "sound": {"sampling_rate": 16_000, "_type": "Audio"},
            "said": {"dtype": "string", "_type": "Value"},
            "topic": {"names": ["billing", "praise"], "_type": "ClassLabel"},
        }
        running.push("user/sounds", "data/train-0.parquet", parquet(sounds, heard))
        running.server.repositories.create("user/pairs")
        pairs = [{"pair": {"de": "ja", "en": "yes"}}]
        running.push("user/pairs", "data/train-0.parquet", parquet(pairs))
        yield running


@pytest.fixture(scope="module")
def answers(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each declaration gave, by its name; asked in one process."""
    newest, before = (commit["oid"] for commit in hub.commits(REPO)[:2])
    declared: dict[str, dict[str, Any]] = {
        "all": {"key": "id"},
        "split": {"key": "id", "split": "test"},
        "columns": {"columns": [], "max_records": 1},
        "revision": {"key": "id", "revision": before},
        "no-split": {"split": "validation"},
        "no-column": {"text": "bdy"},
        "no-revision": {"revision": "v9"},
        "no-config": {"config": "de"},
        "no-dataset": {"dataset": "user/nothing"},
        "sounds": {"dataset": "user/sounds", "text": "said"},
        "sounds-columns": {"dataset": "user/sounds", "text": "said", "columns": ["topic"]},
        "pairs": {"dataset": "user/pairs", "text": "pair"},
        "images": {"dataset": "user/pictures", "image": "image", "key": "id"},
    }
    folder = tmp_path_factory.mktemp("project")
    tables = [{"dataset": REPO, "text": "body", **more} for more in declared.values()]
    read = ask(hub.url, folder, tables)
    return dict(zip(declared, read, strict=True)) | {"newest": newest, "before": before, "folder": folder}


def ask(endpoint: str, folder: Path, tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What declarations give, one after another in a process of their own."""
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": "hf_reader",
    }
    ran = subprocess.run(
        [sys.executable, "-c", READ, json.dumps([{"name": "h", **table} for table in tables]), str(folder)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"records"')]


def keys(answer: dict[str, Any]) -> list[str]:
    assert answer["error"] is None
    return [record["natural_key"] for record in answer["records"]]


def test_the_rows_of_all_splits_are_records(answers: dict[str, Any]) -> None:
    assert keys(answers["all"]) == ["1", "3", "9"]


def test_a_record_says_where_it_is_from_and_under_which_licence(answers: dict[str, Any]) -> None:
    record = answers["all"]["records"][0]
    assert record["text"] == "one"
    assert record["metadata"] == {
        "topic": "praise",
        "dataset": REPO,
        "revision": answers["newest"],
        "license": "cc-by-4.0",
        "language": ["en"],
        "split": "train",
    }


def test_one_split_is_read_alone(answers: dict[str, Any]) -> None:
    assert keys(answers["split"]) == ["9"]


def test_a_revision_is_read_as_it_was(answers: dict[str, Any]) -> None:
    assert keys(answers["revision"]) == ["1", "3"]
    assert answers["revision"]["records"][0]["metadata"]["revision"] == answers["before"]


def test_only_the_columns_and_rows_that_are_wanted_are_kept(answers: dict[str, Any]) -> None:
    (record,) = answers["columns"]["records"]
    assert record["natural_key"] is None and "topic" not in record["metadata"]


def test_images_are_kept_in_media_and_damaged_ones_are_not(answers: dict[str, Any]) -> None:
    (record,) = answers["images"]["records"]
    assert (record["natural_key"], record["text"], record["modality"]) == ("a", None, "image")
    assert (record["metadata"]["alt"], record["metadata"]["width"]) == ("red", 4)
    with Image.open(answers["folder"] / record["media_path"]) as image:
        assert image.size == (4, 3)


def test_rows_that_give_no_record_are_counted_by_what_they_hold(answers: dict[str, Any]) -> None:
    assert answers["all"]["passed_by"] == {"no text": 1}
    assert answers["pairs"]["passed_by"] == {'"pair" is an object, not a text': 1}
    assert answers["images"]["passed_by"] == {"the image is damaged, or none that can be used": 1}


def test_the_texts_beside_sound_are_read_without_playing_it(answers: dict[str, Any]) -> None:
    for name in ("sounds", "sounds-columns"):
        assert answers[name]["error"] is None
        (record,) = answers[name]["records"]
        assert (record["text"], record["metadata"]["topic"]) == ("hello", "praise")
    assert "sound" not in answers["sounds-columns"]["records"][0]["metadata"]


def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    (answer,) = ask("http://127.0.0.1:9", tmp_path, [{"dataset": REPO}])
    assert answer["error"].startswith(f"DatasetUnreadable: {REPO} cannot be read: the Hub cannot be reached (")
    assert answer["records"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-split", f'{REPO} has no split "validation"; it has: '),
        ("no-column", f'{REPO} has no column "bdy" among "id", "body", "topic".'),
        ("no-revision", f'{REPO} has no revision "v9"; look'),
        ("no-config", "cannot be read: BuilderConfig 'de' not found."),
        ("no-dataset", "user/nothing is not on the Hub, or may be read only by people whose HF_TOKEN is set"),
    ],
)
def test_what_is_not_there_is_said(answers: dict[str, Any], name: str, said: str) -> None:
    error = answers[name]["error"]
    assert error.startswith("DatasetUnreadable: user/")
    assert said in error


def test_a_name_that_is_none_is_said_with_its_key() -> None:
    with pytest.raises(SourceError) as raised:
        hub_kind.Source.declare({"name": "h", "dataset": "https://huggingface.co/datasets/x/y"})
    assert raised.value.field == ("dataset",)
