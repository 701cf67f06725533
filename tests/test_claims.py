"""The scripts that judge: what they count, and that a long one goes on where it stopped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_labels_needed_are_those_at_the_end_of_the_first_round_that_is_as_good():
    from small_text import share_needed

    assert share_needed([25, 50, 100], np.array([0.5, 0.8, 0.9]), 0.75) == 0.5


def test_an_accuracy_that_is_never_reached_needs_more_than_all_labels():
    from small_text import NEVER, share_needed

    assert share_needed([25, 50], np.array([0.5, 0.6]), 0.9) == NEVER > 1


def test_the_better_of_two_rivals_is_the_one_that_counts():
    from small_text import figures

    from active_learning.learning_curves import Curves, Point

    accuracies = {"auto": (0.5, 0.8, 0.9), "random": (0.5, 0.6, 0.7)}
    points = [
        Point(name, 0, size, accuracy, accuracy, "auto")
        for name, curve in accuracies.items()
        for size, accuracy in zip((25, 50, 100), curve, strict=True)
    ]
    curves = Curves(("random", "auto"), (0,), tuple(points), ("auto",))
    theirs = {"weak": [[0.1, 0.2, 0.5]], "strong": [[0.4, 0.6, 0.75]]}
    (share, *_) = figures("here", curves, theirs, may_fail=True)
    assert ("strong" in share.what, share.value, share.holds) == (True, 0.5, True)


def test_memory_that_does_not_grow_has_no_slope():
    from refit_memory import slope

    found = slope([700.0] * 50)
    assert (found.mean, found.low, found.high, found.grown) == (0, 0, 0, 0)


def test_memory_that_grows_by_half_a_megabyte_a_round_is_told():
    from refit_memory import slope

    noise = np.random.default_rng(0).normal(0, 1, 100)
    found = slope((700 + 0.5 * np.arange(100) + noise).tolist())
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.1


def test_what_was_measured_of_other_code_is_not_gone_on_with(tmp_path):
    from long_run import kept_in

    code = tmp_path / "worker.py"
    code.write_text("one")
    before = kept_in(tmp_path / "state", "curves", code, rooms=())
    assert kept_in(tmp_path / "state", "curves", code, rooms=()) == before
    code.write_text("two")
    assert kept_in(tmp_path / "state", "curves", code, rooms=()) != before


def test_a_simulation_that_ran_out_of_time_goes_on_where_it_stopped(tmp_path):
    from active_learning.simulate import Corpus, Schedule, simulate
    from long_run import Clock, OutOfTime

    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    corpus = Corpus(
        np.array([f"r{n:02d}" for n in range(60)]),
        [f"text {n}" for n in range(60)],
        labels,
        ("a", "b"),
        embeddings=rng.normal(size=(60, 4)).astype(np.float32),
    )
    rounds: list[int] = []

    def played(minutes: float) -> None:
        clock = Clock(minutes)

        def tell(done: int, total: int) -> None:
            rounds.append(done)
            if done:
                clock()

        simulate(
            corpus,
            [],
            Schedule((4, 8, 12)),
            seeds=(0,),
            classifier=_Always(),
            test=corpus,
            logs=tmp_path,
            progress=tell,
        )

    with pytest.raises(OutOfTime):
        played(0)
    assert rounds[-1] == 1
    played(1)
    assert rounds == [0, 1, 1, 2, 3]


class _Always:
    """A classifier that says the first class, whatever it is shown."""

    name = "always"

    def fit(self, examples, *, seed, unlabelled=None):
        return self

    def predict(self, inputs):
        from training.examples import Predictions

        return Predictions(inputs.ids, np.tile([0.9, 0.1], (len(inputs), 1)))


def test_the_gpu_script_runs_where_only_the_training_room_can():
    absent = ("rich", "duckdb", "typer", "pydantic", "platformdirs", "scrapy", "cleanlab", "datasets", "peft")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"  # None there makes an import fail
        "import runpy; sys.argv = ['gpu_throughput.py', '--quick']; sys.path.insert(0, 'benchmarks')\n"
        "runpy.run_path('benchmarks/gpu_throughput.py', run_name='__main__')"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert answer.returncode == 0, answer.stderr
    rates = re.findall(r": (?:tokens|documents): (\S+) ", answer.stdout)
    assert len(rates) == 8 and all(float(rate) > 0 for rate in rates), answer.stdout
