"""A tiny encoder with random weights, whose word vectors tell the labelled words apart."""

from pathlib import Path

import pytest

from tests.training.labelled_words import FILLERS, WORDS
from training.encoder import Encoder
from training.vector_cache import MemoryCache


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 32 wide, whose tokenizer gives an empty text no token at all."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    words = ["[PAD]", "[UNK]", *FILLERS, *(word for some in WORDS.values() for word in some)]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    )
    fast.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
        )
        model = BertModel(config)
        # Words that lie far apart and layers that change little: the pooled vector tells which words there are.
        torch.nn.init.normal_(model.embeddings.word_embeddings.weight)
        model.save_pretrained(folder)
    return folder


@pytest.fixture
def encoder(encoder_folder: Path) -> Encoder:
    return Encoder(str(encoder_folder), MemoryCache())
