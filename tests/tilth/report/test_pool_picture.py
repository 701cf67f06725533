"""What is on the map: a sample that is stated, what was chosen always, texts that are cut, a layout that is kept."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.pool_map import PoolMap
from store.database import Store
from store.embeddings import StoredVectors
from store.models import Model
from store.records import add_records, records
from tilth.report import pool_picture
from tilth.report.judged import Judged
from tilth.report.pool_picture import FEWEST_OF_POOL, MOST_POINTS, TEXT_LENGTH, picture_pool
from tilth.report.shown_text import shown_text
from tilth.report.vectors import keys_to_try

KEY = "tiny@1"


def model(recipe: dict) -> Model:
    """A model on the encoder `KEY`."""
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return Model("m", "probe", KEY, recipe, 0, None, None, None, None, "models/m", "current", "s", made)


def with_vectors(folder, n: int) -> tuple[Store, list[str]]:
    """A store with `n` records that have vectors."""
    store = Store(folder / "tilth.duckdb")
    ids = add_records(
        store, pa.table({"text": [f"text {i} " + "x" * 500 for i in range(n)]}), source_name="s"
    ).record_ids
    hashes = records(store, ids)["content_hash"].to_pylist()
    StoredVectors(store).put(KEY, hashes, np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32))
    return store, ids


def picture(store: Store, judged: Judged, keys=(KEY,), classes=("a", "b"), kept_in=None):
    return picture_pool(store, classes, judged, keys=keys, seed=0, kept_in=kept_in, say=lambda _: None)


def test_a_large_pool_is_shown_by_a_sample_that_says_so_with_every_labelled_record(tmp_path):
    store, ids = with_vectors(tmp_path, MOST_POINTS + 500)
    labelled = ids[: MOST_POINTS - FEWEST_OF_POOL + 100]
    found = picture(store, Judged(dict.fromkeys(labelled, 0)))
    assert (found.known, found.of_known) == (len(labelled), len(labelled))
    assert (found.in_pool, found.of_pool) == (FEWEST_OF_POOL, MOST_POINTS + 500 - len(labelled))
    assert len(found.columns["x"]) == found.in_pool + found.known
    assert max(map(len, found.columns["text"])) <= TEXT_LENGTH


def test_the_sample_stays_the_same_as_records_are_labelled(tmp_path, monkeypatch):
    monkeypatch.setattr(pool_picture, "MOST_POINTS", 20)
    monkeypatch.setattr(pool_picture, "FEWEST_OF_POOL", 5)
    store, ids = with_vectors(tmp_path, 60)
    before = set(picture(store, Judged()).columns["text"])
    shown = [one for one in ids if shown_text(records(store, [one])["text"][0].as_py(), TEXT_LENGTH) in before]
    assert before == set(picture(store, Judged({shown[0]: 0})).columns["text"])


def test_the_key_that_knows_most_records_is_taken(tmp_path):
    store, ids = with_vectors(tmp_path, 5)
    hashes = records(store, ids[:2])["content_hash"].to_pylist()
    StoredVectors(store).put("tiny@1#first-word", hashes, np.ones((2, 4), dtype=np.float32))
    assert picture(store, Judged(), keys=["tiny@1#first-word", KEY]).in_pool == 5


def test_without_vectors_there_is_no_map(tmp_path):
    store, _ = with_vectors(tmp_path, 2)
    assert picture(store, Judged(), keys=["another@1"]) == pool_picture.PoolPicture()


def test_what_was_said_of_held_out_records_is_right_or_wrong(tmp_path):
    store, ids = with_vectors(tmp_path, 3)
    said = {ids[0]: np.array([0.9, 0.1]), ids[1]: np.array([0.2, 0.8]), ids[2]: np.array([0.3, 0.7])}
    judged = Judged({ids[0]: 0, ids[1]: 0}, held_out=frozenset(ids[:2]), said=said)
    columns = picture(store, judged).columns
    order = sorted(ids)
    assert [columns["verdict"][order.index(one)] for one in ids] == [0, 1, -1]
    assert [columns["sure"][order.index(one)] for one in ids] == [90, 80, 70]


def test_many_classes_have_no_names_on_the_map(tmp_path):
    store, ids = with_vectors(tmp_path, 3)
    assert [one["name"] for one in picture(store, Judged({ids[0]: 1})).names] == ["b"]
    assert picture(store, Judged({ids[0]: 1}), classes=[str(i) for i in range(77)]).names == []


def test_names_of_classes_that_lie_together_are_not_written_over_each_other(tmp_path, monkeypatch):
    store, ids = with_vectors(tmp_path, 4)
    at_one_place = PoolMap(np.full((4, 2), 0.5), "pca")
    monkeypatch.setattr(pool_picture, "map_pool", lambda vectors, *, seed, say: at_one_place)
    names = picture(store, Judged({one: row for row, one in enumerate(ids)}), classes=("a", "b", "c", "d")).names
    heights = sorted(one["y"] for one in names)
    assert np.diff(heights).min() > 0.04


def test_the_name_of_a_class_at_the_edge_is_written_inside(tmp_path, monkeypatch):
    store, ids = with_vectors(tmp_path, 2)
    at_the_edges = PoolMap(np.array([[0.0, 0.5], [1.0, 0.5]]), "pca")
    monkeypatch.setattr(pool_picture, "map_pool", lambda vectors, *, seed, say: at_the_edges)
    classes = ("gardens-and-allotments", "phones-and-internet")
    for one in picture(store, Judged({ids[0]: 0, ids[1]: 1}), classes=classes).names:
        half = len(one["name"]) * 6 / 2 / 440  # italics of 13 pixels are 6 wide on the average, on a map of 440
        assert half <= one["x"] <= 1 - half


def test_the_view_that_the_model_reads_comes_first(tmp_path):
    store, ids = with_vectors(tmp_path, 3)
    hashes = records(store, ids)["content_hash"].to_pylist()
    StoredVectors(store).put(f"{KEY}#first-word", hashes, np.ones((3, 4), dtype=np.float32))
    StoredVectors(store).put("another@1", hashes, np.ones((3, 4), dtype=np.float32))
    assert keys_to_try(store, model({"view": "first-word"})) == [f"{KEY}#first-word", KEY]
    assert keys_to_try(store, model({})) == [KEY, f"{KEY}#first-word"]


def test_a_layout_that_takes_long_is_kept_until_the_records_change(tmp_path, monkeypatch):
    store, _ = with_vectors(tmp_path, 30)
    made: list[int] = []

    def lay_out(vectors, *, seed, say):
        made.append(len(vectors))
        return PoolMap(np.full((len(vectors), 2), 0.25), "umap")

    monkeypatch.setattr(pool_picture, "map_pool", lay_out)
    monkeypatch.setattr(pool_picture, "method_here", lambda _n: "umap")
    kept = tmp_path / "maps" / "one.npz"
    first, second = (picture(store, Judged(), kept_in=kept) for _ in range(2))
    assert made == [30]
    assert first == second
    kept.write_bytes(b"no such file")
    picture(store, Judged(), kept_in=kept)
    assert made == [30, 30]


@pytest.mark.parametrize("odd", ["\ud83d alone", "a\x00b", "one\u2028two", "\u202eturned\u202c"])
def test_an_odd_text_can_be_written_and_stays_on_its_line(odd):
    shown = shown_text(odd, 50)
    shown.encode("utf-8")
    assert not set(shown) & set("\x00\u2028\n\u202e\u202c")


@given(st.text(), st.integers(2, 60))
@settings(max_examples=50)
def test_a_shown_text_is_never_longer_than_asked(text, most):
    assert len(shown_text(text, most)) <= most


def test_right_to_left_and_joined_signs_stay_whole():
    assert shown_text("שלום \U0001f469\u200d\U0001f680 עולם", 50) == "שלום \U0001f469\u200d\U0001f680 עולם"
