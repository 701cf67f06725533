"""Documents without padding: each gets the vector it has alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.training.scoring.encoders import TEXTS, write_tiny
from training.device import Device
from training.encoder import Encoder, read_encoder, read_tokenizer, tokenize
from training.encoder_folder import EncoderFolder
from training.errors import EncoderError
from training.examples import Inputs
from training.scoring.batches import packed_batches
from training.scoring.packed import TOLERANCE, by_lengths, by_mask
from training.scoring.passes import EvenPass, PackedPass, PaddedPass, torch_pass
from training.scoring.run import vectors_of
from training.scoring.views import VIEWS

CPU = Device("cpu", bf16=False)


def parts(folder: EncoderFolder) -> tuple[Any, Any, list[list[int]]]:
    """Model, tokenizer, and the tokens of the texts in the order in which batches are made."""
    tokenizer = read_tokenizer(folder)
    return read_encoder(folder).eval(), tokenizer, tokenize(tokenizer, TEXTS, folder.max_length)


def alone(folder: EncoderFolder) -> dict[str, np.ndarray]:
    """The vectors of each text when it goes through the encoder by itself."""
    model, tokenizer, tokens = parts(folder)
    one = PaddedPass(model, tokenizer, folder, CPU)
    found = [one.vectors([ids], VIEWS) for ids in tokens]
    return {view: np.concatenate([row[view] for row in found]) for view in VIEWS}


@pytest.mark.parametrize("kernel", [by_lengths, by_mask])
@pytest.mark.parametrize("architecture, pooling", [("Bert", "mean"), ("Bert", "max"), ("Roberta", "cls")])
def test_packed_documents_have_the_vectors_they_have_alone(
    architecture: str, pooling: str, kernel: Any, tmp_path: Path
) -> None:
    folder = write_tiny(tmp_path / "tiny", architecture, pooling)
    model, tokenizer, tokens = parts(folder)
    packed = PackedPass(model, tokenizer, folder, CPU, kernel).vectors(tokens, VIEWS)
    for view, expected in alone(folder).items():
        np.testing.assert_allclose(packed[view], expected, rtol=0, atol=TOLERANCE["float32"], err_msg=view)


def test_documents_of_one_row_differ_from_one_long_document(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny", "Bert")
    model, tokenizer, _ = parts(folder)

    def as_one(q: Any, k: Any, v: Any, lengths: Any, scale: float) -> Any:
        return by_mask(q, k, v, [sum(lengths)], scale)

    tokens = [[2, 10, 11, 3], [2, 40, 41, 3]]
    apart = PackedPass(model, tokenizer, folder, CPU).vectors(tokens, ["sentence"])["sentence"]
    leaking = PackedPass(model, tokenizer, folder, CPU, as_one).vectors(tokens, ["sentence"])["sentence"]
    assert np.abs(apart - leaking).max() > 100 * TOLERANCE["float32"]


WAYS = {
    "Bert": "packed",
    "Roberta": "packed",
    "DistilBert": "packed",
    "ModernBert": "padded",
    "GPT2": "padded",
    "DebertaV2": "padded",
    "MPNet": "padded",
    # What these give for a text hangs on its padding.
    "FNet": "even",
    "ConvBert": "even",
}


@pytest.mark.parametrize("architecture, way", WAYS.items())
def test_each_architecture_takes_a_way_that_gives_its_own_vectors(architecture: str, way: str, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny", architecture)
    model, tokenizer, tokens = parts(folder)
    taken = torch_pass(model, tokenizer, folder, CPU)
    assert taken.name == way
    expected = alone(folder)
    for view, vectors in vectors_of(taken, tokens, VIEWS, workers=1).items():
        np.testing.assert_allclose(vectors, expected[view], rtol=0, atol=1e-5, err_msg=view)


def test_an_encoder_whose_positions_are_not_as_thought_stays_padded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny(tmp_path / "tiny", "Bert")
    model, tokenizer, tokens = parts(folder)
    monkeypatch.setattr("training.scoring.passes.first_position", lambda _: 7)
    taken = torch_pass(model, tokenizer, folder, CPU)
    assert taken.name == "padded"
    vectors = taken.vectors(tokens, ["sentence"])["sentence"]
    np.testing.assert_allclose(vectors, alone(folder)["sentence"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("tokens, shares", [(100, 1), (100, 3), (64, 2), (5000, 4)])
def test_packed_batches_hold_every_row_once_and_like_shares(tokens: int, shares: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 400).tolist()
    batches = list(packed_batches(lengths, tokens, shares=shares))
    assert sorted(np.concatenate(batches).tolist()) == list(range(400))
    held = [sum(lengths[row] for row in rows) for rows in batches]
    assert max(held) <= tokens
    if tokens > 1000:
        assert len(held) % shares == 0 and max(held) - min(held) <= 60 * shares


def test_a_text_longer_than_a_batch_goes_alone() -> None:
    assert [rows.tolist() for rows in packed_batches([3, 50, 2], 10)] == [[1], [0, 2]]


def test_even_batches_hold_every_row_once_and_texts_of_one_length() -> None:
    folder = EncoderFolder("a", "a", Path(), "", "mean", 64)
    model, tokenizer = SimpleNamespace(), SimpleNamespace(all_special_ids=[], unk_token_id=None)
    lengths = np.random.default_rng(0).integers(1, 9, 200).tolist()
    batches = list(EvenPass(model, tokenizer, folder, CPU).batches(lengths, 1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert all(len({lengths[row] for row in rows}) == 1 for rows in batches)


def test_a_model_that_fails_on_a_text_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_tiny(tmp_path / "tiny", "Bert")

    def fails(*_: Any) -> None:
        raise AttributeError("no images")

    monkeypatch.setattr(PaddedPass, "vectors", fails)
    with pytest.raises(EncoderError, match=r"gives no vector of a text \(no images\)"):
        Encoder(str(folder.path)).embed(Inputs(np.array(["a"]), ["w1 w2"]))


@pytest.mark.parametrize("architecture", ["T5", "ViT"])
def test_a_model_for_another_task_is_refused(architecture: str, tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "tiny", architecture)
    with pytest.raises(EncoderError, match="makes no vector of a text alone"):
        Encoder(str(folder.path)).embed(Inputs(np.array(["a"]), ["w1 w2"]))
