"""Low-rank adapters: a fit that moves a few thousandths of an encoder's weights, and is merged into them afterwards.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from training.layered_encoder import LayeredEncoder

RANK = 16
# What an adapter adds is multiplied by ALPHA / RANK.
ALPHA = 32
DROPOUT = 0.05
LEARNING_RATE = 1e-3


@contextmanager
def adapters(encoder: LayeredEncoder) -> Iterator[None]:
    """Within it only adapters of the upper part's linear layers move; afterwards they are part of the weights."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=DROPOUT,
        target_modules=encoder.upper_linear_layers(),
        bias="none",
    )
    with warnings.catch_warnings():
        # peft still asks for a name that transformers is giving up.
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        # What it then does by itself: weights of GPT-2's kind of linear layer lie the other way round.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set to False")
        adapted = get_peft_model(encoder.model, config)
    try:
        yield
    finally:
        adapted.merge_and_unload()
        encoder.let_upper_part_move()
