"""Encoders of random weights and documents of made words, for a machine that has no hub and no data."""

from pathlib import Path
from typing import Any

import numpy as np

WORDS, LONGEST = 8000, 512
# Tokens of a document: half have fewer than so many; the logarithm is spread like a bell.
MEDIAN_TOKENS, SPREAD = 60, 0.8


def made_encoders(place: Path, *, quick: bool, cuda: bool) -> list[Path]:
    """Encoders of random weights, with a tokenizer of made words."""
    from transformers import BertConfig, ModernBertConfig

    small = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128}
    minilm = {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
    vocabulary = {"vocab_size": WORDS + 100, "pad_token_id": 0}
    if quick:
        return [make_encoder(place / "two-layers", BertConfig(**vocabulary, **small))]
    made = [make_encoder(place / "minilm-sized", BertConfig(**vocabulary, **minilm))]
    if cuda:
        special = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
        made.append(make_encoder(place / "modernbert-base-sized", ModernBertConfig(**vocabulary, **special)))
    return made


def make_encoder(folder: Path, config: Any) -> Path:
    """Write it as a Hugging Face folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = {word: number for number, word in enumerate([*special, *(f"w{n}" for n in range(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LONGEST, **names).save_pretrained(folder)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def documents(n: int, seed: int) -> list[str]:
    """`n` different documents of made words, most of them short and some long."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(MEDIAN_TOKENS), SPREAD, n)), 4, LONGEST - 2).astype(int)
    return [" ".join(f"w{word}" for word in rng.integers(0, WORDS, length)) for length in lengths]


def tokens_of(folder: Path, texts: list[str]) -> np.ndarray:
    """(N,) how many tokens the encoder reads of each document."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return np.array([len(ids) for ids in tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]])


def padding_of(folder: Path) -> int:
    """The token that fills a batch up."""
    from transformers import AutoTokenizer

    return int(AutoTokenizer.from_pretrained(folder).pad_token_id)
