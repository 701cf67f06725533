"""The real Label Studio that integration tests share: one a test run, whichever worker needs it first starts it."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from filelock import FileLock

from labeling.studio import Studio, down, up
from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject, open_project
from store.database import Store
from store.label_schema import LabelSchema
from store.records import add_records

SCHEMA = LabelSchema("text-classification", ("billing", "delivery", "praise"), question="What is it about?")


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A running Label Studio: `.url`, `.token`. Workers share it; the last one to finish stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "label-studio-of-the-run"
    folder.mkdir(exist_ok=True)
    users = folder / "workers"
    users.mkdir(exist_ok=True)
    mine = users / uuid.uuid4().hex
    with FileLock(folder / "lock"):
        mine.touch()
        running = up(folder)
    yield running
    with FileLock(folder / "lock"):
        mine.unlink()
        if not any(users.iterdir()):
            down(folder)


@pytest.fixture(scope="session")
def client(studio: Studio) -> Iterator[StudioClient]:
    """A client of the shared Label Studio."""
    with closing(StudioClient(studio.url, studio.token, studio="studio-of-the-tests")) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


@pytest.fixture
def project(store: Store, client: StudioClient) -> StudioProject:
    """A new Label Studio project for the store."""
    return open_project(store, client, SCHEMA, "Letters")


@pytest.fixture
def chosen(store: Store) -> Callable[..., pa.Table]:
    """Adds `n` records to the store and gives the rows that push takes."""

    def make(n: int, *, round_id: str = "r1", answers_wanted: int = 1, prediction: str | None = None) -> pa.Table:
        ids = add_letters(store, n)
        return choose(ids, round_id=round_id, answers_wanted=answers_wanted, prediction=prediction)

    return make


def add_letters(store: Store, n: int) -> list[str]:
    """Add `n` records; the same ones each time."""
    texts = [f"Letter {place}: where is my parcel?" for place in range(n)]
    keys = [str(place) for place in range(n)]
    urls = [f"https://letters.example/{place}" for place in range(n)]
    batch = pa.table({"text": texts, "natural_key": keys, "url": urls})
    return add_records(store, batch, source_name="letters").record_ids


def choose(ids: list[str], *, round_id: str = "r1", answers_wanted: int = 1, prediction: str | None = None) -> pa.Table:
    """The rows that push takes for these records."""
    n = len(ids)
    columns = {
        "record_id": ids,
        "purpose": ["selected"] * n,
        "why": ["the model is unsure"] * n,
        "round_id": [round_id] * n,
        "answers_wanted": pa.array([answers_wanted] * n, pa.int32()),
        "prediction": pa.array([prediction] * n, pa.string()),
    }
    return pa.table(columns)
