"""Scoring Banking77 on a CPU against sentence-transformers, and what a second round's scoring costs after new labels.

Both embed the 10,003 training questions with all-MiniLM-L6-v2, in turn, each with all cores: `encode` at every batch
size from 32 to 256, of which its best counts, and tilth with an empty cache. The second round is scored by a model that
was fitted on 100 more labels, with the vectors in a project's store, each time from a store opened anew.
"""

import csv
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from claim import Proof, arguments, at_least, at_most, reported, shared
from store.database import Store
from store.embeddings import StoredVectors
from training.encoder import Encoder
from training.examples import Examples, Inputs
from training.probe import Probe
from training.vector_cache import NothingKept, VectorCache

ENCODER = "all-MiniLM-L6-v2"
BATCH_SIZES = (32, 64, 128, 256)
FASTER = 1.5
SECOND_ROUND = 10
EQUAL = 1e-4


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds."""
    options = arguments(__doc__)
    inputs, labels = questions(limit=300 if options.quick else None)
    proof = Proof("scoring", "Encoder.embed against sentence_transformers encode, interleaved", quick=options.quick)
    against_sentence_transformers(proof, inputs, turns=1 if options.quick else 3, quick=options.quick)
    second_round(proof, inputs, labels)
    return proof.publish()


def questions(limit: int | None) -> tuple[Inputs, np.ndarray]:
    """The training questions in an order of their own, and their classes' numbers."""
    with shared("data", "banking77", "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]
    order = np.random.default_rng(77).permutation(len(rows))[:limit]
    classes = sorted({category for _, category in rows})
    ids = np.array([f"train-{row:05d}" for row in order])
    return (
        Inputs(ids, [rows[row][0] for row in order]),
        np.array([classes.index(rows[row][1]) for row in order], dtype=np.int64),
    )


def against_sentence_transformers(proof: Proof, inputs: Inputs, *, turns: int, quick: bool) -> None:
    """Time both in turn; tilth chooses its way on this machine before anything is timed, as it does once a machine."""
    from sentence_transformers import SentenceTransformer

    encoder = Encoder(ENCODER, NothingKept())
    other = SentenceTransformer(str(encoder.folder.path), device="cpu")
    way = encoder.way if quick else encoder.measure_way(inputs.texts)
    print(way.why)
    warm = Inputs(inputs.ids[:64], inputs.texts[:64])
    encoder.embed(warm)
    other.encode(warm.texts)
    ours: list[float] = []
    theirs: dict[int, list[float]] = {size: [] for size in BATCH_SIZES}
    for _ in range(turns):
        began = time.perf_counter()
        found = encoder.embed(inputs).vectors
        ours.append(time.perf_counter() - began)
        for size in BATCH_SIZES:
            began = time.perf_counter()
            expected = other.encode(inputs.texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True)
            theirs[size].append(time.perf_counter() - began)
            print(f"tilth {ours[-1]:.1f} s, encode at {size}: {theirs[size][-1]:.1f} s", flush=True)
    best = min(BATCH_SIZES, key=lambda size: statistics.median(theirs[size]))
    ratios = [other_s / own_s for other_s, own_s in zip(theirs[best], ours, strict=True)]
    n = len(inputs)
    proof.add(
        # A loaded machine moves a short run by a third.
        at_least(
            f"encode's time at its best batch size ({best}) in tilth's",
            statistics.median(ratios),
            1.0 if quick else FASTER,
            unit="ratio",
            runs=ratios,
        ),
        at_most("largest difference in a number of a vector", float(np.abs(found - expected).max()), EQUAL, unit=""),
        reported("tilth", n / statistics.median(ours), unit="texts/s", runs=[n / one for one in ours]),
        *(
            reported(f"encode, batches of {size}", n / statistics.median(took), unit="texts/s")
            for size, took in theirs.items()
        ),
        reported(f"way: {way.why}", float(way.workers), unit="workers"),
    )


def second_round(proof: Proof, inputs: Inputs, labels: np.ndarray) -> None:
    """Score the pool with a first model, then with one fitted on 100 more labels; a fit's time is not counted."""
    classes = tuple(str(number) for number in range(int(labels.max()) + 1))
    chosen = np.random.default_rng(0).permutation(len(inputs))
    start = len(inputs) // 3 if len(inputs) < 1000 else 300
    with tempfile.TemporaryDirectory() as place:
        times: list[float] = []
        probabilities: list[np.ndarray] = []
        for rows in (chosen[:start], chosen[: start + 100]):
            model = fitted(inputs, labels, rows, classes)
            with Store(Path(place) / "tilth.duckdb") as store:
                began = time.perf_counter()
                probabilities.append(predict(model, inputs, StoredVectors(store)))
                times.append(time.perf_counter() - began)
    proof.add(
        at_least("first scoring's time in the second's", times[0] / times[1], SECOND_ROUND, unit="ratio"),
        reported("first scoring", times[0], unit="s"),
        reported("second scoring", times[1], unit="s"),
    )
    assert not np.array_equal(probabilities[0], probabilities[1]), "the second model says what the first said"


def fitted(inputs: Inputs, labels: np.ndarray, rows: np.ndarray, classes: tuple[str, ...]) -> Path:
    """A probe fitted on these rows with a cache of its own, saved and to be loaded with the project's."""
    texts = [inputs.texts[row] for row in rows]
    folder = Path(tempfile.mkdtemp()) / "model"
    Probe(classes, Encoder(ENCODER)).fit(Examples(inputs.ids[rows], texts, labels[rows]), seed=0).save(folder)
    return folder


def predict(folder: Path, inputs: Inputs, cache: VectorCache) -> np.ndarray:
    """What the model in this folder says of the whole pool, (N, K)."""
    from training.model_folder import load

    return load(folder, cache=cache).predict(inputs).probabilities


if __name__ == "__main__":
    raise SystemExit(main())
