"""Multinomial logistic regression on frozen vectors."""

import warnings

import numpy as np
from numpy.typing import NDArray

from training.frozen.heads import LinearHead


def fit_head(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    strength: float,
    trust: NDArray[np.float64] | None = None,
) -> LinearHead:
    """Multinomial logistic regression of labels (N,) on vectors (N, D); `strength` is scikit-learn's C.

    With one class only the head says that class. One thread: these matrices are small, and on a shared machine threads
    that wait for each other made the fit 100 times slower.

    Args:
        trust: (N,) how much each label counts; all alike without it.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    seen = np.unique(labels)
    if len(seen) == 1:
        return LinearHead(seen, np.zeros((1, vectors.shape[1])), np.zeros(1))
    with threadpool_limits(1), warnings.catch_warnings():
        # It takes many classes with few labels each for a mistaken regression.
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        model = LogisticRegression(C=strength, max_iter=500)
        fitted = model.fit(vectors.astype(np.float64), labels, sample_weight=trust)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(seen) == 2:
        # scikit-learn keeps one row for two classes; half of it on either side gives the same probabilities.
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearHead(seen, weight, bias)
