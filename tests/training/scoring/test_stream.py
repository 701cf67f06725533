"""A pool goes through as Arrow, batch by batch, keyed by record_id."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from tests.training.labelled_words import CLASSES, some_examples
from training.encoder import VIEWS, Encoder
from training.errors import ExamplesError
from training.ladder import classifier
from training.scoring import embed_batch, embed_batches, score_batches
from training.vector_cache import NothingKept

INPUTS = some_examples(60).inputs()


def batches(size: int = 25) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(INPUTS), size):
        rows = slice(start, start + size)
        yield pa.RecordBatch.from_pydict({"record_id": INPUTS.ids[rows].tolist(), "text": INPUTS.texts[rows]})


def test_streamed_vectors_are_those_of_one_call(encoder: Encoder) -> None:
    streamed = pa.Table.from_batches(embed_batches(batches(), encoder, VIEWS))
    assert streamed["record_id"].to_pylist() == INPUTS.ids.tolist()
    for view in VIEWS:
        vectors = np.array(streamed[view].to_pylist())
        expected = Encoder(str(encoder.folder.path)).embed(INPUTS, view=view).vectors
        np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_streamed_probabilities_are_those_of_one_call(encoder_folder) -> None:
    model = classifier("probe", CLASSES, str(encoder_folder)).fit(some_examples(40, seed=1), seed=0)
    streamed = pa.Table.from_batches(score_batches(batches(), model))
    assert streamed["record_id"].to_pylist() == INPUTS.ids.tolist()
    expected = model.predict(INPUTS).probabilities
    np.testing.assert_allclose(np.array(streamed["probabilities"].to_pylist()), expected, atol=1e-6)


def test_a_batch_leaves_before_the_next_is_read(encoder: Encoder) -> None:
    read: list[int] = []

    def counted() -> Iterator[pa.RecordBatch]:
        for batch in batches():
            read.append(batch.num_rows)
            yield batch

    stream = embed_batches(counted(), encoder)
    next(stream)
    assert read == [25]


def test_a_cache_that_keeps_nothing_holds_nothing(encoder_folder) -> None:
    cache = NothingKept()
    encoder = Encoder(str(encoder_folder), cache)
    assert embed_batch(next(batches()), encoder).num_rows == 25
    assert not vars(cache)
    assert cache.get(encoder.key, INPUTS.content_hashes.tolist())[0] == []


def test_an_empty_batch_and_a_null_text_go_through(encoder: Encoder) -> None:
    schema = pa.schema({"record_id": pa.string(), "text": pa.string()})
    empty = embed_batch(pa.RecordBatch.from_pylist([], schema=schema), encoder)
    assert (empty.num_rows, empty["sentence"].type.list_size) == (0, 32)
    null = embed_batch(pa.RecordBatch.from_pylist([{"record_id": "a", "text": None}], schema=schema), encoder)
    assert np.linalg.norm(null["sentence"].to_pylist()[0]) == pytest.approx(1, abs=1e-5)


def test_a_batch_without_its_columns_is_refused(encoder: Encoder) -> None:
    with pytest.raises(ExamplesError, match="no column 'record_id'"):
        embed_batch(pa.RecordBatch.from_pydict({"text": ["a"]}), encoder)


def test_another_process_runs_the_very_same_function(encoder: Encoder) -> None:
    here = list(embed_batches(batches(), encoder, VIEWS))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        there = list(processes.map(partial(embed_batch, encoder=encoder, views=VIEWS), batches()))
    for one, other in zip(here, there, strict=True):
        assert one.schema == other.schema
        for view in VIEWS:
            np.testing.assert_allclose(np.array(one[view].to_pylist()), np.array(other[view].to_pylist()), atol=1e-6)
