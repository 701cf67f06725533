"""Beginning a fit from the model of the round before.

Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020: a network that goes on from old weights ends
worse than one that begins anew; shrunk weights with a little noise mend that. They shrink towards 0, where their
networks begin; an encoder begins at its pretrained weights, so these are what is shrunk towards here.

A member goes on from the member of its own number, so its fold must hold the same records in every round, or it would
be judged on what it was fitted on: for a warm start folds are dealt by the groups' names, not by lot.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from training.examples import Strings

if TYPE_CHECKING:
    import torch

    from training.fine_tuned import Member

WarmStart = Literal["cold", "head", "weights", "shrink-perturb"]
WARM_STARTS: tuple[WarmStart, ...] = get_args(WarmStart)

CALLED = {
    "encoder_revision": "encoder",
    "frozen": "number of layers that move",
    "asked_members": "number of members",
    "warm_start": "way to begin",
    "dealt": "way to leave labels out",
}
KEPT = 0.5
"""How much of the way from the pretrained weights to those of the last round is kept."""
NOISE = 0.01
"""The standard deviation of the noise, in those of each weight matrix."""


def folds_by_name(groups: Strings, folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) the fold of each group's name: the same in every round, whatever other groups there are."""
    digests = (hashlib.sha256(f"{seed}\0{group}".encode()).digest() for group in groups.tolist())
    return np.array([int.from_bytes(digest[:8], "big") % folds for digest in digests], dtype=np.int64)


def why_not(start: object, wanted: dict[str, object]) -> str | None:
    """Why a fit cannot go on from `start`: there is none, or its recipe differs in one of `wanted`; None: it can."""
    from training.fine_tuned import FineTuned

    if start is None:
        return "there is no model of an earlier round"
    if not isinstance(start, FineTuned):
        return "the earlier model is of another kind"
    for name, value in wanted.items():
        if start.recipe.get(name) != value:
            return f"the earlier model has another {CALLED.get(name, name)}"
    return None


def begin(
    mode: WarmStart,
    pretrained: "dict[str, torch.Tensor]",
    member: "Member",
    rng: np.random.Generator,
) -> "dict[str, torch.Tensor]":
    """The weights that a member begins with, made of the pretrained ones and those that it had."""
    import torch

    if mode == "weights":
        return member.weights
    if mode != "shrink-perturb":
        return pretrained
    begun = {}
    for name, weight in pretrained.items():
        noise = torch.as_tensor(rng.normal(size=tuple(weight.shape)), dtype=weight.dtype, device=weight.device)
        spread = float(weight.std()) if weight.numel() > 1 else 0.0
        begun[name] = weight + KEPT * (member.weights[name].to(weight.device) - weight) + NOISE * spread * noise
    return begun


def begin_head(head: "torch.nn.Linear", member: "Member", old: Sequence[str], new: Sequence[str]) -> None:
    """Set the rows of the classes that the member knew; those of new classes stay as they are."""
    import torch

    known = [(new.index(name), row) for row, name in enumerate(old) if name in new and row in set(member.seen.tolist())]
    with torch.no_grad():
        for to, row in known:
            head.weight[to] = member.head_weight[row].to(head.weight.device)
            head.bias[to] = member.head_bias[row].to(head.bias.device)
