"""Every strategy on a pool of a million records: how long it takes to choose 100, and what memory it adds.

Each runs in a process of its own, on 77 probabilities and 384 dimensions a record, float32, with 1,000 labelled records
and three members. What the inputs take is not counted; nor is the import of libraries, since each has chosen once from
a small pool before. TypiClust looks at a uniform sample of 20,000 and ProbCover of 50,000, weighted k-means at the
50,000 least certain, as they do by default. Density is the mean likeness to a uniform sample of 100,000.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from claim import Proof, arguments, at_most, reported

RECORDS, QUICK_RECORDS = 1_000_000, 40_000
CLASSES, DIMENSIONS, LABELLED, MEMBERS, N = 77, 384, 1_000, 3, 100
SECONDS = {"margin": 1.0, "entropy": 1.0, "least-confidence": 1.0}
OTHERS_SECONDS = 60.0
BYTES = 2e9


def main() -> int:
    """Measure each strategy in a process of its own."""
    from active_learning.strategies import STRATEGIES

    quick = arguments(__doc__).quick
    records = QUICK_RECORDS if quick else RECORDS
    proof = Proof("strategies_million", compares=f"{N} of {records:,} records, {CLASSES} classes", quick=quick)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), records)
        for name in STRATEGIES:
            told = subprocess.run(
                [sys.executable, __file__, "--measure", folder, name], check=True, stdout=subprocess.PIPE
            )
            found = json.loads(told.stdout)
            print(name, found, file=sys.stderr, flush=True)
            proof.add(
                at_most(name, found["seconds"], SECONDS.get(name, OTHERS_SECONDS), unit="s"),
                at_most(f"{name}: added memory", found["bytes"] / 1e6, BYTES / 1e6, unit="MB"),
            )
    proof.add(reported("checking the pool itself", found["pool_seconds"], unit="s"))
    return proof.publish()


def make(folder: Path, records: int) -> None:
    """Write a pool of records around as many middles as there are classes, some of them between two."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(CLASSES, DIMENSIONS)).astype(np.float32) / np.sqrt(DIMENSIONS)
    vectors = np.lib.format.open_memmap(folder / "embeddings.npy", "w+", np.float32, (records, DIMENSIONS))
    said = np.lib.format.open_memmap(folder / "probabilities.npy", "w+", np.float32, (records, CLASSES))
    for start in range(0, records, 20_000):
        size = min(20_000, records - start)
        first, second = rng.integers(CLASSES, size=(2, size))
        share = rng.beta(0.3, 3, size=(size, 1)).astype(np.float32)
        part = (1 - share) * middles[first] + share * middles[second]
        part += rng.normal(scale=0.6 / np.sqrt(DIMENSIONS), size=part.shape).astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        odds = np.exp(12 * part @ middles.T)
        vectors[start : start + size] = part
        said[start : start + size] = odds / odds.sum(axis=1, keepdims=True)
    ids = [f"{number:032x}" for number in rng.permutation(records)]
    np.save(folder / "ids.npy", np.array(ids))
    near_equal = rng.integers(records, size=records // 20)  # one in twenty is near-equal to another
    clusters = np.array(ids)
    clusters[near_equal] = clusters[rng.integers(records, size=len(near_equal))]
    np.save(folder / "clusters.npy", clusters)


def measure(folder: Path, name: str) -> None:
    """Print what one strategy takes as JSON."""
    from active_learning.pool import Pool
    from active_learning.strategies import STRATEGIES

    columns = {name: np.load(folder / f"{name}.npy") for name in ("ids", "embeddings", "probabilities", "clusters")}
    labelled = slice(0, LABELLED)
    said = columns["probabilities"]
    pool_seconds = -time.perf_counter()
    pool = Pool(
        **columns,
        members=np.stack([said] * MEMBERS) if name == "bald" else None,
        labelled_embeddings=columns["embeddings"][labelled].copy(),
        labelled_labels=said[labelled].argmax(axis=1),
        labelled_probabilities=said[labelled].copy(),
    )
    pool_seconds += time.perf_counter()
    choose = STRATEGIES[name]
    choose(pool.take(np.arange(2_000)), 10, np.random.default_rng(0))
    before = resident_bytes()
    began = time.perf_counter()
    chosen = choose(pool, N, np.random.default_rng(0))
    seconds = time.perf_counter() - began
    assert len(chosen) == N
    print(json.dumps({"seconds": seconds, "bytes": peak_bytes() - before, "pool_seconds": pool_seconds}))


def resident_bytes() -> int:
    """What this process holds now; on Linux its peak is counted from here on."""
    import psutil

    counter = Path("/proc/self/clear_refs")
    if counter.exists():
        counter.write_text("5")
    return int(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """The most that this process held, since `resident_bytes` on Linux and since its start elsewhere."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure(Path(sys.argv[2]), sys.argv[3])
    else:
        raise SystemExit(main())
