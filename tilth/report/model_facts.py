"""What the report says of the current model: why it is the one, how it learnt, how far its probabilities hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from store.models import Model
from tilth.report.judged import Judged

# What several rungs that speak together are called.
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class ModelFacts:
    """The current model.

    Attributes:
        rung: What it is, such as `probe` or, where rungs speak together, `probe with fine-tune`; `asked` is what the
            project file asked for, such as `auto`.
        why: Why that rung was taken, one line; empty where nobody had to choose.
        compared: What was compared for it: rung, accuracy, log_loss, cost (in multiplications), taken.
        losses: epoch, part (`training`, `validation`), loss; nothing for a model without epochs.
        diagnosis: Whether it over- or underfits, one line.
        temperature, ece_before, ece_after: How its probabilities were calibrated, out of fold; None where not known.
        reliability: The bins of the reliability diagram on the holdout and out of fold: measured, confidence,
            accuracy, records.
    """

    rung: str
    asked: str
    encoder: str
    labels: int | None
    why: str = ""
    compared: Sequence[Mapping[str, Any]] = ()
    losses: Sequence[Mapping[str, Any]] = ()
    diagnosis: str = ""
    temperature: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    reliability: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def has_costs(self) -> bool:
        """Whether it is known what the rungs cost."""
        return any(row.get("cost") is not None for row in self.compared)


def model_facts(model: Model, judged: Judged) -> ModelFacts:
    """What is kept of a fitted model, as far as its rung keeps it."""
    recipe = model.recipe
    taken = " with ".join(_members(model))
    calibrated = {**(model.calibration or {}), **(recipe.get("calibration") or {})}
    losses = recipe.get("losses") or {}
    return ModelFacts(
        rung=taken,
        asked=str(recipe.get("asked_for") or model.rung),
        encoder=model.encoder,
        labels=recipe.get("labels"),
        why=str(recipe.get("why") or ""),
        compared=_compared(recipe.get("cross_validated") or {}, taken, _members(model)[0]),
        losses=_loss_rows(losses),
        diagnosis=str(recipe.get("diagnosis") or losses.get("diagnosis") or ""),
        temperature=_number(calibrated.get("temperature")),
        ece_before=_number(calibrated.get("ece_before")),
        ece_after=_number(calibrated.get("ece_after")),
        reliability=_reliability(model, judged),
    )


def _loss_rows(losses: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    training, validation = list(losses.get("training") or ()), list(losses.get("validation") or ())
    # A validation loss that stands before the first epoch has no training loss beside it.
    begins = 0 if len(validation) > len(training) else 1
    return [
        {"epoch": epoch, "part": part, "loss": loss}
        for part, curve, first in (("training", training, 1), ("validation", validation, begins))
        for epoch, loss in enumerate(curve, start=first)
        if _is_number(loss)
    ]


def _members(model: Model) -> list[str]:
    """The rungs that the model consists of; most often one."""
    members = model.recipe.get("members") if model.rung == ENSEMBLE else None
    return [str(one) for one in members or (model.rung,)]


def _compared(cross_validated: Mapping[str, Mapping[str, Any]], taken: str, beside: str) -> list[dict[str, Any]]:
    """The rungs, the best first; one that is named only by what joins another is given both names."""
    named = {f"{beside} {rung}" if rung.startswith("with ") else rung: row for rung, row in cross_validated.items()}
    rows = [
        {"rung": rung, "taken": rung == taken}
        | {name: _number(figures.get(name)) for name in ("accuracy", "log_loss", "cost")}
        for rung, figures in named.items()
    ]
    return sorted(rows, key=lambda row: (row["accuracy"] is None, -(row["accuracy"] or 0.0), str(row["rung"])))


def _reliability(model: Model, judged: Judged) -> list[dict[str, Any]]:
    holdout = (model.metrics or {}).get("holdout") or {}
    rows = [{"measured": "on the holdout", **one} for one in holdout.get("calibration") or () if one["records"]]
    known = [one for one in judged.out_of_fold if one in judged.labels]
    if known:
        from training.metrics import reliability

        said = np.stack([judged.out_of_fold[one] for one in known])
        found = reliability(said, np.array([judged.labels[one] for one in known], dtype=np.int64))
        rows += [{"measured": "out of fold", **vars(one)} for one in found]
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) else None
