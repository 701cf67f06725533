"""From texts to token ids, and to batches of equal width."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from training.encoder_folder import EncoderFolder
from training.errors import EncoderError

if TYPE_CHECKING:
    import torch

    from training.device import Device


def read_tokenizer(folder: EncoderFolder) -> Any:
    """The encoder's tokenizer.

    Raises:
        EncoderError: There is none in the folder.
    """
    # The fast tokenizers warn and may hang when a process forks after they used threads of their own.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder.path)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(
            f'[training] encoder "{folder.name}" has no readable tokenizer: {first_line(error)}'
        ) from error


def tokenize(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of each text, cut at `max_length`; of a text without any, one that stands for unknown."""
    if not texts:
        return []
    # Half of a surrogate pair is no text, and tokenizers fail on it.
    whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    encoded = tokenizer(whole, truncation=True, max_length=max_length, return_attention_mask=False)["input_ids"]
    stand_in = next(token for token in (tokenizer.unk_token_id, tokenizer.eos_token_id, 0) if token is not None)
    return [ids or [stand_in] for ids in encoded]


def start_tokens(tokenizer: Any) -> frozenset[int]:
    """The special tokens that may stand before a text's first word; an unknown word is a word."""
    return frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id}


def first_word(tokens: Sequence[int], special: frozenset[int]) -> int:
    """The place of the first token that is not special; 0 in a text of special tokens alone."""
    return next((place for place, token in enumerate(tokens) if token not in special), 0)


def pad(tokenizer: Any, tokens: list[list[int]], device: "Device") -> "dict[str, torch.Tensor]":
    """Token ids and attention mask (B, T) int64, padded on the right with the tokenizer's own token."""
    import torch

    width = max(len(ids) for ids in tokens)
    filler = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    ids = torch.full((len(tokens), width), filler, dtype=torch.int64)
    mask = torch.zeros((len(tokens), width), dtype=torch.int64)
    for row, sequence in enumerate(tokens):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids.to(device.torch), "attention_mask": mask.to(device.torch)}


def first_line(error: Exception) -> str:
    """What an error says in its first line; its class where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
