"""One pass through the encoder: token ids of some texts in, a vector a view and text out."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.device import Device
from training.encoder_folder import EncoderFolder
from training.errors import EncoderError
from training.out_of_memory import is_out_of_memory
from training.scoring.batches import TOKENS_PER_BATCH, Rows, batches_by_length, packed_batches
from training.scoring.packed import (
    TOLERANCE,
    by_lengths,
    by_varlen,
    documents_are,
    first_position,
    may_be_packed,
    use_packed_attention,
)
from training.scoring.tokens import first_line, first_word, pad, start_tokens
from training.scoring.views import View, middle_layer, view_vectors

Vectors = NDArray[np.float32]

# Of a batch on a CPU. The states of so many tokens stay in the processor's cache; see docs/decisions.
CPU_TOKENS = 1024
# On a GPU a batch may take this share of the memory that is free.
SHARE_OF_GPU = 0.25
# What a model raises that cannot do what it is asked for.
NO_VECTOR = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError)


class Pass(Protocol):
    """A way to compute vectors; all give the same ones."""

    name: str
    device: Device
    tokens: int

    def batches(self, lengths: Sequence[int], shares: int) -> Iterator[Rows]:
        """Rows that go through together, for `shares` workers."""
        ...

    def vectors(self, tokens: list[list[int]], views: Sequence[View]) -> dict[View, Vectors]:
        """Vectors (B, D) float32 of length 1 of each view."""
        ...


class PaddedPass:
    """Texts side by side, the shorter ones filled up: what any encoder can do."""

    name = "padded"

    def __init__(self, model: Any, tokenizer: Any, folder: EncoderFolder, device: Device) -> None:
        self.model, self.tokenizer, self.folder, self.device = model, tokenizer, folder, device
        self.special = start_tokens(tokenizer)
        self.tokens = CPU_TOKENS if device.name != "cuda" else gpu_tokens(model)

    def batches(self, lengths: Sequence[int], shares: int) -> Iterator[Rows]:  # noqa: ARG002
        """Rows of like length."""
        return batches_by_length(lengths, self.tokens)

    def vectors(self, tokens: list[list[int]], views: Sequence[View]) -> dict[View, Vectors]:
        """Vectors (B, D) float32 of length 1 of each view."""
        import torch

        batch = pad(self.tokenizer, tokens, self.device)
        with torch.inference_mode(), self.device.autocast():
            out = self.model(**batch, output_hidden_states="middle" in views)
            last, middle = last_and_middle(out)
            mask = batch["attention_mask"]
            words = [first_word(ids, self.special) for ids in tokens]
            pooling = self.folder.pooling
            return {v: _numpy(view_vectors(v, last, middle, mask, words, pooling)) for v in views}


class EvenPass(PaddedPass):
    """Texts of one length side by side: for encoders in which a text's vector hangs on its padding."""

    name = "even"

    def batches(self, lengths: Sequence[int], shares: int) -> Iterator[Rows]:  # noqa: ARG002
        """Rows of one length."""
        for rows in batches_by_length(lengths, self.tokens):
            yield from np.split(rows, np.flatnonzero(np.diff(np.asarray(lengths)[rows])) + 1)


class PackedPass:
    """Texts one behind the other, without padding; see `training.scoring.packed`."""

    name = "packed"

    def __init__(self, model: Any, tokenizer: Any, folder: EncoderFolder, device: Device, kernel: Any = None) -> None:
        use_packed_attention(model)
        self.model, self.folder, self.device = model, folder, device
        self.special = start_tokens(tokenizer)
        self.first_position = first_position(model)
        self.kernel = kernel or (by_varlen if device.name == "cuda" else by_lengths)
        self.tokens = CPU_TOKENS if device.name != "cuda" else gpu_tokens(model)

    def batches(self, lengths: Sequence[int], shares: int) -> Iterator[Rows]:
        """Rows of like length, with as many tokens in every batch."""
        return packed_batches(lengths, self.tokens, shares=shares)

    def vectors(self, tokens: list[list[int]], views: Sequence[View]) -> dict[View, Vectors]:
        """Vectors (B, D) float32 of length 1 of each view."""
        import torch

        lengths = [len(ids) for ids in tokens]
        places = np.concatenate([np.arange(length) for length in lengths]) + self.first_position
        row = torch.from_numpy(np.concatenate([np.asarray(ids, dtype=np.int64) for ids in tokens]))
        with torch.inference_mode(), self.device.autocast(), documents_are(lengths, self.kernel):
            out = self.model(
                input_ids=row[None].to(self.device.torch),
                position_ids=torch.from_numpy(places)[None].to(self.device.torch),
                output_hidden_states="middle" in views,
            )
            last, middle = last_and_middle(out)
            return {v: _numpy(self._pooled(v, last[0], None if middle is None else middle[0], tokens)) for v in views}

    def _pooled(self, view: View, last: Any, middle: Any, tokens: list[list[int]]) -> Any:
        import torch

        lengths = torch.tensor([len(ids) for ids in tokens])
        starts = lengths.cumsum(0) - lengths
        if view == "first-word":
            words = torch.tensor([first_word(ids, self.special) for ids in tokens])
            pooled = last[(starts + words).to(last.device)]
        elif view == "sentence" and self.folder.pooling == "cls":
            pooled = last[starts.to(last.device)]
        else:
            reduce = "max" if view == "sentence" and self.folder.pooling == "max" else "mean"
            states = last if view == "sentence" else middle
            pooled = torch.segment_reduce(states, reduce, lengths=lengths.to(last.device), axis=0)
        return torch.nn.functional.normalize(pooled, dim=1)


def torch_pass(model: Any, tokenizer: Any, folder: EncoderFolder, device: Device) -> Pass:
    """The packed pass where this encoder and device can do it and it gives each text the vector that it has alone; else
    the padded one where that does so, else one of equal lengths.

    Each is asked for a few texts of odd lengths, since an encoder may do with positions and padding what it likes.

    Raises:
        EncoderError: The model gives no vector of a text.
    """
    padded = PaddedPass(model, tokenizer, folder, device)
    try:
        probe = _odd_lengths(model, folder)
        alone = np.concatenate([padded.vectors([ids], ["sentence"])["sentence"] for ids in probe])
    except NO_VECTOR as error:
        if is_out_of_memory(error):
            raise
        raise EncoderError(
            f'[training] encoder "{folder.name}" gives no vector of a text ({first_line(error)}); '
            "take an encoder of texts, such as a BERT."
        ) from error

    def agrees(way: Pass) -> bool:
        differs = np.abs(way.vectors(probe, ["sentence"])["sentence"] - alone).max()
        return bool(differs <= TOLERANCE["bfloat16" if device.bf16 else "float32"])

    kernel_is_there = device.name == "cpu" or (device.name == "cuda" and device.bf16 and _has_varlen())
    if kernel_is_there and may_be_packed(model):
        before = model.config._attn_implementation
        try:
            packed = PackedPass(model, tokenizer, folder, device)
            if agrees(packed):
                return packed
        except NO_VECTOR:
            pass  # an architecture that cannot be packed says so in one of these ways
        model.set_attn_implementation(before)
    return padded if agrees(padded) else EvenPass(model, tokenizer, folder, device)


def _odd_lengths(model: Any, folder: EncoderFolder) -> list[list[int]]:
    """Token ids of a few texts, the longest first."""
    longest = min(folder.max_length, 24)
    vocabulary = int(model.get_input_embeddings().num_embeddings)
    rng = np.random.default_rng(0)
    # Specials stand first in most vocabularies; ordinary words are asked for.
    low = min(vocabulary - 1, 1000 if vocabulary > 2000 else 2)
    lengths = sorted({longest, max(1, longest // 2), 3, 1, min(2, longest)} - {0}, reverse=True)
    return [rng.integers(low, vocabulary, length).tolist() for length in lengths if length <= longest]


def last_and_middle(out: Any) -> tuple[Any, Any]:
    """Hidden states of the last layer, and of the one two thirds up where they were asked for, float32."""
    hidden = out.hidden_states
    middle = None if hidden is None else hidden[middle_layer(len(hidden) - 1)].float()
    return out.last_hidden_state.float(), middle


def gpu_tokens(model: Any) -> int:
    """How many tokens a batch holds on the GPU, by the memory that is free now."""
    import torch

    free, _ = torch.cuda.mem_get_info()
    width = int(getattr(model.config, "intermediate_size", None) or 4 * model.config.hidden_size)
    # Some three states of the widest layer live at once, each number with its float32.
    return int(np.clip(free * SHARE_OF_GPU / (3 * 4 * width), TOKENS_PER_BATCH, 2**18))


def _has_varlen() -> bool:
    try:
        from torch.nn.attention import varlen  # noqa: F401
    except ImportError:
        return False
    return True


def _numpy(vectors: Any) -> Vectors:
    found: Vectors = vectors.float().cpu().numpy()
    return found
