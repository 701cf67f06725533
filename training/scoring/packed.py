"""Documents one behind the other without padding, each attending to itself alone.

A row of `T` tokens holds several documents; positions start anew with each. Everything in an encoder but its attention
looks at one token at a time, so only the attention must know where documents end. It is registered with transformers
and told so by `documents_are`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    # From queries, keys and values (T, H, D), the documents' lengths and the scale to what is attended to (T, H, D).
    Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Sequence[int], float], torch.Tensor]

# The largest difference in any number of a vector between the packed and the one-document path. In bfloat16 that is
# four steps of its eight bits at the size that numbers of a vector of length 1 have.
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}
IMPLEMENTATION = "tilth_packed"

_documents: "ContextVar[tuple[Sequence[int], Kernel]]" = ContextVar("documents")


@contextmanager
def documents_are(lengths: Sequence[int], kernel: "Kernel") -> Iterator[None]:
    """Within it, the packed attention of this thread holds documents of these lengths apart, by this kernel."""
    token = _documents.set((lengths, kernel))
    try:
        yield
    finally:
        _documents.reset(token)


def by_lengths(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", lengths: Sequence[int], scale: float
) -> "torch.Tensor":
    """Attention over each run of documents of one length at a time: no mask, no padding. The way on a CPU."""
    import torch

    attended = torch.empty_like(query, memory_format=torch.contiguous_format)
    start = 0
    for length, documents in groupby(lengths):
        stop = start + length * len(list(documents))
        q, k, v = (
            states[start:stop].unflatten(0, (-1, length)).transpose(1, 2) for states in (query, key, value)
        )  # (documents, H, length, D)
        found = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale)
        attended[start:stop].unflatten(0, (-1, length)).copy_(found.transpose(1, 2))
        start = stop
    return attended


def by_mask(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", lengths: Sequence[int], scale: float
) -> "torch.Tensor":
    """Attention over the whole row under a block-diagonal mask (T, T): the reference that others are compared with."""
    import torch

    document = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).to(query.device)
    q, k, v = (states.transpose(0, 1)[None] for states in (query, key, value))
    mask = document[:, None] == document[None, :]
    found = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return found[0].transpose(0, 1)


def by_varlen(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", lengths: Sequence[int], scale: float
) -> "torch.Tensor":
    """Attention by torch's kernel for documents of any length, on CUDA in bfloat16."""
    import torch
    from torch.nn.attention.varlen import varlen_attn

    ends = torch.tensor([0, *lengths]).cumsum(0).to(query.device, torch.int32, non_blocking=True)
    longest = max(lengths)
    q, k, v = (states.to(torch.bfloat16).contiguous() for states in (query, key, value))
    return varlen_attn(q, k, v, ends, ends, longest, longest, scale=scale).to(query.dtype)


def use_packed_attention(model: Any) -> None:
    """Let the model attend by what `documents_are` says."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(IMPLEMENTATION, _attend)
    AttentionMaskInterface.register(IMPLEMENTATION, _no_mask)
    model.set_attn_implementation(IMPLEMENTATION)


def may_be_packed(model: Any) -> bool:
    """Whether only the attention of this model looks at other tokens, and it can be exchanged.

    Layers that look at a window around a token, and positions that are told to the attention alone, stay padded.
    """
    import inspect

    config = model.config
    windows = any(getattr(config, name, None) for name in ("sliding_window", "local_attention", "attention_window"))
    takes_positions = "position_ids" in inspect.signature(model.forward).parameters
    relative = getattr(config, "position_embedding_type", None) not in (None, "absolute")
    decides = getattr(model, "_supports_attention_backend", False)
    return bool(decides and takes_positions and not windows and not relative and not getattr(config, "is_decoder", 0))


def first_position(model: Any) -> int:
    """The position of a document's first token: RoBERTa and its kin count from behind the padding token."""
    embeddings = getattr(model, "embeddings", None)
    counts_on = hasattr(embeddings, "create_position_ids_from_input_ids")
    return int(embeddings.padding_idx) + 1 if counts_on else 0  # type: ignore[union-attr]


def _attend(
    _module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    _mask: "torch.Tensor | None",
    scaling: float | None = None,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    # As transformers calls it: states (1, H, T, D) in, (1, T, H, D) out.
    lengths, kernel = _documents.get()
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    return kernel(q, k, v, lengths, scale)[None], None


def _no_mask(*_: Any, **__: Any) -> None:
    return None
