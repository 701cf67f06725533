"""Views of a frozen encoder: which of its hidden states become a text's vector.

What helps depends on what is asked: topics are told by the mean of all tokens, the kind of a question by its first
word, and syntax by layers in the middle (Tenney et al., "BERT Rediscovers the Classical NLP Pipeline", ACL 2019).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch

View = Literal["sentence", "first-word", "middle"]
VIEWS: tuple[View, ...] = get_args(View)


def middle_layer(layers: int) -> int:
    """The layer two thirds up of `layers`, counted from 1."""
    return max(1, round(2 * layers / 3))


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


def view_vectors(
    view: View,
    last: "torch.Tensor",
    middle: "torch.Tensor | None",
    mask: "torch.Tensor",
    first_words: Sequence[int],
    pooling: str,
) -> "torch.Tensor":
    """One view's vectors (B, D), of length 1, from hidden states of the last and of the middle layer (B, T, D)."""
    import torch

    if view == "first-word":
        rows = torch.arange(len(last), device=last.device)
        return torch.nn.functional.normalize(last[rows, torch.tensor(first_words, device=last.device)], dim=1)
    if view == "middle":
        assert middle is not None
        return pool(middle, mask, "mean")
    return pool(last, mask, pooling)
