"""From texts to token ids, and to batches of equal width."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.encoder_folder import TOKENIZER, EncoderFolder
from training.errors import EncoderError

if TYPE_CHECKING:
    import torch

    from training.device import Device


# Token ids are kept of this many tokens, at four bytes each: a larger pool is tokenised again.
TOKENS_KEPT = 4_000_000


class TokenCache:
    """Token ids by content hash, as long as the process lives; of one tokenizer and one length to cut at.

    They are not written to disk: tokenising takes less than a hundredth of what the encoder takes.
    """

    def __init__(self) -> None:
        self._ids: dict[str, NDArray[np.int32]] = {}
        self._tokens = 0

    def get(self, content_hash: str) -> list[int] | None:
        """The token ids of a text, or None."""
        found = self._ids.get(content_hash)
        return None if found is None else found.tolist()

    def put(self, content_hash: str, ids: Sequence[int]) -> None:
        """Keep a text's token ids; all that was kept goes when there is no more room."""
        if self._tokens + len(ids) > TOKENS_KEPT:
            self._ids.clear()
            self._tokens = 0
        self._ids[content_hash] = np.asarray(ids, dtype=np.int32)
        self._tokens += len(ids)


@cache
def token_cache(_tokenizer: str, _max_length: int) -> TokenCache:
    """The process's token ids of one tokenizer, named by `tokenizer_hash`, cut at one length."""
    return TokenCache()


def tokenizer_hash(folder: EncoderFolder) -> str:
    """SHA-256 over the tokenizer's files, 64 hex digits."""
    digest = hashlib.sha256()
    for path in sorted({path for name in TOKENIZER for path in folder.path.glob(name)}):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def tokenize_once(
    tokenizer: Any, texts: Sequence[str], hashes: Sequence[str], max_length: int, kept: TokenCache
) -> list[list[int]]:
    """As `tokenize`; texts whose content hash is in `kept` are not tokenised again."""
    tokens = [kept.get(content) for content in hashes]
    missing = [row for row, ids in enumerate(tokens) if ids is None]
    fresh = tokenize(tokenizer, [texts[row] for row in missing], max_length)
    for row, ids in zip(missing, fresh, strict=True):
        kept.put(hashes[row], ids)
        tokens[row] = ids
    return [ids for ids in tokens if ids is not None]


def read_tokenizer(folder: EncoderFolder) -> Any:
    """The encoder's tokenizer.

    Raises:
        EncoderError: There is none in the folder, or none that knows a word; or config.json holds what it may not.
    """
    # The fast tokenizers warn and may hang when a process forks after they used threads of their own.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoTokenizer

    try:
        # Code that comes with an encoder is never run; without the argument transformers would ask the person for it.
        tokenizer = AutoTokenizer.from_pretrained(folder.path, trust_remote_code=False)
    except StrictDataclassError as error:
        raise EncoderError(
            f'[training] encoder "{folder.name}": config.json in {folder.path} is wrong: {" ".join(str(error).split())}'
        ) from error
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise EncoderError(
            f'[training] encoder "{folder.name}" has no readable tokenizer: {first_line(error)}'
        ) from error
    # Where the files are missing, transformers makes a tokenizer to which every word is unknown.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise EncoderError(
            f'[training] encoder "{folder.name}" has no tokenizer in {folder.path} (such as tokenizer.json); '
            "copy it there from where the weights came from."
        )
    return tokenizer


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
