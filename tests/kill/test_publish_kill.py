"""A publish that is killed at any moment and run again ends where an undisturbed one ends.

Moments are drawn between the first and the last durable write: calls and returns inside the client, and requests that
the Hub has received or has just answered. Each killed run has a project and a repository of its own.
"""

import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Store
from tests.hub_server import Hub
from tests.kill.publish_run import publish
from tests.store.labelled_store import fill

pytestmark = pytest.mark.kill
IN_THE_CLIENT, AT_THE_HUB = 14, 6
# A server process that has imported what a publish needs, and forks for each run.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.kill.publish_run", "datasets", "huggingface_hub.hf_api", "pyarrow.parquet", "jinja2"]
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with labels, made once and copied for each run."""
    folder = tmp_path_factory.mktemp("made")
    with Store(folder / "tilth.duckdb") as store:
        fill(store, 60)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def run(
    project: Path, hub: Hub, repo: str, kill_at: int | None = None, moments: Path | None = None, request: int = 0
) -> int:
    """Publish in another process and give its exit code; kill it when the Hub has its `request`-th request of this run.

    A negative `request` counts the same way and kills after the answer was made, before it is sent.
    """
    process = PROCESSES.Process(target=publish, args=(project, hub.url, repo, kill_at, moments))
    heard = 0

    def kill_at_request(method: str, path: str) -> None:
        nonlocal heard
        heard += 1
        if heard == abs(request):
            if request < 0 and "/commit/" in path:
                answer_first(hub, process)
            else:
                os.kill(process.pid, signal.SIGKILL)

    hub.intercepts.append(kill_at_request)
    process.start()
    process.join(60)
    hub.intercepts.remove(kill_at_request)
    assert process.exitcode is not None, "a publish did not end within a minute"
    return process.exitcode


def answer_first(hub: Hub, process: multiprocessing.process.BaseProcess) -> None:
    """Let the next commit happen, and kill its client before it hears of it."""
    real = hub.server.repositories.commit

    def commit_then_kill(*given):
        hub.server.repositories.commit = real
        done = real(*given)
        os.kill(process.pid, signal.SIGKILL)
        return done

    hub.server.repositories.commit = commit_then_kill


def end_state(project: Path, hub: Hub, repo: str) -> dict:
    """All that a publish leaves behind, but for times and revisions."""
    folders = {
        p.relative_to(project).as_posix(): p.read_bytes()
        for name in ("releases", "published")
        for p in (project / name).rglob("*")
        if p.is_file()
    }
    with Store(project / "tilth.duckdb") as store:
        told = store.read("SELECT release_id, target, state, content_hash, revision FROM releases").to_pylist()
        snapshots = store.read("SELECT * FROM snapshots").to_pylist()
        rows = store.read("SELECT * FROM snapshot_rows ORDER BY ALL").to_pylist()
    published = [commit for commit in hub.commits(repo) if commit["title"].startswith("Publish")]
    for row in told:
        if row["target"].startswith("hf://"):
            assert row["revision"] == published[0]["oid"]
    return {
        "releases": sorted((row["target"].startswith("hf://"), row["state"], row["content_hash"]) for row in told),
        "snapshots": snapshots,
        "rows": rows,
        "folders": folders,
        "hidden": [p.name for name in ("releases", "published") for p in (project / name).glob(".*")],
        "commits": [commit["title"] for commit in hub.commits(repo)],
        "hub": {path: hub.file(repo, path) for path in hub.paths(repo)},
    }


@pytest.fixture(scope="module")
def undisturbed(made, hub, tmp_path_factory) -> tuple[dict, list[str], list[str]]:
    """The end state of a run that nobody killed, the names of its moments, and the paths of its requests."""
    project = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(made, project)
    before = len(hub.requests)
    assert run(project, hub, "user/undisturbed", moments=project / "moments") == 0
    names = (project / "moments").read_text(encoding="utf-8").splitlines()
    return end_state(project, hub, "user/undisturbed"), names, [path for _, path in hub.requests[before:]]


def drawn(names: list[str], requests: list[str]) -> list[tuple[int | None, int, str]]:
    """The moments: (number in the client or none, number of the request or 0, name)."""
    draw = random.Random(7)
    first = next(i for i, name in enumerate(names) if "transaction" in name)
    client = sorted(draw.sample(range(first, len(names)), IN_THE_CLIENT))
    commit = next(i for i, path in enumerate(requests, start=1) if "/commit/" in path)
    heard = sorted(draw.sample([i for i in range(1, len(requests) + 1) if i != commit], AT_THE_HUB - 2))
    found: list[tuple[int | None, int, str]] = [(i, 0, names[i]) for i in client]
    found += [(None, i, f"the Hub hears {requests[i - 1]}") for i in sorted([*heard, commit])]
    return [*found, (None, -commit, "the Hub has committed and has not answered")]


def test_killed_at_twenty_moments_and_run_again_it_ends_as_an_undisturbed_run(made, hub, undisturbed, tmp_path):
    expected, names, requests = undisturbed
    assert expected["commits"] == ["Publish forum: 60 records", "initial commit"]
    assert expected["hidden"] == []
    moments = drawn(names, requests)
    assert len(moments) == 20
    for number, (kill_at, request, name) in enumerate(moments):
        print(f"{number:2d}: {name}")
        project, repo = tmp_path / f"p{number}", f"user/killed-{number}"
        shutil.copytree(made, project)
        assert run(project, hub, repo, kill_at=kill_at, request=request) == -signal.SIGKILL, f"was not killed: {name}"
        assert run(project, hub, repo) == 0, f"did not run again after: {name}"
        assert end_state(project, hub, repo) == expected, f"ended otherwise after: {name}"
