"""The gradient of one step, by several threads that take a share of the batch each.

Threads of torch that share one small operation wait for one another at its end, and for long where other programs run:
two of them took six times as long as one on a busy machine. With a share of the batch each they meet once a step. The
shares are always as many, their gradients are added in their order, and each draws its dropout from a source of its
own: what a fit ends in depends neither on the number of cores nor on who was first.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import torch

SHARES = 2

Rows = NDArray[np.int64]
# The loss of some rows of a batch: a share of the batch's, so that all add up.
LossOf = Callable[[Rows], "torch.Tensor"]


def sources(model: "torch.nn.Module", device: str, rng: np.random.Generator) -> "list[torch.Generator] | None":
    """What each share draws its dropout from; None where the batch cannot be shared out.

    That is on a GPU, which is busy with one, and where a model has dropout of its own making: only torch's can be told
    where to draw from.
    """
    import torch

    dropping = [module for module in model.modules() if "drop" in type(module).__name__.lower()]
    if device != "cpu" or any(type(module) is not torch.nn.Dropout for module in dropping):
        return None
    return [torch.Generator().manual_seed(int(rng.integers(2**62))) for _ in range(SHARES)]


def add_gradients(
    loss_of: LossOf,
    batch: int,
    moved: "Sequence[torch.Tensor]",
    at_a_time: int,
    drawing_from: "list[torch.Generator] | None",
    threads: "ThreadPoolExecutor | None",
) -> float:
    """Set the gradients of `moved` to those of a batch, and give its loss.

    Args:
        loss_of: Rows of the batch to their share of its loss.
        batch: How many rows the batch has.
        moved: What the gradients are of.
        at_a_time: How many rows go through together at most.
        drawing_from: The source of each share's dropout; None: one share, torch's global state.
        threads: Who takes the shares; None: the caller, one after the other.
    """
    shares = 1 if drawing_from is None else len(drawing_from)

    def share(number: int) -> "tuple[float, list[torch.Tensor | None]]":
        rows = np.arange(number, batch, shares)
        own = nullcontext() if drawing_from is None else dropout_from(drawing_from[number])
        total, gradients = 0.0, [None] * len(moved)
        with own:
            for start in range(0, len(rows), at_a_time):
                loss = loss_of(rows[start : start + at_a_time])
                gradients = _sum(gradients, _gradients(loss, moved))
                total += float(loss.detach())
        return total, gradients

    numbers = range(shares)
    found = list(map(share, numbers) if threads is None or shares == 1 else threads.map(share, numbers))
    summed = found[0][1]
    for _, gradients in found[1:]:
        summed = _sum(summed, gradients)
    for weight, gradient in zip(moved, summed, strict=True):
        weight.grad = gradient
    return sum(loss for loss, _ in found)


def dropout_from(generator: "torch.Generator") -> AbstractContextManager[object]:
    """Within it this thread's dropout draws from `generator`, not from torch's global state."""
    import torch
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    def dropped(x: "torch.Tensor", share: float) -> "torch.Tensor":
        kept = torch.empty_like(x).bernoulli_(1 - share, generator=generator)
        return x * kept.div_(1 - share)

    def dropout(x: "torch.Tensor", p: float = 0.5, training: bool = True, inplace: bool = False) -> "torch.Tensor":  # noqa: ARG001
        return dropped(x, p) if training and p else x

    def attention(
        query: "torch.Tensor",
        key: "torch.Tensor",
        value: "torch.Tensor",
        attn_mask: "torch.Tensor | None" = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> "torch.Tensor":
        # As torch's own page on it defines it.
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
        scores = query @ key.transpose(-2, -1) * (scale or query.shape[-1] ** -0.5)
        if is_causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), float("-inf"))
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, float("-inf"))
        elif attn_mask is not None:
            scores = scores + attn_mask
        return dropped(scores.softmax(-1), dropout_p) @ value

    class OwnDropout(TorchFunctionMode):
        def __torch_function__(self, called: Any, types: Any, given: Any = (), named: Any = None) -> Any:
            named = named or {}
            if called is functional.dropout:
                return dropout(*given, **named)
            if called is functional.scaled_dot_product_attention and named.get("dropout_p"):
                return attention(*given, **named)
            return called(*given, **named)

    context: AbstractContextManager[object] = OwnDropout()
    return context


def _gradients(loss: "torch.Tensor", moved: "Sequence[torch.Tensor]") -> "list[torch.Tensor | None]":
    import torch

    return list(torch.autograd.grad(loss, list(moved), allow_unused=True))


def _sum(some: "list[torch.Tensor | None]", others: "list[torch.Tensor | None]") -> "list[torch.Tensor | None]":
    return [b if a is None else a if b is None else a + b for a, b in zip(some, others, strict=True)]
