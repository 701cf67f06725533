"""Which way through the encoder a machine takes, with how many threads: measured once and kept.

What is fastest hangs on the processor, on the libraries' versions and on the encoder; none is fastest everywhere. The
measurement takes some seconds, so only a large pool asks for it; it stands in the user's cache folder for the next.
"""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.errors import OnnxUnusable
from training.scoring.passes import Pass
from training.scoring.run import cores, vectors_of

# More threads would wait for one another at Python's lock; each then has several threads of torch's.
MOST_WORKERS = 16
# A pool of so many texts is worth a measurement; of so many of them its sample is drawn.
MEASURE_FROM = 20_000
DRAWN_FROM = 4096
# Tokens that each worker computes in one run of the measurement: half a second for a small encoder.
SAMPLE = 2048
# All are timed in turn, so that a slow moment of the machine meets them all; the best run of each counts.
TURNS = 3
# Another way must be faster by this factor than the usual one: runs differ by as much.
FASTER = 1.05
# Vectors of ONNX Runtime may differ by so much from PyTorch's, or it is not used.
EQUAL = 1e-4
BUDGETS = (512, 1024, 2048)


@dataclass(frozen=True)
class Choice:
    """What a measurement led to.

    Attributes:
        engine: "torch" or "onnx".
        workers: Threads that take a batch each.
        tokens: What a batch holds at most.
        seconds: Wall time of the sample by each way that was tried.
        why: In a line for a person.
        encoder: The encoder's key.
    """

    engine: str
    workers: int
    tokens: int
    seconds: dict[str, float]
    why: str
    encoder: str = ""


@dataclass(frozen=True)
class Way:
    """How vectors are computed.

    Attributes:
        through: The pass that is taken.
        workers: Threads that take a batch each.
        why: What led to it, in a line for a person.
    """

    through: Pass
    workers: int
    why: str


def usual_way(through: Pass) -> Way:
    """Without a measurement: torch; on a CPU a batch for each core, since cores that share a batch wait at its ends."""
    workers = min(cores(), MOST_WORKERS) if through.device.name == "cpu" else 1
    return Way(through, workers, f"PyTorch, {through.name} batches, {workers} at a time; nothing was measured")


def measure(through: Pass, onnx: Callable[[], Pass], tokens: list[list[int]], clock: Callable[[], float]) -> Choice:
    """Time PyTorch with several budgets and threads, and ONNX Runtime, on a sample of the texts at hand.

    Args:
        through: PyTorch's pass; its budget is as before when this ends.
        onnx: Makes ONNX Runtime's pass, or raises `OnnxUnusable` with the reason.
        tokens: Token ids of the texts to choose the sample from.
        clock: Seconds, such as `time.perf_counter`.
    """
    usual = usual_way(through)
    before = through.tokens
    ordinary = f"torch, {usual.workers} x {before} tokens"
    sample = _sample(tokens, SAMPLE * usual.workers)
    ways = [("torch", through, usual.workers, budget) for budget in sorted({*BUDGETS, before})]
    if usual.workers > 1:
        ways.append(("torch", through, 1, before))
    expected = vectors_of(through, sample, ["sentence"], workers=usual.workers)["sentence"]
    told = ""
    try:
        other = onnx()
        found = vectors_of(other, sample, ["sentence"], workers=usual.workers)["sentence"]
        if np.abs(found - expected).max() <= EQUAL:
            ways.append(("onnx", other, usual.workers, other.tokens))
        else:
            told = "; ONNX Runtime gives other vectors and is not used"
    except OnnxUnusable as error:
        told = f"; no ONNX Runtime: {error}"
    times: dict[str, list[float]] = {}
    for _ in range(TURNS):
        for engine, one, workers, budget in ways:
            one.tokens = budget
            start = clock()
            vectors_of(one, sample, ["sentence"], workers=workers)
            times.setdefault(f"{engine}, {workers} x {budget} tokens", []).append(clock() - start)
    through.tokens = before
    seconds = {name: min(runs) for name, runs in times.items()}
    best = min(seconds, key=lambda name: seconds[name])
    if seconds[best] * FASTER > seconds[ordinary]:
        best = ordinary
    engine, _, workers, budget = ways[list(seconds).index(best)]
    return Choice(engine, workers, budget, seconds, f"{best} a batch: the fastest measured on this machine{told}")


def read_choice(path: Path | None) -> Choice | None:
    """The choice that is kept there, or None; one that cannot be read is none."""
    try:
        return None if path is None else Choice(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def kept_choices() -> list[Choice]:
    """The choices that hold for this machine and its libraries as they are now, in the order of the encoders' keys."""
    folder = scoring_folder()
    found = [(path, read_choice(path)) for path in ([] if folder is None else sorted(folder.glob("*.json")))]
    held = [choice for path, choice in found if choice is not None and choice_file(choice.encoder) == path]
    return sorted(held, key=lambda choice: choice.encoder)


def keep_choice(choice: Choice, path: Path | None) -> None:
    """Write it there, whole or not at all; where that cannot be done, the next large pool measures again."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(choice), file, indent=2)
        Path(partial).replace(path)
    except OSError:
        return


def scoring_folder() -> Path | None:
    """Where choices and graphs are kept: `scoring` in the user's cache folder for tilth; None where there is none."""
    from store.cache_folder import cache_folder

    try:
        return cache_folder() / "scoring"
    except ImportError:  # a machine that has the training room alone has no platformdirs
        return None


def choice_file(encoder: str) -> Path | None:
    """Where the choice for an encoder's key is kept, by processor, cores and the libraries' versions."""
    folder = scoring_folder()
    if folder is None:
        return None
    facts = [encoder, _processor(), cores(), os.environ.get("OMP_NUM_THREADS", ""), *map(_version, LIBRARIES)]
    return folder / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}.json"


LIBRARIES = ("torch", "transformers", "onnxruntime")


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "flags"))]
    return hashlib.sha256(" ".join(names[:2]).encode()).hexdigest() if names else platform.processor()


def _sample(tokens: list[list[int]], at_least: int) -> list[list[int]]:
    order = np.random.default_rng(0).permutation(len(tokens))
    taken: list[list[int]] = []
    held = 0
    for row in order:
        if held >= at_least:
            break
        taken.append(tokens[int(row)])
        held += len(tokens[int(row)])
    return taken
