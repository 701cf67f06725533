"""Encoders of other builds than BERT's: cut in two where that is exact, adapted by low rank in all kinds of layer."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.training.labelled_words import CLASSES, some_examples
from training.encoder import Encoder
from training.errors import EncoderError
from training.examples import Inputs
from training.fine_tune import FineTune, Schedule
from training.layered_encoder import LayeredEncoder, Readings

WORDS = 23
SIZES = {"vocab_size": WORDS, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}


def gpt2() -> Any:
    return transformers.GPT2Model(
        transformers.GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=2, n_positions=64)
    )


def longformer() -> Any:
    """Its layers take texts of whole windows alone, to which the model itself pads."""
    return transformers.LongformerModel(
        transformers.LongformerConfig(
            **SIZES, num_hidden_layers=2, max_position_embeddings=66, attention_window=8, pad_token_id=0
        )
    )


def clip() -> Any:
    of_images = {**SIZES, "num_hidden_layers": 1, "image_size": 32}
    of_images.pop("vocab_size")
    return transformers.CLIPModel(
        transformers.CLIPConfig(text_config={**SIZES, "num_hidden_layers": 1}, vision_config=of_images)
    )


def written(model: Any, folder: Path, encoder_folder: Path) -> Encoder:
    """The model in a folder of its own, with the tiny encoder's tokenizer."""
    transformers.AutoTokenizer.from_pretrained(encoder_folder).save_pretrained(folder)
    model.save_pretrained(folder)
    return Encoder(str(folder))


@pytest.mark.parametrize("adapt", ["all", "lora"])
@pytest.mark.parametrize("make", [gpt2, longformer])
def test_fine_tunes_and_loads_again(make: Any, adapt: str, tmp_path: Path, encoder_folder: Path) -> None:
    import training

    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = written(make(), tmp_path / "encoder", encoder_folder)
    rung = FineTune(CLASSES, encoder, Schedule(epochs=(1, 1)), view="sentence", adapt=adapt, members=2)
    fitted = rung.fit(some_examples(12), seed=0)
    said = fitted.predict(some_examples(6, seed=2).inputs()).probabilities
    fitted.save(tmp_path / "m")
    again = training.load(tmp_path / "m").predict(some_examples(6, seed=2).inputs()).probabilities
    np.testing.assert_allclose(again, said, atol=1e-6)
    if adapt == "lora":
        own = dict(encoder._model.named_parameters())
        assert any(not torch.equal(weight, own[name]) for name, weight in fitted.members[0].weights.items())


def test_layers_that_are_told_apart_by_their_number_are_not_run_without_the_lower(
    tmp_path: Path, encoder_folder: Path
) -> None:
    """Of four layers the last two see near words alone; by their place among two they would see all."""
    config = transformers.Qwen3Config(
        **SIZES,
        num_hidden_layers=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=64,
        use_sliding_window=True,
        sliding_window=8,
        layer_types=["full_attention", "full_attention", "sliding_attention", "sliding_attention"],
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = written(transformers.Qwen3Model(config), tmp_path / "encoder", encoder_folder)
    layered = LayeredEncoder(encoder.folder, 0.5)
    long = Inputs(np.array(["a"]), ["apple the iron this " * 12])
    with torch.no_grad():
        vector = layered.pooled(layered.read(long.texts), "sentence").numpy()
    np.testing.assert_allclose(vector, encoder.embed(long).vectors, atol=1e-5)


def test_a_model_of_texts_and_images_is_refused(tmp_path: Path, encoder_folder: Path) -> None:
    encoder = written(clip(), tmp_path / "encoder", encoder_folder)
    with pytest.raises(EncoderError, match="CLIPModel, which makes no vector of a text alone"):
        encoder.embed(some_examples(3).inputs())


def test_several_threads_may_run_the_lower_part_at_once_and_then_the_upper(encoder: Encoder) -> None:
    layered = LayeredEncoder(encoder.folder, 0.5)
    texts = some_examples(40).texts

    def pooled(readings: Readings) -> torch.Tensor:
        with torch.no_grad():
            return layered.pooled(readings, "sentence")

    wanted = torch.cat([pooled(layered.read([text])) for text in texts])
    with ThreadPoolExecutor(8) as threads:
        readings = list(threads.map(lambda text: layered.read([text]), texts * 5))
        found = torch.cat(list(threads.map(pooled, readings)))
    torch.testing.assert_close(found, wanted.repeat(5, 1))
