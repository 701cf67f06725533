"""Per class: how well it is told from the others over the rounds, the worst first, as a line in a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 120, 26, 3
# F1 of fewer records says next to nothing.
FEW_RECORDS = 5


@dataclass(frozen=True)
class ClassCurve:
    """One class on the holdout.

    Attributes:
        curve: F1 at each measured round, None where the round did not know the class.
        precision, recall, f1, support: Of the current model.
        mistaken_for: The class that its records are most often taken for, and how many are; empty without any.
    """

    label: str
    curve: tuple[float | None, ...]
    precision: float
    recall: float
    f1: float
    support: int
    mistaken_for: str

    @property
    def change(self) -> float | None:
        """F1 now less F1 at the first round that knew it."""
        known = [one for one in self.curve if one is not None]
        return known[-1] - known[0] if len(known) > 1 else None

    @property
    def sparkline(self) -> Markup:
        """The curve as an SVG element, from 0 at its foot to 1 at its head."""
        return sparkline(self.curve)


def class_curves(measured: Sequence[Mapping[str, Any]], holdout: Mapping[str, Any] | None) -> list[ClassCurve]:
    """The classes that the holdout has, the lowest F1 first; those it has no record of come last.

    Args:
        measured: What the holdout said at each round, oldest first, as `Metrics.to_json` gives it.
        holdout: What it says of the current model.
    """
    if not holdout:
        return []
    names = list(holdout["per_class"])
    found = [
        ClassCurve(
            label=name,
            curve=tuple(_f1(one, name) for one in measured) or (row["f1"],),
            precision=row["precision"],
            recall=row["recall"],
            f1=row["f1"],
            support=row["support"],
            mistaken_for=_mistaken_for(name, holdout),
        )
        for name, row in holdout["per_class"].items()
    ]
    return sorted(found, key=lambda one: (not one.support, one.f1, names.index(one.label)))


def _f1(measured: Mapping[str, Any], name: str) -> float | None:
    row = measured.get("per_class", {}).get(name)
    return float(row["f1"]) if row and row["support"] else None


def _mistaken_for(name: str, holdout: Mapping[str, Any]) -> str:
    classes, matrix = holdout.get("classes") or [], holdout.get("confusion") or []
    if name not in classes or len(matrix) != len(classes):
        return ""
    row = list(matrix[classes.index(name)])
    row[classes.index(name)] = 0
    most = max(row, default=0)
    return f"{classes[row.index(most)]} ({most})" if most else ""


def sparkline(curve: Sequence[float | None]) -> Markup:
    """Values in [0, 1] as a line with a dot at its end; a gap where a value is None."""
    known = [(place, value) for place, value in enumerate(curve) if value is not None]
    if not known:
        return Markup("")
    step = (WIDTH - 2 * MARGIN) / max(1, len(curve) - 1)
    points = [
        (round(MARGIN + place * step, 1), round(MARGIN + (1 - min(1.0, max(0.0, value))) * (HEIGHT - 2 * MARGIN), 1))
        for place, value in known
    ]
    words = ", ".join("none" if value is None else f"{value:.2f}" for value in curve)
    line = " ".join(f"{x},{y}" for x, y in points)
    end_x, end_y = points[-1]
    # Numbers of our own making and nothing else: no text of a record or a class stands in it.
    return Markup(
        f'<svg class="spark" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{words}"><title>{words}</title>'
        f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT - MARGIN}" y2="{HEIGHT - MARGIN}"/>'
        f'<polyline points="{line}"/><circle cx="{end_x}" cy="{end_y}" r="2.6"/></svg>'
    )
