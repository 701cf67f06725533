"""The hardest records: by what models say that had not learnt from them, with a reason that holds."""

import numpy as np
import pyarrow as pa
import pytest

from store.database import Store
from store.embeddings import StoredVectors
from store.records import add_records, records
from tilth.report.hardest import hardest
from tilth.report.judged import Judged

CLASSES = ("bread", "cake", "pie")
KEY = "tiny@1"


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "tilth.duckdb")


def bring_in(store: Store, texts: list[str]) -> list[str]:
    return add_records(store, pa.table({"text": texts}), source_name="s").record_ids


def said(*rows: tuple[float, ...]) -> list[np.ndarray]:
    return [np.array(row) for row in rows]


def test_the_least_likely_label_comes_first_and_likely_ones_are_left_out(store):
    ids = bring_in(store, ["a", "b", "c"])
    judged = Judged(
        dict.fromkeys(ids, 0),
        out_of_fold=dict(zip(ids, said((0.3, 0.6, 0.1), (0.9, 0.05, 0.05), (0.02, 0.9, 0.08)), strict=True)),
    )
    found = hardest(store, CLASSES, judged, keys=[])
    assert [(one.text, one.label, one.said) for one in found] == [("c", "bread", "cake"), ("a", "bread", "cake")]
    assert (found[0].given, found[0].sure, found[0].measured) == (0.02, 0.9, "out of fold")


def test_what_a_model_says_of_labels_that_it_learnt_from_does_not_count(store):
    ids = bring_in(store, ["a", "b"])
    both = dict(zip(ids, said((0.1, 0.8, 0.1), (0.1, 0.8, 0.1)), strict=True))
    judged = Judged(dict.fromkeys(ids, 0), held_out=frozenset(ids[1:]), said=both)
    found = hardest(store, CLASSES, judged, keys=[])
    assert [(one.text, one.measured) for one in found] == [("b", "held out")]


def test_being_torn_between_two_classes_is_a_reason(store):
    ids = bring_in(store, ["a"])
    judged = Judged({ids[0]: 0}, out_of_fold={ids[0]: np.array([0.1, 0.46, 0.44])})
    assert "torn between cake and pie" in hardest(store, CLASSES, judged, keys=[])[0].why


def test_neighbours_with_another_label_are_a_reason(store):
    ids = bring_in(store, ["the odd one", *(f"like {number}" for number in range(5))])
    table = records(store, ids)
    StoredVectors(store).put(KEY, table["content_hash"].to_pylist(), np.tile([1.0, 0.0], (6, 1)))
    labels = dict.fromkeys(ids, 2) | {ids[0]: 0}
    judged = Judged(labels, out_of_fold={ids[0]: np.array([0.1, 0.1, 0.8])})
    why = hardest(store, CLASSES, judged, keys=[KEY])[0].why
    assert "5 of the 5 labelled records nearest to it are pie" in why


def test_few_labels_of_its_class_are_a_reason(store):
    ids = bring_in(store, ["a"])
    judged = Judged({ids[0]: 1}, held_out=frozenset(ids), said={ids[0]: np.array([0.9, 0.1, 0.0])})
    assert "no labels of its class to learn from" in hardest(store, CLASSES, judged, keys=[])[0].why


def test_nothing_is_hard_where_nothing_was_judged(store):
    ids = bring_in(store, ["a"])
    assert hardest(store, CLASSES, Judged({ids[0]: 0}), keys=[]) == []
