"""The rungs on frozen vectors, by name: seconds to fit, and good with few labels.

The probe is logistic regression. Propagation adds what neighbours in the pool are believed to be, self-training a head
that learned from what it was surest of there, semi-supervised both; each beside the logistic head, with weights fitted
out of fold.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from training.encoder import Encoder
from training.frozen.logistic import fit_head
from training.frozen.rung import FrozenRung

FROZEN_RUNGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "probe": ("logistic",),
        "propagation": ("logistic", "propagated"),
        "self-training": ("logistic", "self-trained"),
        "semi-supervised": ("logistic", "propagated", "self-trained"),
    }
)

__all__ = ["FROZEN_RUNGS", "Probe", "fit_head", "frozen_rung"]


def frozen_rung(
    name: str, classes: Sequence[str], encoder: Encoder, tuned: Mapping[str, Any] = MappingProxyType({})
) -> FrozenRung:
    """The rung of this name, a key of `FROZEN_RUNGS`, with the view and the families' settings that `tuned` has."""
    return FrozenRung(name, FROZEN_RUNGS[name], tuple(classes), encoder, tuned=tuned)


def Probe(classes: Sequence[str], encoder: Encoder) -> FrozenRung:  # noqa: N802
    """The rung "probe"."""
    return frozen_rung("probe", classes, encoder)
