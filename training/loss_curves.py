"""What the loss curves of a fit say: stopped too early, learnt by heart, or well fitted."""

from collections.abc import Sequence

import numpy as np

STILL_FALLING = 0.05
"""A validation loss that fell by this share in its last epoch was not done."""
BY_HEART = 0.15
"""A validation loss this share above its least one, while the training loss fell on, tells of overfitting."""


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean of several curves by epoch; one that ended early does not count in the epochs that it lacks."""
    longest = max((len(curve) for curve in curves), default=0)
    return [float(np.mean([curve[at] for curve in curves if at < len(curve)])) for at in range(longest)]


def diagnosis(training: Sequence[float], validation: Sequence[float]) -> str:
    """One line on a fit's losses by epoch; `validation` begins with the loss before the first epoch."""
    if not validation:
        return "There were too few labels to validate on."
    if len(validation) < 2 or not training:
        return "There was no epoch to tell anything by."
    least = int(np.argmin(validation))
    if least == len(validation) - 1:
        before = validation[-2]
        if before - validation[-1] > STILL_FALLING * before:
            return "The validation loss was still falling when it stopped: more epochs would help."
        return "It fits well: the validation loss ended at its least."
    risen = validation[-1] - validation[least]
    if risen > BY_HEART * validation[least] and training[-1] < training[max(0, least - 1)]:
        began = f"from epoch {least} on" if least else "from the start"
        return (
            f"The validation loss rose {began} while the training loss fell: it learns the labels by heart; "
            "more labels help, more epochs do not."
        )
    return f"It fits well: after epoch {least} the validation loss changed little."
