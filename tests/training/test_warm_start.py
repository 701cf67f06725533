"""Warm starts: what a fit takes over from the round before, and when it takes nothing."""

import numpy as np
import pytest
import torch

from tests.training.labelled_words import CLASSES, some_examples
from training.encoder import Encoder
from training.fine_tune import FineTune, Schedule
from training.fine_tuned import FineTuned
from training.warm_start import WarmStart, folds_by_name

# No step is long enough to hide where a fit began.
STILL = Schedule(learning_rate=1e-12, epochs=(1, 1), batch=8)


def fit(encoder: Encoder, mode: WarmStart, n: int, start: FineTuned | None = None, **more: object) -> FineTuned:
    schedule = Schedule(learning_rate=1e-3, epochs=(2, 2), batch=8) if start is None else STILL
    rung = FineTune(CLASSES, encoder, schedule, view="sentence", warm_start=mode)
    return rung.fit(some_examples(n), seed=int(more.get("seed", 0)), start=start)  # type: ignore[call-overload]


def distance(one: FineTuned, other: FineTuned) -> float:
    pairs = zip(one.members[0].weights.values(), other.members[0].weights.values(), strict=True)
    return float(sum(torch.linalg.vector_norm(a - b) ** 2 for a, b in pairs) ** 0.5)


def test_a_groups_fold_is_the_same_whatever_was_labelled_since() -> None:
    groups = np.array([f"g{row}" for row in range(200)])
    before, after = folds_by_name(groups[:50], 3, 7), folds_by_name(groups, 3, 7)
    np.testing.assert_array_equal(before, after[:50])
    assert np.bincount(after).min() > 40


def test_weights_go_on_from_the_last_round_and_cold_does_not(encoder: Encoder) -> None:
    first = fit(encoder, "weights", 24)
    cold = FineTune(CLASSES, encoder, STILL, view="sentence").fit(some_examples(36), seed=0, start=first)
    warm = fit(encoder, "weights", 36, first)
    shrunk = fit(encoder, "shrink-perturb", 36, fit(encoder, "shrink-perturb", 24))
    assert distance(warm, first) < 1e-4 < distance(cold, first)
    assert distance(warm, first) < distance(shrunk, first)
    assert warm.recipe["began"] == "from the last round's model"


def test_the_head_alone_goes_on_with_the_encoder_as_it_was(encoder: Encoder) -> None:
    first = fit(encoder, "head", 24)
    warm = fit(encoder, "head", 36, first)
    # Calibration gives each member a scale of its own.
    heads = [torch.nn.functional.normalize(one.members[0].head_weight.flatten(), dim=0) for one in (warm, first)]
    torch.testing.assert_close(*heads, atol=1e-5, rtol=0)
    assert distance(warm, first) > 1e-3


def test_labels_that_leave_a_fold_empty_are_dealt_by_lot_and_nobody_goes_on_from_them(encoder: Encoder) -> None:
    few = some_examples(4)
    seed = next(one for one in range(50) if len(np.unique(folds_by_name(few.groups, 3, one))) < 3)
    first = fit(encoder, "weights", 4, seed=seed)
    assert (len(first.members), first.recipe["dealt"]) == (3, "by lot")
    more = next(n for n in range(5, 30) if len(np.unique(folds_by_name(some_examples(n).groups, 3, seed))) == 3)
    assert (
        fit(encoder, "weights", more, first, seed=seed).recipe["began"]
        == "cold: the earlier model has another way to leave labels out"
    )


@pytest.mark.parametrize(
    ("start", "seed", "why"),
    [(None, 0, "there is no model"), ("probe", 0, "of another kind"), ("weights", 1, "another seed")],
)
def test_where_it_cannot_go_on_it_begins_cold_and_says_why(
    encoder: Encoder, start: str | None, seed: int, why: str
) -> None:
    before = None
    if start == "weights":
        before = fit(encoder, "weights", 24)
    elif start == "probe":
        from training.probe import Probe

        before = Probe(CLASSES, encoder).fit(some_examples(24), seed=0)
    fitted = fit(encoder, "weights", 24, before, seed=seed)  # type: ignore[arg-type]
    assert fitted.recipe["began"].startswith("cold: ")
    assert why in fitted.recipe["began"]


def test_new_classes_get_rows_of_their_own(encoder: Encoder) -> None:
    first = fit(encoder, "weights", 24)
    more = (*CLASSES, "new")
    rung = FineTune(more, encoder, STILL, view="sentence", warm_start="weights")
    fitted = rung.fit(some_examples(24), seed=0, start=first)
    assert fitted.members[0].head_weight.shape[0] == 4
    torch.testing.assert_close(fitted.members[0].head_weight[:3], first.members[0].head_weight, atol=1e-5, rtol=0)
