"""Near-equal texts: documents a second against datasketch, recall against brute force, memory with a million texts.

Texts are Banking77's questions and edits of them: words changed, left out and put in, letters changed. datasketch gets
the same character 4-grams, permutations, bands and threshold and its fastest way in (`MinHash.bulk`); batches go in
turn, so that a slow moment of the machine meets both. Ours ends with exactly compared clusters, datasketch with
candidates.
"""

import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
from scipy.sparse import csr_array

from claim import Proof, arguments, at_least, at_most, reported, shared
from store.curation.duplicates import THRESHOLD, cluster_duplicates, find_duplicates, similar_pairs
from store.curation.minhash import BAND_ROWS, BANDS, PERMUTATIONS
from store.curation.shingling import SHINGLE, normal_forms, shingle_hashes
from store.database import Store
from store.records import add_records

MEMORY_BOUND = 1500  # MB


class Texts:
    """Questions of real customers, and edits of them."""

    def __init__(self, seed: int) -> None:
        with shared("data", "banking77", "train.csv").open(newline="", encoding="utf-8") as file:
            self.real = [row["text"] for row in csv.DictReader(file)]
        self.words = sorted({word for text in self.real for word in text.split()})
        self.rng = random.Random(seed)

    def edited(self, text: str) -> str:
        """One to three words changed, left out or put in, or with another letter."""
        words, rng = text.split(), self.rng
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(words))
            match rng.randrange(4):
                case 0:
                    words[place] = rng.choice(self.words)
                case 1 if len(words) > 2:
                    del words[place]
                case 2:
                    words.insert(place, rng.choice(self.words))
                case _:
                    letters = list(words[place])
                    letters[rng.randrange(len(letters))] = rng.choice("aeiou")
                    words[place] = "".join(letters)
        return " ".join(words)

    def half_edited(self, size: int) -> list[str]:
        """`size` texts; half are real, the others edits of those."""
        real = self.rng.sample(self.real, size // 2)
        return real + [self.edited(self.rng.choice(real)) for _ in range(size - len(real))]

    def invented(self, size: int) -> list[str]:
        """`size` texts of six to twenty of the words; every tenth is an edit of one of the hundred before it."""
        texts: list[str] = []
        for number in range(size):
            if number % 10 == 9:
                texts.append(self.edited(self.rng.choice(texts[-100:])))
            else:
                texts.append(" ".join(self.rng.choices(self.words, k=self.rng.randint(6, 20))))
        return texts


def shingle_sets(texts: list[str]) -> list[list[bytes]]:
    """The same shingles as ours, as datasketch takes them."""
    normal = normal_forms(texts)
    return [
        [one.encode() for one in {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}]
        for text in normal
    ]


def ours(texts: list[str]) -> float:
    """Seconds from texts to clusters."""
    ids = [str(number) for number in range(len(texts))]
    began = time.perf_counter()
    cluster_duplicates(ids, texts)
    return time.perf_counter() - began


def datasketch(texts: list[str]) -> tuple[float, float]:
    """Seconds from texts to candidates, and of them the seconds after shingling."""
    from datasketch import MinHash, MinHashLSH

    began = time.perf_counter()
    sets = shingle_sets(texts)
    shingled = time.perf_counter()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=(BANDS, BAND_ROWS))
    for number, one in enumerate(MinHash.bulk(sets, num_perm=PERMUTATIONS)):
        index.query(one)
        index.insert(number, one)
    ended = time.perf_counter()
    return ended - began, ended - shingled


def brute_force(texts: list[str]) -> set[tuple[int, int]]:
    """Every pair with a similarity of the threshold or more, from the products of all with all."""
    hashes, offsets = shingle_hashes(normal_forms(texts))
    _, columns = np.unique(hashes, return_inverse=True)
    sets = csr_array((np.ones(len(hashes), np.int32), columns, offsets.astype(np.int64)))
    sets.sum_duplicates()
    sets.data[:] = 1
    sizes = np.diff(sets.indptr)
    common = (sets @ sets.T).tocoo()
    either = sizes[common.row] + sizes[common.col] - common.data
    near = (common.row < common.col) & (common.data / either >= THRESHOLD)
    return set(zip(common.row[near].tolist(), common.col[near].tolist(), strict=True))


def peak_of(seconds_between: float, done: threading.Event) -> list[float]:
    """Resident megabytes of this process, measured over and over until `done`."""
    seen, process = [], psutil.Process()
    while not done.wait(seconds_between):
        seen.append(process.memory_info().rss / 1e6)
    return seen


def million(path: str) -> None:
    """In a process of its own: find near-equal records of a store, and print how long it took and the memory."""
    done, peaks = threading.Event(), []
    watcher = threading.Thread(target=lambda: peaks.extend(peak_of(0.02, done)))
    watcher.start()
    began = time.perf_counter()
    with Store(path) as store:
        found = find_duplicates(store)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    print(json.dumps({"seconds": seconds, "peak": max(peaks), "clusters": found.clusters, "records": found.records}))


def measure_million(size: int, boilerplate: int) -> dict[str, float]:
    """`size` records in a store, `boilerplate` of which are one text with another number in it."""
    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place) / "tilth.duckdb")
        made = Texts(2)
        with Store(path) as store:
            for start in range(0, size - boilerplate, 50_000):
                texts = made.invented(min(50_000, size - boilerplate - start))
                keys = [f"{start + number}" for number in range(len(texts))]
                add_records(store, pa.table({"text": texts, "natural_key": keys}), source_name="invented")
            same = [
                f"We use cookies to make this page better for you. Your visit has the number {number}."
                for number in range(boilerplate)
            ]
            add_records(store, pa.table({"text": same}), source_name="boilerplate")
        answer = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--million", path],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(answer.stdout)


def main() -> None:
    """Measure, print and write."""
    options = arguments(__doc__)
    proof = Proof(
        "near_duplicates", compares="ours against datasketch, in turn, and against brute force", quick=options.quick
    )
    made = Texts(1)
    rates: list[float] = []
    theirs: list[float] = []
    after: list[float] = []
    size = 2000 if options.quick else 5000
    ours(made.half_edited(100))
    for _ in range(3 if options.quick else 7):
        texts = made.half_edited(size)
        rates.append(size / ours(texts))
        whole, rest = datasketch(texts)
        theirs.append(size / whole)
        after.append(size / rest)
    runs = [one / other for one, other in zip(rates, theirs, strict=True)]
    proof.add(
        at_least("documents/s to datasketch's, median of batches", statistics.median(runs), 5, unit="ratio", runs=runs)
    )
    runs = [one / other for one, other in zip(rates, after, strict=True)]
    proof.add(
        at_least("the same, datasketch's shingling not counted", statistics.median(runs), 5, unit="ratio", runs=runs)
    )
    proof.add(reported("ours, from texts to clusters", statistics.median(rates), unit="documents/s", runs=rates))
    proof.add(
        reported("datasketch, from texts to candidates", statistics.median(theirs), unit="documents/s", runs=theirs)
    )

    texts = made.half_edited(1000 if options.quick else 5000)
    found = {(one, other) for one, other, _ in similar_pairs(texts)}
    true = brute_force(texts)
    proof.add(at_least("recall of pairs", len(found & true) / len(true), 0.95, unit="share"))
    proof.add(at_most("found pairs that are none", len(found - true), 0, unit="pairs"))
    proof.add(reported("pairs with a similarity of .8 or more", len(true), unit="pairs"))

    many = 20_000 if options.quick else 1_000_000
    seen = measure_million(many, many // 10)
    proof.add(at_most(f"memory with {many:,} records, at its highest", seen["peak"], MEMORY_BOUND, unit="MB"))
    proof.add(reported(f"time for {many:,} records", seen["seconds"], unit="s"))
    proof.add(reported("clusters among them", seen["clusters"], unit="clusters"))
    raise SystemExit(proof.publish())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--million"]:
        million(sys.argv[2])
    else:
        main()
