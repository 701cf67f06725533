"""How much of a CUDA machine scoring and fitting use: documents/s, tokens/s, share of the matrix rate.

Needs only numpy, torch, transformers, accelerate, scikit-learn and pyarrow, and no hub: encoders of random weights in
the size of MiniLM and of ModernBERT-base are made in a temporary folder, since speed does not depend on weights;
`--encoder FOLDER` takes another one. The matrix rate is that of a product of square matrices in the same run, in
bfloat16 on CUDA. `transformers.pipeline` and `Trainer` run at their defaults on the same documents. On a machine
without CUDA all of it runs on the CPU, with an encoder of two layers under `--quick`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from claim import REPOSITORY, Proof, at_least, reported
from made_encoders import LONGEST, WORDS, documents, made_encoders, padding_of, tokens_of

sys.path.insert(0, str(REPOSITORY))  # tilth need not be installed here
from training.device import best_device
from training.encoder import Encoder
from training.examples import Examples, Inputs
from training.ladder import classifier
from training.layered_encoder import LayeredEncoder
from training.quiet import quiet_transformers

CLASSES = 20
# A quarter of the rate of the pipeline would be a defect on any machine.
QUICK_MUST = 0.25


@dataclass(frozen=True)
class Sizes:
    """How many documents each part takes, and the side of the square matrices."""

    score: int
    pipeline: int
    fit: int
    matrix: int


ON_CUDA = Sizes(score=50_000, pipeline=1000, fit=2000, matrix=8192)
ON_CPU = Sizes(score=1000, pipeline=200, fit=64, matrix=2048)
QUICK = Sizes(score=300, pipeline=60, fit=32, matrix=512)


@dataclass(frozen=True)
class Rate:
    """What a run went through in how many seconds: tokens without padding, and multiplications and additions."""

    seconds: float
    documents: float
    tokens: float
    flops: float


@dataclass
class Tokens:
    """Counts the tokens that are trained on while it is watched, without padding; nothing waits for the GPU.

    Attributes:
        counted: Of each step.
        forwards: What each step of `training` takes, in forward passes of the whole encoder: a step backwards takes
            twice what one forwards takes, and layers that are left as they are have no step backwards.
    """

    counted: list[Any] = field(default_factory=list)
    forwards: list[float] = field(default_factory=list)

    @contextmanager
    def watching(self, padding: int) -> Iterator[None]:
        """Within it steps of `training`, and of other models what their word embeddings take, are counted."""
        import torch

        def count(module: Any, given: tuple[Any, ...], _: Any) -> None:
            if isinstance(module, torch.nn.Embedding) and module.num_embeddings > WORDS and module.training:
                self.counted.append((given[0] != padding).sum())

        def ours(encoder: Any, readings: Any, view: Any) -> Any:
            with_gradients = torch.is_grad_enabled()
            before = len(self.counted)
            found = pooled(encoder, readings, view)
            if with_gradients:
                del self.counted[before:]
                self.counted.append(sum(map(len, readings.tokens)))
                left = encoder.frozen / encoder.model.config.num_hidden_layers
                self.forwards.append(3 * (1 - left) + (left if readings.states is None else 0))
            return found

        pooled = LayeredEncoder.pooled
        hook = torch.nn.modules.module.register_module_forward_hook(count)
        LayeredEncoder.pooled = ours  # type: ignore[method-assign]
        try:
            yield
        finally:
            hook.remove()
            LayeredEncoder.pooled = pooled  # type: ignore[method-assign]

    @property
    def total(self) -> int:
        """How many tokens there were."""
        return int(sum(int(each) for each in self.counted))


def main() -> int:
    """Measure every encoder and publish."""
    options = command_line()
    device = best_device()
    cuda = device.name == "cuda"
    sizes = QUICK if options.quick else (ON_CUDA if cuda else ON_CPU)
    proof = Proof("gpu_throughput", "training's scoring and fitting, transformers at its defaults", quick=options.quick)
    peak = matrix_rate(device, sizes.matrix)
    proof.add(
        reported(f"product of {sizes.matrix} x {sizes.matrix} matrices on {device.name}", peak / 1e12, unit="TFLOP/s")
    )
    with tempfile.TemporaryDirectory() as place, quiet_transformers():
        for folder in options.encoder or made_encoders(Path(place), quick=options.quick, cuda=cuda):
            measure(proof, folder, sizes, peak, quick=options.quick)
    return proof.publish()


def command_line() -> argparse.Namespace:
    """`--quick` and the encoders."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="under a minute, on two layers")
    parser.add_argument("--encoder", type=Path, action="append", help="the folder of an encoder; may be given again")
    return parser.parse_args()


def measure(proof: Proof, folder: Path, sizes: Sizes, peak: float, *, quick: bool) -> None:
    """Score and fit with `training` and with transformers; the shares are of the rate `peak`."""
    texts = documents(sizes.score, seed=0)
    tokens = tokens_of(folder, texts)
    flops = Flops.of(folder)
    scored = tell(proof, f"{folder.name}: scoring", score_ours(folder, texts, tokens, flops), peak)
    few, their_tokens = texts[: sizes.pipeline], tokens[: sizes.pipeline]
    piped = tell(proof, f"{folder.name}: transformers.pipeline", score_pipeline(folder, few, their_tokens, flops), peak)
    what, share = f"{folder.name}: scoring over the pipeline", scored / piped
    proof.add(at_least(what, share, QUICK_MUST, unit="ratio") if quick else reported(what, share, unit="ratio"))
    some, some_tokens = texts[: sizes.fit], tokens[: sizes.fit]
    fitted = tell(proof, f"{folder.name}: fitting", fit(fit_ours, folder, some, some_tokens, flops), peak)
    trained = tell(proof, f"{folder.name}: Trainer", fit(fit_trainer, folder, some, some_tokens, flops), peak)
    proof.add(reported(f"{folder.name}: fitting over Trainer", fitted / trained, unit="ratio"))


def score_ours(folder: Path, texts: list[str], tokens: np.ndarray, flops: "Flops") -> Rate:
    """Vectors of all documents, from text to memory."""
    encoder = Encoder(str(folder))
    encoder.embed(inputs(documents(64, seed=1)))
    seconds = timed(lambda: encoder.embed(inputs(texts)))
    return Rate(seconds, len(texts), float(tokens.sum()), flops.forward(tokens))


def score_pipeline(folder: Path, texts: list[str], tokens: np.ndarray, flops: "Flops") -> Rate:
    """What transformers gives a person who asks for vectors and sets nothing."""
    from transformers import pipeline

    run = pipeline("feature-extraction", model=str(folder), tokenize_kwargs={"truncation": True, "max_length": LONGEST})
    run(texts[:2])
    return Rate(timed(lambda: run(texts)), len(texts), float(tokens.sum()), flops.forward(tokens))


def fit(
    how: Callable[[Path, list[str]], None], folder: Path, texts: list[str], tokens: np.ndarray, flops: "Flops"
) -> Rate:
    """A whole fit, by what went through it in training."""
    counter = Tokens()
    with counter.watching(padding_of(folder)):
        seconds = timed(lambda: how(folder, texts))
    times = counter.total / tokens.sum()
    forwards = float(np.mean(counter.forwards)) if counter.forwards else 3.0
    return Rate(seconds, times * len(texts), counter.total, forwards * times * flops.forward(tokens))


def tell(proof: Proof, what: str, rate: Rate, peak: float) -> float:
    """Add the three figures of a run; gives its tokens a second."""
    proof.add(reported(f"{what}: documents", rate.documents / rate.seconds, unit="documents/s"))
    proof.add(reported(f"{what}: tokens", rate.tokens / rate.seconds, unit="tokens/s"))
    proof.add(reported(f"{what}: share of the matrix rate", rate.flops / rate.seconds / peak, unit="ratio"))
    return rate.tokens / rate.seconds


def timed(run: Callable[[], object]) -> float:
    """The seconds of one run, with nothing left in flight on either side."""
    wait_for_device()
    began = time.perf_counter()
    run()
    wait_for_device()
    return time.perf_counter() - began


def wait_for_device() -> None:
    """Return when the GPU has done all that it was asked."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matrix_rate(device: Any, side: int) -> float:
    """Multiplications and additions a second of the best of several products, in bfloat16 on CUDA."""
    import torch

    kind = torch.bfloat16 if device.name == "cuda" else torch.float32
    left, right = (torch.randn(side, side, device=device.torch, dtype=kind) for _ in range(2))
    seconds = []
    for _ in range(10):
        wait_for_device()
        began = time.perf_counter()
        left @ right
        wait_for_device()
        seconds.append(time.perf_counter() - began)
    return 2 * side**3 / min(seconds)


@dataclass(frozen=True)
class Flops:
    """Of a forward pass: two for each weight of a layer, and what the attention takes by the length of a document."""

    weights: int
    layers: int
    width: int

    @classmethod
    def of(cls, folder: Path) -> "Flops":
        """Of the encoder in this folder; embeddings are looked up, not multiplied."""
        from transformers import AutoModel

        model = AutoModel.from_pretrained(folder)
        weights = sum(w.numel() for name, w in model.named_parameters() if "embed" not in name and "pooler" not in name)
        return cls(weights, model.config.num_hidden_layers, model.config.hidden_size)

    def forward(self, tokens: np.ndarray) -> float:
        """For documents of these numbers of tokens (N,)."""
        lengths = tokens.astype(np.float64)
        return float((2 * self.weights * lengths + 4 * self.layers * self.width * lengths**2).sum())


def inputs(texts: list[str]) -> Inputs:
    """With ids."""
    return Inputs(np.array([f"{row:07d}" for row in range(len(texts))]), texts)


def fit_ours(folder: Path, texts: list[str]) -> None:
    """A whole fit, with the choice of when to stop."""
    made = inputs(texts)
    examples = Examples(made.ids, texts, np.arange(len(texts)) % CLASSES)
    names = [f"class {number}" for number in range(CLASSES)]
    classifier("fine-tune", names, str(folder)).fit(examples, seed=0)


def fit_trainer(folder: Path, texts: list[str]) -> None:
    """A whole fit by `Trainer` with its default arguments."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=CLASSES)
    ids = tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]
    rows = [{"input_ids": each, "labels": row % CLASSES} for row, each in enumerate(ids)]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(scratch, disable_tqdm=True, save_strategy="no")
        Trainer(model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer)).train()


if __name__ == "__main__":
    raise SystemExit(main())
