"""A fit that is killed at any moment and run again ends where an undisturbed one ends.

Moments are drawn between the first and the last durable write: half of them where the store or a model's folder is
written, half anywhere. Each killed run has a project of its own.
"""

import json
import multiprocessing
import random
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crawlers.files import import_file
from store.database import Store
from tests.kill.fit_run import fit
from tests.tiny_project import letters, write_csv, write_encoder, write_project
from tilth.project import Project

# A server process that has imported what a fit needs, and forks for each run.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "tests.kill.fit_run",
        "accelerate",
        "active_learning.fit",
        "labeling.resolve",
        "safetensors.torch",
        "scipy.optimize",
        "sklearn.linear_model",
        "training.fine_tune",
        "transformers.trainer",
        "transformers.models.auto.modeling_auto",
        "transformers.models.bert.modeling_bert",
    ]
)
MOMENTS = {"probe": 20, "fine-tune": 6}
AT_ONCE = 2
WRITES = (
    "pathlib",
    "shutil",
    "store.database._clear_about_the_disk",
    "store.database.table",
    "store.database.transaction",
    "store.embeddings.put",
    "store.labels.write_labels",
    "store.models.add_model",
    "store.predictions.write_predictions",
    "store.snapshots.take_snapshot",
    "training.model_card",
    "training.model_folder",
)
TABLES = ("labels", "snapshots", "snapshot_rows", "models", "schemas")
TIMES = ("resolved_at", "made_at", "fitted_at", "first_used")

State = dict[str, Any]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(params=MOMENTS)
def made(request: pytest.FixtureRequest, encoder: Path, tmp_path: Path) -> tuple[str, Path]:
    """A project with annotated letters, to be copied for each run: nothing is resolved, embedded or fitted yet."""
    folder = write_project(tmp_path / "made", encoder, model=request.param)
    file = write_csv(tmp_path / "letters.csv", letters(110), labelled=70, test=20)
    with Store(folder / "tilth.duckdb") as store:
        import_file(store, file, Project(folder).schema, label_column="label", split_column="split")
    return request.param, folder


def run(project: Path, kill_at: int | None = None, moments: Path | None = None) -> int:
    """Fit in another process and give its exit code; of one that hangs, where it stands is told."""
    process = PROCESSES.Process(target=fit, args=(project, kill_at, moments))
    process.start()
    process.join(120)
    if process.exitcode is None:
        process.kill()
        where = (project.parent / f"{project.name}.stuck").read_text(encoding="utf-8")
        pytest.fail(f"a fit did not end within two minutes:\n{where}")
    return process.exitcode


def end_state(project: Path) -> State:
    """All that a fit leaves behind, but for times: what must be equal, and the numbers that must be within 1e-5."""
    exact: State = {}
    with Store(project / "tilth.duckdb") as store:
        for table in TABLES:
            rows = store.read(f"SELECT * FROM {table} ORDER BY ALL").to_pylist()
            exact[table] = [{name: value for name, value in row.items() if name not in TIMES} for row in rows]
        said = store.read("SELECT * FROM predictions ORDER BY model_id, record_id").to_pydict()
        vectors = store.read("SELECT * FROM embeddings ORDER BY encoder, content_hash").to_pydict()
    # Numbers that a fit chose, such as the temperature, are compared as numbers.
    numbers = {"calibration": np.array([json.loads(row.pop("calibration"))["temperature"] for row in exact["models"]])}
    numbers |= {"predictions": np.array(said.pop("probabilities")), "vectors": np.array(vectors.pop("vector"))}
    exact |= {"predicted": said, "embedded": vectors}
    for file in sorted((project / "models").rglob("*")):
        name = file.relative_to(project).as_posix()
        exact[name] = file.is_dir()
        if file.suffix == ".safetensors":
            numbers |= {f"{name}/{key}": tensor for key, tensor in weights(file).items()}
    return {"exact": exact, "numbers": numbers}


def weights(file: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(file)


def assert_equal(found: State, expected: State, after: str) -> None:
    assert found["exact"] == expected["exact"], f"ended otherwise after: {after}"
    assert found["numbers"].keys() == expected["numbers"].keys(), f"other numbers after: {after}"
    for name, numbers in expected["numbers"].items():
        np.testing.assert_allclose(found["numbers"][name], numbers, rtol=0, atol=1e-5, err_msg=f"{name} after: {after}")


def assert_no_half_model(project: Path, expected: State, after: str) -> None:
    """A folder that goes by a model's name holds all that the undisturbed one holds."""
    wanted = {name for name in expected["exact"] if name.startswith("models/")}
    for folder in (project / "models").glob("[!.]*"):
        there = {file.relative_to(project).as_posix() for file in (folder, *folder.rglob("*"))}
        assert there == wanted, f"a half model after: {after}"
        for name in ("README.md", "tilth.json", "config.json"):
            assert (folder / name).stat().st_size, f"{name} is empty after: {after}"


def drawn(names: list[str], count: int) -> list[int]:
    """The numbers of the moments."""
    draw = random.Random(11)
    writes = [place for place, name in enumerate(names) if name == "call store.database.transaction"]
    first, last = writes[0], max(place for place, name in enumerate(names) if "store.database.transaction" in name)
    at_writes = [place for place in range(first, last + 1) if names[place].split()[1].startswith(WRITES)]
    found = set(draw.sample(at_writes, count // 2))
    elsewhere = [place for place in range(first, last + 1) if place not in found]
    return sorted(found | set(draw.sample(elsewhere, count - len(found))))


def test_killed_and_run_again_it_ends_as_an_undisturbed_run(made: tuple[str, Path], tmp_path: Path) -> None:
    rung, begin = made
    shutil.copytree(begin, tmp_path / "undisturbed")
    assert run(tmp_path / "undisturbed", moments=tmp_path / "moments") == 0
    names = (tmp_path / "moments").read_text(encoding="utf-8").splitlines()
    expected = end_state(tmp_path / "undisturbed")
    assert len(expected["numbers"]["predictions"]) == 110
    assert [row["alias"] for row in expected["exact"]["models"]] == ["current"]
    moments = drawn(names, MOMENTS[rung])
    assert len(moments) == MOMENTS[rung]

    def kill_and_run_again(kill_at: int) -> None:
        after = f"moment {kill_at} of {len(names)}: {names[kill_at]}"
        print(f"{rung}, {after}")
        project = tmp_path / f"killed-{kill_at}"
        shutil.copytree(begin, project)
        assert run(project, kill_at=kill_at) == -signal.SIGKILL, f"was not killed at: {after}"
        assert_no_half_model(project, expected, after)
        assert run(project) == 0, f"did not run again after: {after}"
        assert_equal(end_state(project), expected, after)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(kill_and_run_again, moments))
