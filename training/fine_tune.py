"""The rungs that change the encoder: full fine-tuning of its upper layers, and low-rank adapters.

A committee: the labels are dealt into folds, and each member is fitted on all folds but its own, by which it is
stopped. Together the members have seen all labels; what each says of its own fold gives the temperature, the
cross-validated score and the audit's probabilities without any further fit; where they disagree, a model is unsure
(Seung, Opper and Sompolinsky, "Query by Committee", COLT 1992). With all-MiniLM-L6-v2 on TREC-6, 125 random labels, two
seeds, three members had a test accuracy of .907 where one fit on all labels, stopped at the epoch that a fifth of them
chose, had .896, for about the same processor time.

Nothing is resumed: a fit that was killed is run again and, from the same seed, ends in the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import lora
from training.calibration import fit_temperature, log_softmax, missing_mass, trust_in
from training.class_weights import class_weights
from training.encoder import Encoder
from training.examples import Examples, Inputs, Predictions
from training.fine_tuned import FineTuned, Member
from training.folds import assign_folds
from training.frozen.choosing import choose_view
from training.layered_encoder import LayeredEncoder, Readings
from training.linear_start import start_from_linear_head
from training.loss_curves import diagnosis, mean_curve
from training.member_fit import MemberFit, Schedule, Task, features_of, fit_member, logits_of, require_finite_weights
from training.metrics import expected_calibration_error
from training.randomness import seeded
from training.requirements import require_labels
from training.scoring.views import View
from training.tracking import NO_TRACKING, Tracking
from training.warm_start import WarmStart, begin, begin_head, folds_by_name, why_not

if TYPE_CHECKING:
    import torch

    from training.ladder import FittedModel

__all__ = ["FineTune", "Schedule"]

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]

MEMBERS = 3
FEWEST_TO_CALIBRATE = 10
# Below so many labels the lower half of the encoder and its embeddings stay as they are: a third of the cost, no loss.
FEW_LABELS = 3000
FROZEN_WITH_FEW = 0.5
LORA_SCHEDULE = Schedule(learning_rate=lora.LEARNING_RATE)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A member with what it said of its own fold (rows (H,)): logits (H, K), raw and scaled, and vectors (H, D)."""

    member: Member
    fit: MemberFit
    rows: NDArray[np.int64]
    logits: Floats
    raw: Floats
    vectors: NDArray[np.float32]


class FineTune:
    """The rung that changes the encoder: a minute on a CPU, better than the probe where vectors alone do not tell.

    Args:
        classes: The K classes, in the order of the probabilities; the head has all of them, labelled or not.
        encoder: The encoder to start from.
        schedule: How each member's fit goes.
        progress: Called with (steps done, steps in all at most).
        view: What the head reads; chosen by cross-validation of a linear head unless given.
        members: How many members there are.
        adapt: "all" moves every weight of the upper layers, "lora" low-rank adapters there.
        warm_start: Where a fit begins that is given the model of the round before.
        tracking: Who is told of losses while they come.
    """

    def __init__(
        self,
        classes: Sequence[str],
        encoder: Encoder,
        schedule: Schedule | None = None,
        progress: Progress | None = None,
        *,
        view: View | None = None,
        members: int = MEMBERS,
        adapt: str = "all",
        warm_start: WarmStart = "cold",
        tracking: Tracking = NO_TRACKING,
    ) -> None:
        self.classes = tuple(classes)
        self.encoder = encoder
        self.name = "lora" if adapt == "lora" else "fine-tune"
        self.schedule = schedule or (LORA_SCHEDULE if adapt == "lora" else Schedule())
        self.progress = progress
        self.view = view
        self.members = members
        self.adapt = adapt
        self.warm_start = warm_start
        self.tracking = tracking

    def fit(
        self,
        examples: Examples,
        *,
        seed: int,
        unlabelled: Inputs | None = None,  # noqa: ARG002
        start: "FittedModel | None" = None,
    ) -> FineTuned:
        """The fine-tuned committee for these examples.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
            EncoderError: The encoder has no weights or cannot be read.
            NotFinite: The loss became NaN.
        """
        require_labels(examples, self.classes)
        view = self.view or choose_view(self.encoder, examples, len(self.classes), np.random.default_rng(seed))
        frozen = FROZEN_WITH_FEW if len(examples) < FEW_LABELS else 0.0
        recipe = {
            "model": self.name,
            "encoder": self.encoder.folder.asked,
            "encoder_revision": self.encoder.folder.revision,
            **vars(self.schedule),
            "epochs": self.schedule.epochs_for(len(examples)),
            "view": view,
            "frozen": frozen,
            "pooling": self.encoder.folder.pooling,
            "max_length": self.encoder.folder.max_length,
            "asked_members": self.members,
            "warm_start": self.warm_start,
            "seed": seed,
        }
        fold, by_name = self._deal(examples, self.members, seed)
        begun = None
        if self.warm_start != "cold":
            recipe["dealt"] = "by name" if by_name else "by lot"
            same = ("encoder_revision", "view", "frozen", "asked_members", "warm_start", "seed", "model", "dealt")
            why = why_not(start, {name: recipe[name] for name in same})
            if not by_name:
                why = "the labels are too few to leave the same ones out in every round"
            if why is None:
                assert isinstance(start, FineTuned)
                begun = start
            recipe["began"] = "from the last round's model" if why is None else f"cold: {why}"
        with seeded(seed):
            layered = LayeredEncoder(self.encoder.folder, frozen)
            readings = layered.read(examples.texts)
            fitted = self._members(examples, readings, layered, view, seed, begun, fold)
        judged, calibration = _calibrate(examples, fitted, len(self.classes))
        recipe |= self._told(examples, layered, fitted, judged, calibration)
        members = tuple(one.member for one in fitted)
        return FineTuned(self.classes, layered, view, members, recipe, judged)

    def _deal(self, examples: Examples, folds: int, seed: int) -> tuple[NDArray[np.int64], bool]:
        """The fold (N,) of each example, and whether its group's name says it; by lot where that leaves one empty."""
        if self.warm_start != "cold":
            by_name = folds_by_name(examples.groups, folds, seed)
            if len(np.unique(by_name)) == folds:
                return by_name, True
        by_lot = assign_folds(examples, min(folds, len(np.unique(examples.groups))), np.random.default_rng(seed))
        return by_lot, False

    def _members(
        self,
        examples: Examples,
        readings: Readings,
        layered: LayeredEncoder,
        view: View,
        seed: int,
        begun: FineTuned | None,
        fold: NDArray[np.int64],
    ) -> list[_Fitted]:
        pretrained = layered.weights()
        of_class = class_weights(examples.labels)
        in_fit = Task(readings, examples.labels, examples.weights * of_class)
        in_judgement = Task(readings, examples.labels, trust_in(examples))
        fitted = []
        parts = np.unique(fold)
        steps = sum(self._steps(int((fold != part).sum())) for part in parts)
        done = 0

        def after_step() -> None:
            nonlocal done
            done += 1
            if self.progress is not None:
                self.progress(done, steps)

        for part in parts.tolist():
            rest, held = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
            # A class that the member has no label of says nothing of when to stop.
            told = held[np.isin(examples.labels[held], examples.labels[rest])]
            rng = np.random.default_rng([seed, part])
            layered.set_weights(pretrained)
            head = self._head(layered, view, in_fit.take(rest))
            if begun is not None:
                before = begun.members[part]
                layered.set_weights(begin(self.warm_start, pretrained, before, rng))
                begin_head(head, before, begun.classes, self.classes)
            with (
                lora.adapters(layered) if self.adapt == "lora" else nullcontext(),
                self.tracking.run(f"{self.name}-{len(examples)}-labels-member-{part}") as log,
            ):
                fit = fit_member(
                    layered,
                    head,
                    view,
                    in_fit.take(rest),
                    in_judgement.take(told) if len(told) else None,
                    self.schedule,
                    rng,
                    after_step=after_step,
                    after_epoch=log,
                )
            said, vectors = logits_of(layered, head, view, readings.take(held))
            sharpness = _bring_to_one_scale(head, said, examples.take(held), np.isin(held, told))
            member = Member(
                layered.weights(),
                head.weight.detach().clone(),
                head.bias.detach().clone(),
                np.unique(examples.labels[rest]),
                missing_mass(examples.take(rest)),
            )
            require_finite_weights(member.weights)
            fitted.append(_Fitted(member, fit, held, said / sharpness, said, vectors))
        if self.progress is not None:
            self.progress(steps, steps)
        return fitted

    def _steps(self, labels: int) -> int:
        return self.schedule.epochs_for(labels) * -(-labels // self.schedule.batch)

    def _head(self, layered: LayeredEncoder, view: View, task: Task) -> "torch.nn.Linear":
        import torch

        head = torch.nn.Linear(layered.dimension, len(self.classes), device=layered.device.torch)
        _, vectors = logits_of(layered, head, view, task.readings)
        features = features_of(torch.as_tensor(vectors)).numpy()
        start_from_linear_head(head, features, task.labels, task.weights)
        return head

    def _told(
        self,
        examples: Examples,
        layered: LayeredEncoder,
        fitted: list[_Fitted],
        judged: Predictions,
        calibration: dict[str, float],
    ) -> dict[str, Any]:
        """What the fit found out."""
        own = judged.probabilities[np.arange(len(examples)), examples.labels]
        weights = trust_in(examples)
        training = mean_curve([one.fit.training for one in fitted])
        validation = mean_curve([one.fit.validation for one in fitted])
        tokens = sum(one.fit.at * len(examples) for one in fitted)
        weighed = {
            "accuracy": float(np.average(judged.probabilities.argmax(axis=1) == examples.labels, weights=weights)),
            "log_loss": float(np.average(-np.log(own), weights=weights)),
            "cost": float(3 * tokens * sum(weight.numel() for weight in layered.weights().values())),
        }
        return {
            "members": len(fitted),
            "stopped_after": [one.fit.at for one in fitted],
            "temperature": calibration["temperature"],
            "calibration": calibration,
            "cross_validated": {self.name: weighed},
            "losses": {
                "training": training,
                "validation": validation,
                "diagnosis": diagnosis(training, validation),
            },
            "missing_mass": missing_mass(examples),
            "without_labels": [self.classes[i] for i in np.setdiff1d(np.arange(len(self.classes)), examples.labels)],
            "labels": len(examples),
        }


def fine_tune_rung(
    name: str,
    classes: Sequence[str],
    encoder: Encoder,
    tuned: Mapping[str, Any],
    warm_start: WarmStart = "cold",
    tracking: Tracking | None = None,
) -> FineTune:
    """The rung `lora` or `fine-tune`, with the view and what of the schedule stands in `tuned`."""
    schedule = LORA_SCHEDULE if name == "lora" else Schedule()
    return FineTune(
        classes,
        encoder,
        replace(schedule, **{key: value for key, value in tuned.items() if key != "view"}),
        view=tuned.get("view"),
        adapt="lora" if name == "lora" else "all",
        warm_start=warm_start,
        tracking=tracking or NO_TRACKING,
    )


def _bring_to_one_scale(head: "torch.nn.Linear", logits: Floats, held: Examples, told: NDArray[np.bool_]) -> float:
    """Divide a head's logits by the temperature that suits its own fold; what they were divided by.

    One member may end at its start and another sharp as a needle: one temperature for both suits neither. Where the
    fold has few examples of classes that the member knows (`told` (H,)) nothing is done.
    """
    import torch

    if told.sum() < FEWEST_TO_CALIBRATE:
        return 1.0
    weights = trust_in(held)[told]
    temperature = fit_temperature(logits[told], held.labels[told], weights)
    with torch.no_grad():
        head.weight /= temperature
        head.bias /= temperature
    return temperature


def _calibrate(examples: Examples, fitted: list[_Fitted], classes: int) -> tuple[Predictions, dict[str, float]]:
    """Each example's probabilities by its own member, and the temperature that suits them best, with what it mends.

    The mean of the members is somewhat better than one of them, so that it is rather less sure than it could be.
    """
    n = len(examples)
    told = np.full((n, classes), -np.inf)
    vectors = np.zeros((n, fitted[0].vectors.shape[1]), dtype=np.float32)
    for one in fitted:
        seen = one.member.seen
        told[np.ix_(one.rows, seen)] = log_softmax(one.logits[:, seen])
        vectors[one.rows] = one.vectors
    known = np.isfinite(told[np.arange(n), examples.labels])
    weights = trust_in(examples)
    temperature = fit_temperature(told[known], examples.labels[known], weights[known])
    before, after = np.zeros((n, classes)), np.zeros((n, classes))
    for one in fitted:
        before[one.rows] = one.member.probabilities(one.raw, 1.0)
        after[one.rows] = one.member.probabilities(one.logits, temperature)
    calibration = {
        "temperature": temperature,
        "ece_before": expected_calibration_error(before, examples.labels, weights),
        "ece_after": expected_calibration_error(after, examples.labels, weights),
    }
    return Predictions(examples.ids, after, vectors), calibration
