"""A whole round takes a fraction of small-text's query and update: TREC-6, 275 labels, a pool of 5,000.

A round of ours scores the pool with the model of 225 labels, selects 50, fits on 275 with the ladder's own choice of
model, and calibrates. small-text queries the same pool for 50 by breaking ties and updates its fine-tuned classifier on
275. Both have all cores, one after the other in turn. Vectors of the pool are at hand, as in every round but the first:
what the first costs is told too.
"""

import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np

from active_learning.pool import Pool
from active_learning.strategies import strategy
from claim import Proof, arguments, at_most, reported
from corpora import Texts
from small_text_environment import worker, write_job
from training.examples import Examples
from training.ladder import FittedModel, classifier

LABELS, QUERY, POOL = 225, 50, 5000
RUNS = 3
SHARE, PROBE_SECONDS = 1 / 3, 5.0
# The quick form has neither small-text nor the pool of 5,000; a probe took 1 s there.
QUICK_POOL, QUICK_SECONDS = 1000, 20.0


@dataclass(frozen=True)
class Timed:
    """Seconds of the parts of one round."""

    score: float
    select: float
    fit: float

    @property
    def whole(self) -> float:
        """All of it; calibration is a part of the fit."""
        return self.score + self.select + self.fit


class Rounds:
    """Rounds of one rung from the same 225 labels, each with other seeds."""

    def __init__(self, texts: Texts, rung: str) -> None:
        self.texts = texts
        self.classifier = classifier(rung, texts.classes, texts.encoder)
        self.labelled = np.random.default_rng(0).permutation(len(texts.train))[:LABELS]
        self.model = self._fit(self.labelled, seed=0)

    def play(self, seed: int) -> Timed:
        """Score, select, fit and calibrate once."""
        pool_rows = np.setdiff1d(np.arange(len(self.texts.train)), self.labelled)
        rest, known = self.texts.train.take(pool_rows), self.texts.train.take(self.labelled)
        began = time.perf_counter()
        said, of_known = self.model.predict(rest.inputs()), self.model.predict(known.inputs())
        scored = time.perf_counter()
        pool = Pool(
            ids=rest.ids,
            probabilities=said.probabilities,
            embeddings=said.embeddings,
            labelled_embeddings=of_known.embeddings,
            labelled_labels=known.labels,
            labelled_probabilities=of_known.probabilities,
            members=said.members,
        )
        chosen = strategy("auto")(pool, QUERY, np.random.default_rng(seed)).ids
        selected = time.perf_counter()
        self._fit(np.concatenate([self.labelled, pool_rows[np.isin(rest.ids, chosen)]]), seed)
        return Timed(scored - began, selected - scored, time.perf_counter() - selected)

    def _fit(self, rows: np.ndarray, seed: int) -> FittedModel:
        part = self.texts.train.take(np.sort(rows))
        rest = self.texts.train.take(np.setdiff1d(np.arange(len(self.texts.train)), rows))
        at_random = np.isin(np.sort(rows), self.labelled)
        examples = Examples(part.ids, list(part.texts), part.labels, random=at_random)
        return self.classifier.fit(examples, seed=seed, unlabelled=rest.inputs())


class Rival:
    """small-text, waiting at 225 labels; each call of `play` is one query and one update."""

    def __init__(self, texts: Texts, folder: Path) -> None:
        job = write_job(folder, texts, "fine-tune")
        words = ("time", str(job), "--labels", str(LABELS), "--query", str(QUERY))
        self._process: Popen[str] = worker(*words, stdin=PIPE, stdout=PIPE)
        self._hear()

    def play(self) -> float:
        """The seconds of a query and an update."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        said = self._hear()
        return said["query_s"] + said["update_s"]

    def end(self) -> None:
        """Let go of the process."""
        self._process.kill()
        self._process.wait()

    def _hear(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                said: dict[str, float] = json.loads(line)
                return said
        raise SystemExit("small-text's worker ended before it answered.")


def main() -> int:
    """Measure in turn, and publish."""
    options = arguments(__doc__)
    proof = Proof("round_time", "a round of auto, and of the probe, against small-text 1.4.1 in turn", options.quick)
    began = time.perf_counter()
    texts = Texts("trec6", rows=LABELS + (QUICK_POOL if options.quick else POOL), test_rows=1)
    first = time.perf_counter() - began
    proof.add(reported("vectors of all texts in all views, once before the first round", first, unit="s"))
    if options.quick:
        probe = Rounds(texts, "probe")
        seconds = [probe.play(seed).whole for seed in range(2)]
        what = f"a round with nothing but the probe, pool {QUICK_POOL:,}"
        proof.add(at_most(what, min(seconds), QUICK_SECONDS, unit="s", runs=seconds))
        return proof.publish()
    ours = {rung: Rounds(texts, rung) for rung in ("auto", "probe")}
    timed: dict[str, list[Timed]] = {rung: [] for rung in ours}
    theirs = []
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(texts, Path(folder))
        try:
            for run in range(RUNS):
                for rung, rounds in ours.items():
                    timed[rung].append(rounds.play(run + 1))
                theirs.append(rival.play())
                print(f"run {run + 1} of {RUNS}", flush=True)
        finally:
            rival.end()
    whole = {rung: [each.whole for each in some] for rung, some in timed.items()}
    shares = [mine / their for mine, their in zip(whole["auto"], theirs, strict=True)]
    what = "a round of auto over small-text's query and update, median"
    proof.add(at_most(what, statistics.median(shares), SHARE, unit="ratio", runs=shares))
    probe_seconds = statistics.median(whole["probe"])
    proof.add(
        at_most(
            "a round with nothing but the probe, median", probe_seconds, PROBE_SECONDS, unit="s", runs=whole["probe"]
        )
    )
    proof.add(reported("a round of auto, median", statistics.median(whole["auto"]), unit="s", runs=whole["auto"]))
    proof.add(reported("small-text's query and update, median", statistics.median(theirs), unit="s", runs=theirs))
    for rung, some in timed.items():
        for part in ("score", "select", "fit"):
            runs = [getattr(each, part) for each in some]
            with_calibration = " and calibrate" if part == "fit" else ""
            proof.add(reported(f"{rung}: {part}{with_calibration}", statistics.median(runs), unit="s", runs=runs))
    return proof.publish()


if __name__ == "__main__":
    raise SystemExit(main())
