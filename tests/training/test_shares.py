"""A step that is shared out over threads is the step that one thread takes, and the same for the same seed."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from training.scoring.run import torch_threads
from training.shares import SHARES, add_gradients, dropout_from, sources


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Layers(torch.nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 3)
        self.dropout = torch.nn.Dropout(dropout)

    def loss(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.second(self.dropout(self.first(x))), labels, reduction="sum") / 16


def gradients_of(dropout: float, at_a_time: int, seed: int | None, workers: int) -> tuple[float, list[torch.Tensor]]:
    x, labels = torch.randn(16, 6, generator=drawn(5)), torch.arange(16) % 3
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Layers(dropout)
    moved = list(model.parameters())
    drawing_from = None if seed is None else sources(model, "cpu", np.random.default_rng(seed))
    with torch_threads(workers) as threads:
        loss = add_gradients(
            lambda rows: model.loss(x[rows], labels[rows]), 16, moved, at_a_time, drawing_from, threads
        )
    return loss, [weight.grad for weight in moved if weight.grad is not None]


@pytest.mark.parametrize("at_a_time", [16, 3])
def test_shares_add_up_to_the_whole(at_a_time: int) -> None:
    loss, whole = gradients_of(0.0, 16, None, 1)
    shared_loss, shared = gradients_of(0.0, at_a_time, 0, SHARES)
    assert shared_loss == pytest.approx(loss, abs=1e-6)
    for one, other in zip(shared, whole, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_the_seed_alone_decides_what_is_dropped_and_torchs_own_state_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    one, same, alone, other = (
        gradients_of(0.5, 16, seed, workers)[1] for seed, workers in ((0, 2), (0, 2), (0, 1), (1, 2))
    )
    assert torch.equal(before, torch.random.get_rng_state())
    for first, second, third in zip(one, same, alone, strict=True):
        assert torch.equal(first, second) and torch.equal(first, third)
    assert not torch.equal(one[0], other[0])


def test_a_share_of_what_is_dropped_is_made_up_for() -> None:
    with dropout_from(drawn()):
        kept = functional.dropout(torch.ones(20_000), 0.25)
    assert sorted(set(kept.tolist())) == pytest.approx([0, 4 / 3])
    assert kept.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal", "groups"])
def test_attention_with_next_to_no_dropout_is_torchs_own(mask: str) -> None:
    query, key, value = (torch.randn(2, 4, 5, 8, generator=drawn(n)) for n in range(3))
    given: dict[str, object] = {}
    if mask == "bool":
        given["attn_mask"] = torch.ones(5, 5, dtype=torch.bool).tril()
    if mask == "float":
        given["attn_mask"] = torch.randn(2, 1, 5, 5, generator=drawn(7))
    if mask == "causal":
        given["is_causal"] = True
    if mask == "groups":
        key, value, given["enable_gqa"] = key[:, :2], value[:, :2], True
    wanted = functional.scaled_dot_product_attention(query, key, value, **given)  # type: ignore[arg-type]
    with dropout_from(drawn()):
        found = functional.scaled_dot_product_attention(query, key, value, dropout_p=1e-12, **given)  # type: ignore[arg-type]
    torch.testing.assert_close(found, wanted)


def test_what_drops_in_a_way_of_its_own_is_not_shared_out() -> None:
    class DropPath(torch.nn.Module):
        pass

    rng = np.random.default_rng(0)
    assert sources(torch.nn.Sequential(torch.nn.Linear(2, 2), DropPath()), "cpu", rng) is None
    assert sources(Layers(0.1), "cuda", rng) is None
    found = sources(Layers(0.1), "cpu", rng)
    assert found is not None and len(found) == SHARES
