"""Which device computes, and in which number format."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Device:
    """A device by torch's name for it (`cuda`, `mps`, `cpu`), and whether matrices are multiplied in bfloat16 there."""

    name: str
    bf16: bool

    def autocast(self) -> "AbstractContextManager[object]":
        """Within it matrices are multiplied in bfloat16 where this device does so; weights stay float32."""
        import torch

        return torch.autocast(self.name, dtype=torch.bfloat16) if self.bf16 else nullcontext()

    @property
    def torch(self) -> "torch.device":
        """The same device, as torch wants it."""
        import torch

        return torch.device(self.name)


@cache
def best_device() -> Device:
    """CUDA (in bfloat16 where the card has it), else Apple's MPS, else the CPU; the last two in float32."""
    import torch

    if torch.cuda.is_available():
        return Device("cuda", bf16=torch.cuda.is_bf16_supported())
    if torch.backends.mps.is_available():
        return Device("mps", bf16=False)
    return Device("cpu", bf16=False)
