"""Expected calibration error: how far what a model is sure of is from how often it is right."""

import numpy as np
from numpy.typing import NDArray

BINS = 15


def expected_calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """In [0, 1]: the mean over equally wide bins of confidence of |accuracy - confidence|, weighed by their records.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 5. NaN without a single record.

    Args:
        probabilities: (N, K).
        labels: (N,).
    """
    if not len(labels):
        return float("nan")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
