"""Frozen embeddings: a text becomes one vector of length 1 a view, once for a given encoder revision.

The view "sentence" pools token vectors as the encoder's folder says (Reimers and Gurevych, "Sentence-BERT", EMNLP
2019); the others are told in `training.scoring.views`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.device import Device, best_device
from training.encoder_folder import EncoderFolder, find_encoder
from training.errors import EncoderError, OnnxUnusable, OutOfMemory
from training.examples import Inputs, Strings, content_hash, require_finite
from training.scoring.batches import TOKENS_PER_BATCH, batches_by_length
from training.scoring.onnx import OnnxPass, exported
from training.scoring.passes import Pass, torch_pass
from training.scoring.run import vectors_of
from training.scoring.tokens import (
    TokenCache,
    pad,
    read_tokenizer,
    token_cache,
    tokenize,
    tokenize_once,
    tokenizer_hash,
)
from training.scoring.views import VIEWS, View, pool
from training.scoring.way import (
    DRAWN_FROM,
    MEASURE_FROM,
    Choice,
    Way,
    choice_file,
    keep_choice,
    measure,
    read_choice,
    scoring_folder,
    usual_way,
)
from training.scoring.weights import read_encoder, require_weights
from training.vector_cache import MemoryCache, VectorCache

__all__ = [
    "TOKENS_PER_BATCH",
    "VIEWS",
    "Embeddings",
    "Encoder",
    "View",
    "batches_by_length",
    "pad",
    "pool",
    "read_encoder",
    "read_tokenizer",
    "require_weights",
    "tokenize",
]

Progress = Callable[[int, int], None]
Vectors = NDArray[np.float32]

# Vectors go to the cache after this many texts, so that a killed run goes on where it stopped.
TEXTS_PER_CHUNK = 2048


@dataclass(frozen=True)
class Embeddings:
    """Vectors (N, D) float32 of length 1, with the record ids (N,) they belong to."""

    ids: Strings
    vectors: Vectors


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
        self._way: Way | None = None

    def __getstate__(self) -> dict[str, Any]:
        # In another process the model is read anew: its attention has to be registered with transformers there.
        return {"folder": self.folder, "cache": self.cache, "device": self.device, "_way": None}

    @property
    def key(self) -> str:
        """`name@revision`: what its vectors of the view "sentence" are kept under."""
        return self.folder.key

    def key_of(self, view: View) -> str:
        """What vectors of this view are kept under: `name@revision`, with `#view` for all but "sentence"."""
        return self.key if view == "sentence" else f"{self.key}#{view}"

    def views(self) -> tuple[View, ...]:
        """The views that `embed` knows, the encoder's own first."""
        return VIEWS

    def embed(self, inputs: Inputs, progress: Progress | None = None, *, view: View = "sentence") -> Embeddings:
        """The vector of every input, in the order of the inputs.

        Args:
            inputs: N texts; equal content hashes are embedded once.
            progress: Called with (texts done, texts to do) after each batch; texts found in the cache are not counted.
            view: "sentence" pools as the encoder's folder says; "first-word" is the last hidden state of the first
                token that is not special; "middle" is the mean of all tokens two thirds up the layers.

        Raises:
            NotFinite: The encoder gave NaN or infinity for a text.
        """
        return self.embed_views(inputs, [view], progress)[view]

    def embed_views(
        self, inputs: Inputs, views: Sequence[View], progress: Progress | None = None
    ) -> dict[View, Embeddings]:
        """The vectors of several views; a text goes through the encoder once for all that it has not got yet.

        Raises:
            NotFinite: The encoder gave NaN or infinity for a text.
        """
        hashes = inputs.content_hashes.tolist()
        first: dict[str, int] = {}
        for row, content in enumerate(hashes):
            first.setdefault(content, row)
        known = {view: _Known(*self.cache.get(self.key_of(view), list(first))) for view in views}
        missing = [row for content, row in first.items() if any(content not in one.place for one in known.values())]
        if len(missing) >= MEASURE_FROM and self.device.name == "cpu" and not _is_kept(self.key):
            self.measure_way([inputs.texts[row] for row in missing[:: 1 + len(missing) // DRAWN_FROM]])
        for start in range(0, len(missing), TEXTS_PER_CHUNK):
            rows = missing[start : start + TEXTS_PER_CHUNK]
            some = [hashes[row] for row in rows]
            wanted = [view for view, one in known.items() if any(content not in one.place for content in some)]
            fresh = self._embed_texts(inputs, rows, wanted, _from(progress, start, len(missing)))
            for view, vectors in fresh.items():
                require_finite(inputs.ids[rows], vectors, "the vector")
                self.cache.put(self.key_of(view), some, vectors)
                known[view].add(some, vectors)
        return {view: Embeddings(inputs.ids, self._rows(one, hashes)) for view, one in known.items()}

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(self._model.config.hidden_size)

    @property
    def way(self) -> Way:
        """How this machine computes vectors, and why so: as was measured here once, or as is usual."""
        if self._way is None:
            choice = read_choice(choice_file(self.key)) if self.device.name == "cpu" else None
            self._way = usual_way(self._torch_pass) if choice is None else self._chosen(choice)
        return self._way

    def measure_way(self, texts: Sequence[str]) -> Way:
        """Measure on some of these texts which way is the fastest on this CPU, take it, and keep the choice.

        `embed` does so by itself for a large pool, once a machine and encoder.
        """
        tokens = tokenize(self._tokenizer, texts, self.folder.max_length)
        choice = measure(self._torch_pass, self._onnx_pass, tokens, time.perf_counter)
        choice = replace(choice, encoder=self.key)
        keep_choice(choice, choice_file(self.key))
        self._way = self._chosen(choice)
        return self._way

    def _chosen(self, choice: Choice) -> Way:
        if choice.engine == "onnx":
            try:
                return Way(self._onnx_pass(), choice.workers, choice.why)
            except OnnxUnusable as error:
                return replace(usual_way(self._torch_pass), why=f"PyTorch, since {error}")
        self._torch_pass.tokens = choice.tokens
        return Way(self._torch_pass, choice.workers, choice.why)

    def _onnx_pass(self) -> Pass:
        kept = scoring_folder()
        if kept is None:
            raise OnnxUnusable("there is no folder to keep its graph in")
        return OnnxPass(exported(self.folder, kept), self._tokenizer, self.folder)

    def _rows(self, known: "_Known", hashes: list[str]) -> Vectors:
        return known.of(hashes) if hashes else np.zeros((0, self.dimension), dtype=np.float32)

    def _embed_texts(
        self, inputs: Inputs, rows: list[int], views: Sequence[View], progress: Progress | None
    ) -> dict[View, Vectors]:
        texts = [inputs.texts[row] for row in rows]
        # The texts' own hashes: tokens are kept for the whole process, and callers may name their texts as they like.
        hashes = [content_hash(text) for text in texts]
        tokens = tokenize_once(self._tokenizer, texts, hashes, self.folder.max_length, self._tokens)
        way = self.way
        told = _counting(progress, len(rows))
        try:
            return vectors_of(way.through, tokens, views, workers=way.workers, done=told)
        except OutOfMemory as error:
            name = str(inputs.ids[rows[error.row]])
            raise OutOfMemory(
                f"{name!r}: {error} Use a smaller encoder or a machine with more.", row=error.row
            ) from error
        except IndexError as error:
            raise EncoderError(
                f'[training] encoder "{self.folder.name}" has a tokenizer of other words, or of longer texts, than its '
                "weights; fetch both again from one place."
            ) from error

    @cached_property
    def _tokens(self) -> TokenCache:
        return token_cache(tokenizer_hash(self.folder), self.folder.max_length)

    @cached_property
    def _tokenizer(self) -> Any:
        return read_tokenizer(self.folder)

    @cached_property
    def _model(self) -> Any:
        return read_encoder(self.folder).to(self.device.torch).eval()

    @cached_property
    def _torch_pass(self) -> Pass:
        return torch_pass(self._model, self._tokenizer, self.folder, self.device)


class _Known:
    """Vectors by content hash, in blocks as they came."""

    def __init__(self, hashes: list[str], vectors: Vectors) -> None:
        self.place = {content: row for row, content in enumerate(hashes)}
        self._blocks = [vectors] if hashes else []
        self._rows = len(hashes)

    def add(self, hashes: list[str], vectors: Vectors) -> None:
        """More of them; a hash that has a vector keeps it."""
        for row, content in enumerate(hashes, start=self._rows):
            self.place.setdefault(content, row)
        self._blocks.append(vectors)
        self._rows += len(hashes)

    def of(self, hashes: list[str]) -> Vectors:
        """The vectors of these hashes, (N, D), in this order."""
        every = self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
        found: Vectors = every[np.fromiter((self.place[content] for content in hashes), np.int64, len(hashes))]
        return found


def _is_kept(key: str) -> bool:
    path = choice_file(key)
    return path is None or path.is_file()


def _counting(progress: Progress | None, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    done = 0

    def count(texts: int) -> None:
        nonlocal done
        done += texts
        progress(done, total)

    return count


def _from(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else (lambda done, _: progress(start + done, total))
