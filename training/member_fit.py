"""One member of a committee: fitted on some of the labels, and stopped by what it says of the others."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.calibration import fit_temperature, log_softmax
from training.errors import NotFinite
from training.layered_encoder import LayeredEncoder, Readings, in_batches, too_long
from training.out_of_memory import free_memory, is_out_of_memory
from training.scoring.run import cores, torch_threads
from training.scoring.views import View
from training.shares import SHARES, add_gradients, sources

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import torch

Floats = NDArray[np.float64]
AfterEpoch = Callable[[int, float, float | None], None]  # (epoch, training loss, validation loss)
AfterStep = Callable[[], None]

# So many batches are drawn, sorted by length and cut anew, so that a batch holds little padding.
BATCHES_SORTED = 8
LARGEST_GRADIENT = 1.0
DROPOUT = 0.1
WEIGHT_DECAY = 0.01
HEAD_FASTER = 5.0
CLEARLY = 2.0
# A fit ends when an epoch's mean training loss is below this: the epochs after it change nothing but cost as much.
NOTHING_LEFT = 0.02


@dataclass(frozen=True)
class Schedule:
    """How a fit goes. The defaults are for encoders of MiniLM's size and some hundred labels.

    Args:
        learning_rate: The highest one; it rises over the first tenth of the steps and falls in a line to 0.
        batch: Examples a step.
        examples_seen: About how many examples a member looks at; by the number of labels, it gives the epochs.
        epochs: The fewest and the most epochs.
        patience: A fit ends after so many epochs in a row that are clearly worse on the validation part than the best.
    """

    learning_rate: float = 1e-4
    batch: int = 16
    examples_seen: int = 2400
    epochs: tuple[int, int] = (4, 12)
    patience: int = 3

    def epochs_for(self, labels: int) -> int:
        """Many epochs over few labels, few over many."""
        fewest, most = self.epochs
        return int(np.clip(round(self.examples_seen / max(1, labels)), fewest, most))


@dataclass(frozen=True)
class Task:
    """Read texts with their labels (N,) and the weights (N,) of these in a loss."""

    readings: Readings
    labels: NDArray[np.int64]
    weights: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> "Task":
        """The rows of these numbers, in this order."""
        return Task(self.readings.take(rows), self.labels[rows], self.weights[rows])


@dataclass(frozen=True)
class MemberFit:
    """How a member's fit went: its losses by epoch, and the epoch `at` which it was left; 0 is its start.

    `validation` begins with the loss of the start, and is empty where there was nothing to validate on.
    """

    at: int
    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)


def fit_member(
    encoder: LayeredEncoder,
    head: "torch.nn.Linear",
    view: View,
    task: Task,
    validation: Task | None,
    schedule: Schedule,
    rng: np.random.Generator,
    *,
    after_step: AfterStep = lambda: None,
    after_epoch: AfterEpoch = lambda _epoch, _training, _validation: None,
) -> MemberFit:
    """Fit the encoder's upper part and `head`; where it ends clearly worse than its best epoch, go back to that one.

    Validation loss is taken at the temperature that suits it best: how sharp a member is, calibration mends later. Some
    dozens of examples tell one epoch from another poorly, and the least of their losses stands too early: on TREC-6,
    83 labels and 42 to validate on, it chose epoch 1 (test accuracy .898) where the last epoch had .920. So an epoch
    counts as worse only where the mean of the differences, example by example, is more than `CLEARLY` of its standard
    errors.
    The start counts as an epoch. Without `validation` nothing is compared.
    The order of the examples draws from `rng`, dropout too; from torch's global state where it cannot be told to.

    Raises:
        NotFinite: A loss or a weight became NaN or infinite.
    """
    import torch

    epochs = schedule.epochs_for(len(task))
    steps = epochs * -(-len(task) // schedule.batch)
    moved = [weight for name, weight in encoder.model.named_parameters() if weight.requires_grad]
    rates = [schedule.learning_rate, schedule.learning_rate * HEAD_FASTER]
    groups = [{"params": moved, "lr": rates[0]}, {"params": list(head.parameters()), "lr": rates[1]}]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    drawing_from = sources(encoder.model, encoder.device.name, rng)
    found = _Best(encoder, head)
    fit = MemberFit(0)
    if validation is not None:
        found.see(losses_of(encoder, head, view, validation))
        fit.validation.append(float(found.last.mean()))
    done, micro = 0, schedule.batch
    for epoch in range(1, epochs + 1):
        encoder.begin_training()
        losses = []
        with torch_threads(min(SHARES, cores())) if drawing_from else nullcontext() as threads:
            for rows in _batches(task.readings, schedule.batch, rng):
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * _share_of_rate(done, steps)
                loss, micro = _step(encoder, head, view, task.take(rows), optimizer, micro, drawing_from, threads)
                losses.append(loss * len(rows))
                done += 1
                after_step()
        fit.training.append(sum(losses) / len(task))
        if validation is not None:
            found.see(losses_of(encoder, head, view, validation))
            fit.validation.append(float(found.last.mean()))
        after_epoch(epoch, fit.training[-1], fit.validation[-1] if fit.validation else None)
        if found.worse >= schedule.patience or fit.training[-1] < NOTHING_LEFT:
            break
    at = found.settle() if validation is not None else epoch
    encoder.model.eval()
    require_finite_weights(dict(encoder.model.named_parameters()) | {"the head": head.weight})
    return MemberFit(at, fit.training, fit.validation)


def logits_of(encoder: LayeredEncoder, head: "torch.nn.Linear", view: View, readings: Readings) -> tuple[Floats, Any]:
    """Logits (N, K) float64 and unit vectors (N, D) float32 of these texts, without dropout."""
    import torch

    encoder.model.eval()
    logits = np.zeros((len(readings), head.out_features))
    vectors = np.zeros((len(readings), head.in_features), dtype=np.float32)

    def run(rows: NDArray[np.int64]) -> None:
        with torch.no_grad(), encoder.device.autocast():
            pooled = encoder.pooled(readings.take(rows), view)
        with torch.no_grad():
            logits[rows] = head(features_of(pooled.float())).double().cpu().numpy()
        vectors[rows] = pooled.float().cpu().numpy()

    in_batches(run, readings.tokens)
    return logits, vectors


def features_of(vectors: "torch.Tensor") -> "torch.Tensor":
    """What a head reads of unit vectors (B, D): numbers of size 1, for which the usual learning rates are made."""
    return vectors * float(vectors.shape[1]) ** 0.5


def _step(
    encoder: LayeredEncoder,
    head: Any,
    view: View,
    batch: Task,
    optimizer: Any,
    micro: int,
    drawing_from: "list[torch.Generator] | None",
    threads: "ThreadPoolExecutor | None",
) -> tuple[float, int]:
    """One step on a batch, its mean loss before it, and how many examples of it went through at a time.

    Where that is too much memory the step is taken again in halves whose gradients add up: the same step.
    """
    import torch

    def loss_of(rows: NDArray[np.int64]) -> "torch.Tensor":
        part = batch.take(rows)
        with encoder.device.autocast():
            pooled = encoder.pooled(part.readings, view)
            logits = head(torch.nn.functional.dropout(features_of(pooled), DROPOUT)).float()
        labels = torch.as_tensor(part.labels, device=logits.device)
        weights = torch.as_tensor(part.weights, dtype=torch.float32, device=logits.device)
        losses: torch.Tensor = torch.nn.functional.cross_entropy(logits, labels, reduction="none") * weights
        return losses.sum() / len(batch)

    moved = [weight for group in optimizer.param_groups for weight in group["params"]]
    while True:
        try:
            total = add_gradients(loss_of, len(batch), moved, micro, drawing_from, threads)
            if not np.isfinite(total):
                raise NotFinite("The loss became NaN or infinite; try a lower learning rate or another encoder.")
            torch.nn.utils.clip_grad_norm_(moved, LARGEST_GRADIENT)
            optimizer.step()
            return total, micro
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if micro == 1:
                lengths = [len(ids) for ids in batch.readings.tokens]
                raise too_long(max(lengths), int(np.argmax(lengths))) from error
        micro = -(-min(micro, len(batch)) // 2)
        optimizer.zero_grad(set_to_none=True)
        free_memory()


def losses_of(encoder: LayeredEncoder, head: Any, view: View, task: Task) -> Floats:
    """(N,) each example's log loss at the temperature that suits all best, times its weight; 1 is the mean weight."""
    logits, _ = logits_of(encoder, head, view, task.readings)
    if not np.isfinite(logits).all():
        raise NotFinite("The fit ran into NaN; try a lower learning rate or another encoder.")
    temperature = fit_temperature(logits, task.labels, task.weights)
    chosen = log_softmax(logits / temperature)[np.arange(len(task)), task.labels]
    return np.asarray(-chosen * task.weights / task.weights.mean(), dtype=np.float64)


def _batches(readings: Readings, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """All rows in a random order, in batches of `size` texts of like length."""
    order = rng.permutation(len(readings))
    lengths = np.array([len(ids) for ids in readings.tokens])
    batches = []
    for start in range(0, len(order), size * BATCHES_SORTED):
        some = order[start : start + size * BATCHES_SORTED]
        some = some[np.argsort(-lengths[some], kind="stable")]
        batches += [some[at : at + size] for at in range(0, len(some), size)]
    for place in rng.permutation(len(batches)):
        yield batches[place]


def _share_of_rate(step: int, steps: int) -> float:
    rising = max(1.0, 0.1 * steps)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising))


class _Best:
    """The weights of the best epoch so far, and how many epochs in a row were clearly worse than it."""

    def __init__(self, encoder: LayeredEncoder, head: Any) -> None:
        self.encoder, self.head = encoder, head
        self.losses: Floats | None = None
        self.last: Floats = np.zeros(0)
        self.at, self.seen, self.worse = 0, -1, 0
        self.kept: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def see(self, losses: Floats) -> None:
        """Take the weighted losses (N,) of the epoch that ended."""
        self.seen += 1
        self.last = losses
        if self.losses is not None and losses.mean() >= self.losses.mean():
            self.worse = self.worse + 1 if clearly_more(losses, self.losses) else 0
            return
        self.losses, self.at, self.worse = losses, self.seen, 0
        moved = {n: w.detach().clone() for n, w in self.encoder.model.named_parameters() if w.requires_grad}
        self.kept = (moved, {name: weight.clone() for name, weight in self.head.state_dict().items()})

    def settle(self) -> int:
        """Go back to the best epoch where the last one is clearly worse; the epoch whose weights there are."""
        if not self.worse:
            return self.seen
        self.encoder.model.load_state_dict(self.kept[0], strict=False)
        self.head.load_state_dict(self.kept[1])
        return self.at


def clearly_more(losses: Floats, others: Floats) -> bool:
    """Whether losses (N,) exceed others (N,) of the same examples by more than their noise."""
    differences = losses - others
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else np.inf
    return bool(differences.mean() > CLEARLY * error)


def require_finite_weights(weights: "dict[str, torch.Tensor]") -> None:
    """Raise `NotFinite`, naming the first that holds NaN or infinity."""
    import torch

    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise NotFinite(f"The fit ran into NaN (in {name}); try a lower learning rate or another encoder.")
