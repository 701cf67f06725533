"""Frozen embeddings: a text becomes one vector of length 1, once for a given encoder revision.

Token vectors are pooled as the encoder's folder says and L2-normalised (Reimers and Gurevych, "Sentence-BERT", EMNLP
2019).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.device import Device, best_device
from training.encoder_folder import EncoderFolder, find_encoder
from training.errors import EncoderError
from training.examples import Inputs, Strings, require_finite
from training.vector_cache import MemoryCache, VectorCache

if TYPE_CHECKING:
    import torch

Progress = Callable[[int, int], None]

# A batch holds this many tokens with its padding; more cost memory and, on a CPU, gain no speed.
TOKENS_PER_BATCH = 4096
# Vectors go to the cache after this many texts, so that a killed run goes on where it stopped.
TEXTS_PER_CHUNK = 2048


@dataclass(frozen=True)
class Embeddings:
    """Vectors (N, D) float32 of length 1, with the record ids (N,) they belong to."""

    ids: Strings
    vectors: NDArray[np.float32]


class Encoder:
    """An encoder with frozen weights. The model is read from disk only when a text has no vector yet.

    Args:
        name: A folder, a name on the Hub, or `all-MiniLM-L6-v2`; see `find_encoder`.
        cache: Where vectors are looked up and kept. Without it they last as long as this object.

    Raises:
        EncoderError: There is no such encoder, or it has no weights.
    """

    def __init__(self, name: str, cache: VectorCache | None = None) -> None:
        self.folder: EncoderFolder = find_encoder(name)
        self.cache: VectorCache = MemoryCache() if cache is None else cache
        self.device: Device = best_device()

    @property
    def key(self) -> str:
        """`name@revision`: what its vectors are kept under."""
        return self.folder.key

    def embed(self, inputs: Inputs, progress: Progress | None = None) -> Embeddings:
        """The vector of every input, in the order of the inputs.

        Args:
            inputs: N texts; equal content hashes are embedded once.
            progress: Called with (texts done, texts to do) after each batch; texts found in the cache are not counted.

        Raises:
            NotFinite: The encoder gave NaN or infinity for a text.
        """
        distinct, first, place = np.unique(inputs.content_hashes, return_index=True, return_inverse=True)
        found, vectors = self.cache.get(self.key, distinct.tolist())
        known = dict(zip(found, vectors, strict=True))
        missing = [int(row) for row, content in zip(first, distinct, strict=True) if content not in known]
        for start in range(0, len(missing), TEXTS_PER_CHUNK):
            rows = missing[start : start + TEXTS_PER_CHUNK]
            done = _from(progress, start, len(missing))
            fresh = self._embed_texts([inputs.texts[row] for row in rows], done)
            require_finite(inputs.ids[rows], fresh, "the vector")
            hashes = inputs.content_hashes[rows].tolist()
            self.cache.put(self.key, hashes, fresh)
            known.update(zip(hashes, fresh, strict=True))
        if not known:
            return Embeddings(inputs.ids, np.zeros((0, self.dimension), dtype=np.float32))
        return Embeddings(inputs.ids, np.stack([known[content] for content in distinct])[place])

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self._model.config.hidden_size)

    def _embed_texts(self, texts: list[str], progress: Progress | None) -> NDArray[np.float32]:
        import torch

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens = tokenize(self._tokenizer, texts, self.folder.max_length)
        done = 0
        with torch.inference_mode():
            for rows in batches_by_length([len(ids) for ids in tokens], TOKENS_PER_BATCH):
                batch = pad(self._tokenizer, [tokens[row] for row in rows], self.device)
                with self.device.autocast():
                    states = self._model(**batch).last_hidden_state
                vectors[rows] = pool(states.float(), batch["attention_mask"], self.folder.pooling).cpu().numpy()
                done += len(rows)
                if progress is not None:
                    progress(done, len(texts))
        return vectors

    @cached_property
    def _tokenizer(self) -> Any:
        return read_tokenizer(self.folder)

    @cached_property
    def _model(self) -> Any:
        return read_encoder(self.folder).to(self.device.torch).eval()


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
        raise EncoderError(f'[training] encoder "{folder.name}" has no readable tokenizer: {_line(error)}') from error


def read_encoder(folder: EncoderFolder) -> Any:
    """The encoder without a head, weights in float32.

    Raises:
        EncoderError: The weights cannot be read, or do not fill the encoder.
    """
    import torch
    from transformers import AutoModel

    from training.quiet import quiet_transformers

    try:
        with quiet_transformers():
            model, told = AutoModel.from_pretrained(folder.path, dtype=torch.float32, output_loading_info=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EncoderError(f'[training] encoder "{folder.name}" cannot be read: {_line(error)}') from error
    require_weights(folder, told["missing_keys"])
    return model


def require_weights(folder: EncoderFolder, missing: Sequence[str]) -> None:
    """Raise `EncoderError` when weights of the encoder itself are missing; a pooler or a head may be."""
    new = ("pooler", "classifier", "score", "head")
    body = sorted(name for name in missing if not any(part in name for part in new))
    if body:
        raise EncoderError(
            f'[training] encoder "{folder.name}" lacks {len(body)} of its weights, {body[0]} first; '
            "the folder holds another model than its config.json says."
        )


def tokenize(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of each text, cut at `max_length`; of a text without any, one that stands for unknown."""
    if not texts:
        return []
    # Half of a surrogate pair is no text, and tokenizers fail on it.
    whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    encoded = tokenizer(whole, truncation=True, max_length=max_length, return_attention_mask=False)["input_ids"]
    stand_in = next(token for token in (tokenizer.unk_token_id, tokenizer.eos_token_id, 0) if token is not None)
    return [ids or [stand_in] for ids in encoded]


def batches_by_length(lengths: Sequence[int], tokens: int) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of like length, the longest first; a batch, padded, holds at most `tokens` tokens or one text."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[int(order[start])]))
        yield order[start : start + size]
        start += size


def pad(tokenizer: Any, tokens: list[list[int]], device: Device) -> "dict[str, torch.Tensor]":
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


def pool(states: "torch.Tensor", mask: "torch.Tensor", pooling: str) -> "torch.Tensor":
    """Token vectors (B, T, D) as one vector of length 1 each (B, D); padding takes no part."""
    import torch

    kept = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "cls":
        pooled = states[:, 0]
    elif pooling == "max":
        pooled = states.masked_fill(kept == 0, -torch.inf).amax(dim=1)
    else:
        pooled = (states * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
    return torch.nn.functional.normalize(pooled, dim=1)


def _from(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else (lambda done, _: progress(start + done, total))


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
