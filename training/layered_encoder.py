"""An encoder cut in two: lower layers that a fit leaves as they are, and upper ones that it changes.

What frozen layers give for a text never changes. It is computed once a text and kept; every epoch of every member of a
committee then runs the upper layers alone. Lee et al., "What Would Elsa Do? Freezing Layers During Transformer
Fine-Tuning", 2019: a quarter of the layers fitted keeps nine tenths of what all of them give.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.device import best_device
from training.encoder import read_encoder
from training.encoder_folder import EncoderFolder
from training.errors import OutOfMemory
from training.out_of_memory import free_memory, is_out_of_memory
from training.scoring.batches import TOKENS_PER_BATCH, batches_by_length
from training.scoring.passes import CPU_TOKENS
from training.scoring.run import cores, torch_threads
from training.scoring.tokens import first_word, pad, read_tokenizer, start_tokens, tokenize
from training.scoring.views import View, view_vectors
from training.scoring.way import MOST_WORKERS

if TYPE_CHECKING:
    import torch

# Hidden states are kept up to this size; of more texts they are computed again whenever they are needed.
MOST_BYTES_KEPT = 1_500_000_000
# The two ways to run the layers must agree this well, or the whole encoder is run each time.
LARGEST_DIFFERENCE = 1e-4

Result = TypeVar("Result")


@dataclass(frozen=True)
class Readings:
    """Of N texts the token ids and, where they are kept, the hidden states (T, D) float32 below the upper layers."""

    tokens: list[list[int]]
    states: "list[torch.Tensor] | None"

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, rows: NDArray[np.int64]) -> "Readings":
        """The readings of these rows, in this order."""
        states = None if self.states is None else [self.states[row] for row in rows]
        return Readings([self.tokens[row] for row in rows], states)


class LayeredEncoder:
    """An encoder of which the lower part is frozen.

    Args:
        folder: The encoder.
        frozen: The share of its layers, from the input up, that no fit changes; with any, the embeddings stay too.

    Raises:
        EncoderError: The weights cannot be read, or do not fill the encoder.
    """

    def __init__(self, folder: EncoderFolder, frozen: float) -> None:
        self.folder = folder
        self.tokenizer = read_tokenizer(folder)
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.device = best_device()
        self.model = read_encoder(folder).to(self.device.torch).eval()
        self._special = start_tokens(self.tokenizer)
        self._stack = _find_layers(self.model)
        layers = 0 if self._stack is None else len(self._stack.layers)
        self.frozen = min(round(frozen * layers), layers - 1) if layers and frozen > 0 else 0
        self.names = self._changeable(frozen > 0)
        self.let_upper_part_move()
        self._passing = _Passing()
        if self.frozen and self._stack is not None:
            self._stack.layers[self.frozen].register_forward_pre_hook(self._at_the_cut, with_kwargs=True)
        self._splits = frozen > 0 and self._agrees()

    @property
    def dimension(self) -> int:
        """How many numbers a token's state has."""
        return int(self.model.config.hidden_size)

    def let_upper_part_move(self) -> None:
        """Let gradients reach the weights that a fit changes, and no others."""
        for name, weight in self.model.named_parameters():
            weight.requires_grad_(name in self.names)

    def begin_training(self) -> None:
        """Turn dropout on in the part that a fit changes, and leave it off below, so that what is kept stays true."""
        if not self.frozen or self._stack is None:
            self.model.train()
            return
        self.model.eval()
        for layer in list(self._stack.layers)[self.frozen :]:
            layer.train()

    def weights(self) -> "dict[str, torch.Tensor]":
        """A copy of the weights that a fit changes."""
        return {name: weight.detach().clone() for name, weight in self.model.named_parameters() if name in self.names}

    def set_weights(self, weights: "dict[str, torch.Tensor]") -> None:
        """Put these weights in, as `weights` gave them."""
        import torch

        own = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, weight in weights.items():
                own[name].copy_(weight)

    def upper_linear_layers(self) -> list[str]:
        """The names of the linear layers in the part that a fit changes; those of GPT-2 are a class of their own."""
        import torch
        from transformers.pytorch_utils import Conv1D

        linear = (name for name, module in self.model.named_modules() if isinstance(module, torch.nn.Linear | Conv1D))
        return [name for name in linear if f"{name}.weight" in self.names]

    def read(self, texts: Sequence[str]) -> Readings:
        """Tokens of the texts, and what the frozen part gives for them."""
        import torch

        tokens = tokenize(self.tokenizer, texts, self.folder.max_length)
        kept = sum(len(ids) for ids in tokens) * self.dimension * 4
        if not self._splits or kept > MOST_BYTES_KEPT:
            return Readings(tokens, None)
        states: list[torch.Tensor] = [torch.empty(0)] * len(tokens)

        def lower(rows: NDArray[np.int64]) -> None:
            batch = pad(self.tokenizer, [tokens[row] for row in rows], self.device)
            with torch.no_grad(), self.device.autocast():
                below = self._below(batch).float().cpu()
            for place, row in enumerate(rows):
                states[row] = below[place, : len(tokens[row])].clone()

        in_batches(lower, tokens)
        return Readings(tokens, states)

    def pooled(self, readings: Readings, view: View) -> "torch.Tensor":
        """The vectors (B, D) of length 1 of these texts in a view, with gradients where torch keeps them.

        The view "middle" is read from the last layer here: that is what a fit moves.
        """
        batch = pad(self.tokenizer, readings.tokens, self.device)
        if readings.states is None:
            states = self.model(**batch).last_hidden_state
        else:
            states = self._above(batch, readings.states)
        words = [first_word(ids, self._special) for ids in readings.tokens]
        seen: View = "sentence" if view == "middle" else view
        return view_vectors(seen, states.float(), None, batch["attention_mask"], words, self.folder.pooling)

    def _changeable(self, keep_embeddings: bool) -> frozenset[str]:
        """The names of the weights that a fit may change: without a pooler, whose output nothing here reads."""
        below: tuple[str, ...] = ()
        if self._stack is not None:
            below = tuple(f"{self._stack.name}.{place}." for place in range(self.frozen))
        inside = "" if self._stack is None else f"{self._stack.name}."
        names = [name for name, _ in self.model.named_parameters() if "pooler" not in name]
        if keep_embeddings and inside:
            names = [name for name in names if name.startswith(inside)]
        return frozenset(name for name in names if not name.startswith(below or ("\0",)))

    def _below(self, batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
        """What reaches the first layer of the upper part (B, T, D)."""
        self._passing.stops = True
        try:
            self.model(**batch)
        except _Reached as reached:
            return reached.states
        finally:
            self._passing.stops = False
        raise AssertionError("no text came to the upper part")

    def _above(self, batch: "dict[str, torch.Tensor]", states: "list[torch.Tensor]") -> "torch.Tensor":
        """The last hidden states (B, T, D) of texts whose states below the upper part are known."""
        import torch

        assert self._stack is not None
        self._passing.states = torch.nn.utils.rnn.pad_sequence(states, batch_first=True).to(self.device.torch)
        try:
            with self._stack.without_lower(self.frozen):
                last: torch.Tensor = self.model(**batch).last_hidden_state
        finally:
            self._passing.states = None
        return last

    def _at_the_cut(
        self, _: Any, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> "tuple[tuple[Any, ...], dict[str, Any]] | None":
        """Before the first layer of the upper part: end the pass there, or put in what is known, or do nothing."""
        if self._passing.stops:
            raise _Reached(arguments[0] if arguments else named["hidden_states"])
        known = self._passing.states
        if known is None:
            return None
        return ((known, *arguments[1:]), named) if arguments else ((), {**named, "hidden_states": known})

    def _agrees(self) -> bool:
        """Whether the upper part on kept states gives what the whole encoder gives; some kinds count their layers."""
        if self._stack is None:
            return False
        # As long as any, and all words different: layers that look at near words alone differ from others there only.
        known = min(len(self.tokenizer), self.model.config.vocab_size)
        words = np.setdiff1d(np.arange(known), list(self.tokenizer.all_special_ids))
        drawn = np.random.default_rng(0).choice(words, self.folder.max_length)
        short, long = drawn[:3].tolist(), drawn.tolist()
        return self._agrees_on([short]) and self._agrees_on([long, short])

    def _agrees_on(self, tokens: list[list[int]]) -> bool:
        import torch

        batch = pad(self.tokenizer, tokens, self.device)
        with torch.no_grad():
            whole = self.model(**batch).last_hidden_state
            try:
                below = self._below(batch)
                parts = self._above(batch, [below[row, : len(ids)] for row, ids in enumerate(tokens)])
            except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError):
                return False
        real = batch["attention_mask"].bool()
        return bool((whole - parts)[real].abs().max() < LARGEST_DIFFERENCE)


def in_batches(run: Callable[[NDArray[np.int64]], None], tokens: list[list[int]]) -> None:
    """Call `run` with the rows of batches of like length, several at a time on a CPU.

    Each call gives its own rows what they are to have. A batch that does not fit in memory is halved and tried again.

    Raises:
        OutOfMemory: Not even one text fits.
    """
    lengths = [len(ids) for ids in tokens]
    on_cpu = best_device().name != "cuda"

    def halving(rows: NDArray[np.int64]) -> None:
        try:
            run(rows)
            return
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise too_long(lengths[int(rows[0])], int(rows[0])) from error
        free_memory()
        for half in np.array_split(rows, 2):
            halving(half)

    batches = list(batches_by_length(lengths, CPU_TOKENS if on_cpu else TOKENS_PER_BATCH))
    workers = min(cores(), MOST_WORKERS, len(batches)) if on_cpu else 1
    if workers <= 1:
        for rows in batches:
            halving(rows)
        return
    with torch_threads(workers) as threads:
        for _ in threads.map(halving, batches):
            pass


def too_long(tokens: int, row: int) -> OutOfMemory:
    """The error of a text that does not fit in memory, at place `row`."""
    return OutOfMemory(
        f"A text of {tokens} tokens does not fit in memory even alone. Use a smaller encoder or a machine with more.",
        row=row,
    )


@dataclass(eq=False)
class _Layers:
    """The list of an encoder's layers: its name, the module that holds it, under which attribute, threads `inside`."""

    name: str
    holder: Any
    attribute: str
    layers: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0

    @contextmanager
    def without_lower(self, frozen: int) -> Iterator[None]:
        """Within it the encoder has the layers from `frozen` on alone, until the last of several threads leaves.

        None of them may want the whole encoder meanwhile.
        """
        with self.lock:
            if not self.inside:
                upper = copy.copy(self.layers)
                upper._modules = {str(at): layer for at, layer in enumerate(list(self.layers)[frozen:])}
                setattr(self.holder, self.attribute, upper)
            self.inside += 1
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                if not self.inside:
                    setattr(self.holder, self.attribute, self.layers)


class _Passing(threading.local):
    """What the pass that this thread is in does at the cut: it `stops`, or goes on with `states` (B, T, D)."""

    stops: bool = False
    states: "torch.Tensor | None" = None


class _Reached(Exception):
    """No error: the first layer of the upper part is reached with these states (B, T, D), and a pass ends early."""

    def __init__(self, states: "torch.Tensor") -> None:
        super().__init__()
        self.states = states


def _find_layers(model: Any) -> _Layers | None:
    """The encoder's layers, one after the other; None where there is no list of so many as the configuration says."""
    import torch

    wanted = getattr(model.config, "num_hidden_layers", None)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted:
            holder_name, _, attribute = name.rpartition(".")
            return _Layers(name, model.get_submodule(holder_name), attribute, module)
    return None
