"""Tiny real encoders of several architectures, with random weights."""

from pathlib import Path
from typing import Any

import numpy as np

from training.encoder_folder import EncoderFolder, find_encoder

WORDS = [f"w{number}" for number in range(60)]
# Equal lengths and unequal ones, an empty text, one over the encoder's length.
TEXTS = [" ".join(np.random.default_rng(3).choice(WORDS, size)) for size in (90, 40, 9, 9, 9, 4, 4, 1, 1, 0)]
SIZES = {
    "vocab_size": 66,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 80,
}


def write_tiny(folder: Path, architecture: str, pooling: str = "mean") -> EncoderFolder:
    """An encoder folder of this architecture ("Bert", "Roberta", "GPT2", ...), whose tokenizer puts
    [CLS] before and [SEP] behind a text."""
    import json

    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(
        folder
    )
    sizes: dict[str, Any] = dict(SIZES, pad_token_id=0)
    if architecture == "DistilBert":
        sizes = {"vocab_size": 66, "dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64, "pad_token_id": 0}
        sizes["max_position_embeddings"] = 80
    if architecture == "GPT2":
        sizes = {"vocab_size": 66, "n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 80}
    if architecture == "T5":
        sizes = {"vocab_size": 66, "d_model": 32, "num_layers": 1, "num_heads": 2, "d_ff": 64, "d_kv": 16}
    if architecture == "ViT":
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    if architecture == "ModernBert":
        sizes |= {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = getattr(transformers, f"{architecture}Config")(**sizes)
        model = getattr(transformers, f"{architecture}Model")(config)
        if architecture != "ViT":
            torch.nn.init.normal_(model.get_input_embeddings().weight)
        model.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling}))
    return find_encoder(str(folder))
