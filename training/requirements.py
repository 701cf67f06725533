"""What a fit needs of its labels, said before any time is spent."""

from collections.abc import Sequence

import numpy as np

from training.errors import ExamplesError, TooFewLabels
from training.examples import Examples

FEWEST_LABELS = 4


def require_labels(examples: Examples, classes: Sequence[str]) -> None:
    """Return when a model for `classes` can be fitted on these examples.

    Raises:
        TooFewLabels: Fewer than `FEWEST_LABELS` labels, or fewer than 2 classes or 2 groups among them.
        ExamplesError: A label is no index into the classes.
    """
    n = len(examples)
    if n and int(examples.labels.max()) >= len(classes):
        raise ExamplesError(f"A label has the index {examples.labels.max()}, but there are {len(classes)} classes.")
    present = np.unique(examples.labels)
    if n < FEWEST_LABELS or len(present) < 2:
        names = ", ".join(f'"{classes[index]}"' for index in present) or "none"
        raise TooFewLabels(
            f"A fit needs at least {FEWEST_LABELS} labels of at least 2 classes; there are {n} of {len(present)} "
            f"({names}). Label more records first."
        )
    if len(np.unique(examples.groups)) < 2:
        raise TooFewLabels(f"All {n} labelled records are in one group of near-equal records; label others first.")
