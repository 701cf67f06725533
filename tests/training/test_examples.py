"""What goes in and out is checked once, at the door."""

import subprocess
import sys

import numpy as np
import pytest

from store.errors import LabelError
from store.label_schema import LabelSchema, kind_module
from training.errors import ExamplesError, FitError, NotFinite
from training.examples import Examples, Inputs, Predictions, content_hash

IDS = np.array(["a", "b"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"texts": ["x"]},
        {"labels": np.array([0])},
        {"labels": np.array([0, -1])},
        {"ids": np.array(["a", "a"])},
        {"random": np.array([True])},
        {"groups": np.array(["g"])},
        {"content_hashes": np.array(["h"])},
    ],
)
def test_examples_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"ids": IDS, "texts": ["x", "y"], "labels": np.array([0, 1])}
    with pytest.raises(ExamplesError) as caught:
        Examples(**(right | wrong))  # type: ignore[arg-type]
    assert isinstance(caught.value, FitError)
    assert caught.value.exit_code == 2


def test_every_record_is_random_and_its_own_group_unless_said_otherwise() -> None:
    examples = Examples(IDS, ["x", "y"], np.array([0, 1]))
    assert examples.random.all()
    assert examples.groups.tolist() == ["a", "b"]
    assert examples.content_hashes.tolist() == [content_hash("x"), content_hash("y")]


@pytest.mark.parametrize("rows", [np.array([True, False]), np.array([0])])
def test_rows_are_taken_with_all_that_belongs_to_them(rows: np.ndarray) -> None:
    taken = Examples(IDS, ["x", "y"], np.array([0, 1]), groups=np.array(["g", "h"])).take(rows)
    assert (taken.ids.tolist(), taken.texts, taken.labels.tolist(), taken.groups.tolist()) == (["a"], ["x"], [0], ["g"])


@pytest.mark.parametrize(
    ("rows", "trouble"),
    [
        ([[0.5, 0.4], [1, 0]], ExamplesError),
        ([[1.5, -0.5], [1, 0]], ExamplesError),
        ([[1, 0]], ExamplesError),
        ([1, 0], ExamplesError),
        ([[np.nan, 1], [1, 0]], NotFinite),
    ],
)
def test_what_is_no_distribution_is_refused(rows: list[object], trouble: type[Exception]) -> None:
    with pytest.raises(trouble):
        Predictions(IDS, np.array(rows))


def test_predictions_are_looked_up_by_id() -> None:
    predictions = Predictions(IDS, np.array([[1.0, 0], [0, 1]]), np.array([[1.0], [2]]))
    turned = predictions.of(["b", "a"])
    assert turned.probabilities.tolist() == [[0, 1], [1, 0]]
    assert turned.embeddings is not None
    assert turned.embeddings.tolist() == [[2], [1]]
    for ids in (["c"], ["0"]):
        with pytest.raises(ExamplesError, match="there is none"):
            predictions.of(ids)


def test_inputs_need_distinct_ids() -> None:
    with pytest.raises(ExamplesError, match="'a'"):
        Inputs(np.array(["a", "a"]), ["x", "y"])


def test_the_kind_reads_values_and_writes_them() -> None:
    kind = kind_module("training", "text-classification")
    schema = LabelSchema("text-classification", ("p", "q"), renamed={"old": "q"})
    assert kind.PROBLEM_TYPE == "single_label_classification"
    assert [kind.label_index(schema, {"label": name}) for name in ("p", "q", "old")] == [0, 1, 1]
    assert kind.value(schema, 1) == {"label": "q"}
    with pytest.raises(LabelError):
        kind.label_index(schema, {"label": "r"})


def test_the_front_door_and_every_module_open_without_the_heavy_libraries_of_other_rooms() -> None:
    code = (
        "import sys\n"
        "for name in ('duckdb', 'scrapy', 'label_studio_sdk', 'pandas'): sys.modules[name] = None\n"
        "import training\n"
        "assert not {'torch', 'transformers', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "for name in training.__all__: getattr(training, name)\n"
        "import training.fine_tune\n"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
