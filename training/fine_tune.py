"""The full fine-tune: every weight of a Hugging Face sequence classifier, by transformers' `Trainer`.

A first fit on four fifths of the labels tells, on the last fifth, after which epoch to stop and which temperature
fits; the second fit takes all labels and stops there, under the same schedule. Nothing is resumed: a fit that was
killed is run again and, from the same seed, ends in the same weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from training.calibration import fit_temperature, log_loss, missing_mass, sample_weights
from training.device import best_device
from training.encoder import read_tokenizer, require_weights
from training.encoder_folder import EncoderFolder
from training.errors import EncoderError, NotFinite, TooFewLabels
from training.examples import Examples, Predictions
from training.fine_tuned import FineTuned, Network, seen_probabilities
from training.folds import assign_folds, hold_back
from training.linear_start import start_from_linear_head
from training.quiet import quiet_transformers
from training.randomness import seeded
from training.requirements import require_labels

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Schedule:
    """How a fit goes. The defaults are for encoders of MiniLM's size and some hundred labels.

    Args:
        learning_rate: The highest one; it rises over the first tenth of the steps and falls in a line to 0.
        batch: Examples a step.
        examples_seen: About how many examples a whole fit looks at; by the number of labels, it gives the epochs.
        epochs: The fewest and the most epochs.
        patience: The first fit ends when so many epochs brought nothing on the validation part.
        validation: The share of the labels that chooses.
    """

    learning_rate: float = 1e-4
    batch: int = 16
    examples_seen: int = 3000
    epochs: tuple[int, int] = (4, 20)
    patience: int = 8
    validation: float = 0.2

    def epochs_for(self, labels: int) -> int:
        """Many epochs over few labels, few over many."""
        fewest, most = self.epochs
        return int(np.clip(round(self.examples_seen / max(1, labels)), fewest, most))


@dataclass(frozen=True)
class _Choice:
    """What the validation part chose."""

    epochs: int
    temperature: float


class FineTune:
    """The rung that changes the encoder: minutes on a CPU, better than the probe where vectors alone do not tell.

    Args:
        classes: The K classes, in the order of the probabilities; the head has all of them, labelled or not.
        folder: The encoder to start from.
        schedule: How the fit goes.
        progress: Called with (steps done, steps in all) of the fit that is running.
    """

    name = "fine-tune"

    def __init__(
        self,
        classes: Sequence[str],
        folder: EncoderFolder,
        schedule: Schedule | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.folder = folder
        self.schedule = schedule or Schedule()
        self.progress = progress

    def fit(self, examples: Examples, *, seed: int) -> FineTuned:
        """The fine-tuned model for these examples.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
            EncoderError: The encoder has no weights or cannot classify.
            NotFinite: The loss became NaN.
        """
        require_labels(examples, self.classes)
        choice = self._choose(examples, seed)
        network = self._train(examples, seed, stop_after=choice.epochs)
        recipe = {
            "model": self.name,
            "encoder": self.folder.asked,
            "encoder_revision": self.folder.revision,
            **vars(self.schedule),
            "epochs": self.schedule.epochs_for(len(examples)),
            "stopped_after": choice.epochs,
            "pooling": self.folder.pooling,
            "max_length": self.folder.max_length,
            "temperature": choice.temperature,
            "missing_mass": missing_mass(examples),
            "without_labels": [self.classes[i] for i in np.setdiff1d(np.arange(len(self.classes)), examples.labels)],
            "seed": seed,
            "labels": len(examples),
        }
        return FineTuned(self.classes, network, recipe)

    def out_of_fold(self, examples: Examples, folds: int = 5, *, seed: int) -> Predictions:
        """For every example calibrated probabilities of a fine-tune that has not seen it or its group: `folds` fits.

        Raises:
            TooFewLabels: Fewer than 2 classes, or too few labels, are there.
            NotFinite: A loss became NaN.
        """
        require_labels(examples, self.classes)
        groups = len(np.unique(examples.groups))
        fold = assign_folds(examples, min(folds, groups), np.random.default_rng(seed))
        logits = np.zeros((len(examples), len(self.classes)))
        vectors = np.zeros((len(examples), 0), dtype=np.float32)
        parts = []
        for part in np.unique(fold):
            held, rest = examples.take(fold == part), examples.take(fold != part)
            out = self._train(rest, seed).forward(held.inputs())
            vectors = np.zeros((len(examples), out.vectors.shape[1]), np.float32) if not vectors.size else vectors
            logits[fold == part], vectors[fold == part] = out.logits, out.vectors
            parts.append((fold == part, np.unique(rest.labels), missing_mass(rest)))
        told = np.concatenate([np.flatnonzero(held & np.isin(examples.labels, seen)) for held, seen, _ in parts])
        weights = sample_weights(examples.random)
        temperature = fit_temperature(logits[told], examples.labels[told], weights[told])
        probabilities = np.zeros_like(logits)
        for held, seen, mass in parts:
            probabilities[held] = seen_probabilities(logits[held], seen, temperature, mass)
        return Predictions(examples.ids, probabilities, vectors)

    def _choose(self, examples: Examples, seed: int) -> _Choice:
        """The epoch with the least log loss on the validation part, at the temperature that suits it best."""
        most = self.schedule.epochs_for(len(examples))
        try:
            held = hold_back(examples, self.schedule.validation, np.random.default_rng(seed))
        except TooFewLabels:
            return _Choice(most, 1.0)
        validation, training = examples.take(held), examples.take(~held)
        # A class that the training part lacks says nothing of when to stop.
        validation = validation.take(np.isin(validation.labels, training.labels))
        if not len(validation) or len(np.unique(training.labels)) < 2:
            return _Choice(most, 1.0)
        weights = sample_weights(validation.random)
        history: list[tuple[float, float]] = []

        def watch(network: Network) -> bool:
            logits = network.forward(validation.inputs()).logits
            temperature = fit_temperature(logits, validation.labels, weights)
            history.append((log_loss(logits, validation.labels, weights, temperature), temperature))
            best = int(np.argmin([loss for loss, _ in history]))
            return len(history) - 1 - best >= self.schedule.patience

        self._train(training, seed, epochs=most, watch=watch)
        best = int(np.argmin([loss for loss, _ in history]))
        return _Choice(best + 1, history[best][1])

    def _train(
        self,
        examples: Examples,
        seed: int,
        *,
        epochs: int | None = None,
        stop_after: int | None = None,
        watch: Callable[[Network], bool] | None = None,
    ) -> Network:
        """Fit a fresh copy; `watch` sees it after each epoch and says when to stop."""
        from transformers import DataCollatorWithPadding, Trainer, TrainingArguments
        from transformers.trainer_callback import PrinterCallback

        device = best_device()
        epochs = epochs or self.schedule.epochs_for(len(examples))
        with seeded(seed), quiet_transformers(), TemporaryDirectory(prefix="tilth-fit-") as scratch:
            network = read_classifier(self.folder, self.classes)
            start_from_linear_head(network, examples)
            arguments = TrainingArguments(
                output_dir=scratch,
                num_train_epochs=epochs,
                per_device_train_batch_size=self.schedule.batch,
                learning_rate=self.schedule.learning_rate,
                warmup_steps=0.1,
                weight_decay=0.01,
                train_sampling_strategy="group_by_length",
                bf16=device.bf16,
                use_cpu=device.name == "cpu",
                seed=seed % 2**32,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=device.name == "cuda",
            )
            tokens = network.tokens(examples.texts)
            rows = [
                {"input_ids": ids, "labels": int(label)} for ids, label in zip(tokens, examples.labels, strict=True)
            ]
            trainer = Trainer(
                model=network.model,
                args=arguments,
                train_dataset=rows,
                data_collator=DataCollatorWithPadding(network.tokenizer),
                processing_class=network.tokenizer,
                callbacks=[_watcher(network, stop_after, watch, self.progress)],
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        _require_finite_weights(network.model)
        network.model.eval()
        return network


def read_classifier(folder: EncoderFolder, classes: Sequence[str]) -> Network:
    """The encoder with a new head for these classes, weights in float32, and its tokenizer.

    Raises:
        EncoderError: The weights cannot be read, do not fill the encoder, or its kind cannot classify.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    tokenizer = read_tokenizer(folder)
    try:
        model, told = AutoModelForSequenceClassification.from_pretrained(
            folder.path,
            num_labels=len(classes),
            id2label=dict(enumerate(classes)),
            label2id={name: index for index, name in enumerate(classes)},
            problem_type="single_label_classification",
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EncoderError(f'[training] encoder "{folder.name}" cannot be made a classifier: {error}') from error
    require_weights(folder, told["missing_keys"])
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    tokenizer.model_max_length = folder.max_length
    return Network(model.to(best_device().torch), tokenizer, folder.max_length, folder.pooling)


def _watcher(
    network: Network, stop_after: int | None, watch: Callable[[Network], bool] | None, progress: Progress | None
) -> Any:
    """A callback of the Trainer's that ends the fit after an epoch, or when `watch` says so."""
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if progress is not None:
                progress(state.global_step, state.max_steps)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if stop_after is not None and round(state.epoch) >= stop_after:
                control.should_training_stop = True
            if watch is not None and watch(network):
                control.should_training_stop = True
            network.model.train()

    return Watcher()


def _require_finite_weights(model: Any) -> None:
    import torch

    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise NotFinite(f"The fit ran into NaN (in {name}); try a lower learning rate or another encoder.")
