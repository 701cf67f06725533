"""What tells records apart before there is a model: what they are about and how they begin."""

from pathlib import Path

import numpy as np
import pytest

from active_learning import cold_start
from active_learning.cold_start import WEIGHTS, cold_start_vectors
from active_learning.pool import Pool
from active_learning.strategies import strategy
from tests.tiny_project import WORDS, letters, write_encoder
from training.encoder import Encoder
from training.examples import Inputs


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder: Path = tmp_path_factory.mktemp("encoder") / "tiny"
    return Encoder(str(write_encoder(folder)))


def inputs(texts: list[str]) -> Inputs:
    return Inputs(np.array([f"{row:03d}" for row in range(len(texts))]), texts)


def test_both_views_stand_side_by_side_centred_on_all_parts_and_as_long_as_their_weights(encoder: Encoder) -> None:
    texts = [one.text for one in letters(30)]
    pool, labelled = cold_start_vectors(encoder, inputs(texts[:20]), inputs(texts[20:]))
    assert (pool.shape, labelled.shape, pool.dtype) == ((20, 64), (10, 64), np.float32)
    whole = cold_start_vectors(encoder, inputs(texts))[0]
    np.testing.assert_allclose(np.concatenate([pool, labelled]), whole, atol=1e-6)
    for half, weight in zip((whole[:, :32], whole[:, 32:]), WEIGHTS.values(), strict=True):
        np.testing.assert_allclose(np.linalg.norm(half, axis=1), weight, rtol=1e-5)


def test_a_part_without_records_is_no_trouble(encoder: Encoder) -> None:
    pool, labelled = cold_start_vectors(encoder, inputs([one.text for one in letters(5)]), inputs([]))
    assert (pool.shape, len(labelled)) == ((5, 64), 0)


def test_of_very_many_records_one_view_is_enough(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_start, "ALL_WEIGHED_UP_TO", 9)
    (vectors,) = cold_start_vectors(encoder, inputs([one.text for one in letters(10)]))
    assert vectors.shape == (10, 32)


def test_a_first_round_meets_what_tells_itself_by_the_first_word_alone(encoder: Encoder) -> None:
    openings = ("yesterday", "monday", "please", "never")
    about = [word for some in WORDS.values() for word in some]
    rng = np.random.default_rng(0)
    texts = [f"{openings[row % 4]} {' '.join(rng.permutation(about[:8]))}" for row in range(200)]
    (vectors,) = cold_start_vectors(encoder, inputs(texts))
    ids = inputs(texts).ids
    chosen = strategy("auto")(Pool(ids, embeddings=vectors), 8, np.random.default_rng(0)).ids
    assert {texts[int(one)].split()[0] for one in chosen} == set(openings)
