"""A simulation of which a process is killed, and that is run again, ends with the results of an undisturbed one."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from active_learning.learning_curves import Curves
from tests.kill import simulate_run
from tests.kill.simulate_run import ROUNDS, play

ROOT = Path(__file__).resolve().parents[2]
DRAW = random.Random(4)
HEADS = 2  # a log for each rung, each with a line that names it


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Curves, set[str]]:
    """What one process plays, and the lines of its logs."""
    logs = tmp_path_factory.mktemp("undisturbed")
    return play(logs, jobs=None), lines(logs)


def lines(logs: Path) -> set[str]:
    return {line for log in logs.glob("*.jsonl") for line in log.read_text(encoding="utf-8").splitlines()}


def in_another_process(logs: Path, kill: str, after: int) -> subprocess.CompletedProcess[str]:
    call = f"play(Path({str(logs)!r}), {kill!r}, {after})"
    code = f"from pathlib import Path; from {simulate_run.__name__} import play; {call}"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def orphans() -> set[int]:
    """Workers whose parent is gone."""
    there = psutil.process_iter(["cmdline", "ppid"])
    return {
        one.pid
        for one in there
        if one.info["ppid"] == 1 and "multiprocessing.spawn" in " ".join(one.info["cmdline"] or [])
    }


def assert_no_new_orphans(before: set[int]) -> None:
    deadline = time.monotonic() + 30
    while (left := orphans() - before) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left, "workers went on without their parent"


@pytest.mark.parametrize("kill", ["parent", "worker"])
def test_killed_and_run_again_it_gives_equal_results(
    kill: str, undisturbed: tuple[Curves, set[str]], tmp_path: Path
) -> None:
    expected, written = undisturbed
    after = DRAW.randrange(3, ROUNDS - 3)
    print(f"{kill} killed after {after} of {ROUNDS} rounds")
    before = orphans()
    ended = in_another_process(tmp_path, kill, after)
    assert_no_new_orphans(before)
    kept = lines(tmp_path)
    rounds = len(kept) - HEADS
    if kill == "parent":
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert rounds == after, "the parent keeps a round before it says that it was played, and dies with its word"
    else:
        assert "WorkerDied" in ended.stderr and "run it again" in ended.stderr, ended.stderr
        # What both workers had said before the kill is heard and kept too: on a slow disk that is a few more.
        assert after <= rounds < ROUNDS, "rounds were lost that had been played"
    assert kept <= written
    assert play(tmp_path) == expected
    assert lines(tmp_path) == written


def test_a_worker_that_fails_says_why() -> None:
    from active_learning.simulate import simulate

    with pytest.raises(Exception, match="no file of that name") as failure:
        simulate(simulate_run.corpus(), (), simulate_run.SCHEDULE, seeds=(0,), rungs={"broken": Broken}, jobs=1)
    assert type(failure.value).__name__ == "WorkerDied"


class Broken:
    """A classifier that cannot fit."""

    def fit(self, *_: object, **__: object) -> simulate_run.FittedMeans:
        raise FileNotFoundError("no file of that name")
