"""What is said of a fit's losses."""

import pytest

from training.loss_curves import diagnosis, mean_curve


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        ([1.0, 0.8, 0.6], [1.2, 1.0, 0.85, 0.7], "still falling"),
        ([1.0, 0.5, 0.1, 0.01], [1.0, 0.6, 0.5, 0.7, 0.8], "rose from epoch 2 on"),
        ([1.0, 0.5, 0.4], [1.0, 0.5, 0.49, 0.5], "fits well"),
        ([1.0, 0.5, 0.45], [1.0, 0.5, 0.49, 0.485], "fits well"),
        ([1.0], [], "too few labels to validate"),
        ([], [1.0], "no epoch"),
    ],
)
def test_the_diagnosis_names_what_the_curves_show(training: list[float], validation: list[float], said: str) -> None:
    assert said in diagnosis(training, validation)


def test_a_member_that_stopped_early_counts_only_in_the_epochs_it_had() -> None:
    assert mean_curve([[1.0, 0.5], [3.0]]) == [2.0, 0.5]
    assert mean_curve([]) == []
