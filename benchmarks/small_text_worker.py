"""small-text at work, in an environment that has it and not tilth: `small_text_environment.py` starts it.

    python -P small_text_worker.py play JOB LOG --schedule 25,50 --seed 0    rounds of breaking ties, a JSON line each
    python -P small_text_worker.py time JOB --labels 225 --query 50    seconds, for each line that it reads

`-P`, since beside this file lies a script of the same name as the package.

A run that was killed goes on after the last whole line of its log: each fit is seeded by the round, so the model that
the next query needs is fitted again to what it was.
"""

import argparse
import json
import logging
import os
import random
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from small_text import (
    BreakingTies,
    ConfidenceEnhancedLinearSVC,
    PoolBasedActiveLearner,
    SklearnClassifierFactory,
    SklearnDataset,
    random_initialization,
)
from small_text.base import LABEL_UNLABELED

# The settings that it was measured with; all others are its own defaults.
LEARNING_RATE, EPOCHS = 1e-4, 15


class Corpus:
    """The job's texts as small-text's data sets: no label of the pool is in them."""

    def __init__(self, job):
        self.job = job
        self.labels = np.array(job["train"]["labels"])
        self.truth = np.array(job["test"]["labels"])
        self.classes = np.arange(job["classes"])
        fine_tune = job["kind"] == "fine-tune"
        self.train, self.test = self._texts() if fine_tune else self._vectors()

    def factory(self):
        """What makes a new classifier for each update."""
        kinds = {"linear-svc": ConfidenceEnhancedLinearSVC, "logistic-regression": LogisticRegression}
        if self.job["kind"] in kinds:
            return SklearnClassifierFactory(kinds[self.job["kind"]](), len(self.classes))
        from small_text import TransformerBasedClassificationFactory, TransformerModelArguments

        return TransformerBasedClassificationFactory(
            TransformerModelArguments(self.job["encoder"]),
            len(self.classes),
            kwargs={"lr": LEARNING_RATE, "num_epochs": EPOCHS, "device": "cpu"},
        )

    def accuracy(self, classifier):
        """On the test texts. scikit-learn's columns are the classes that it has seen."""
        columns = classifier.predict_proba(self.test).argmax(axis=1)
        seen = getattr(classifier.model, "classes_", self.classes)
        return float((np.asarray(seen)[columns] == self.truth).mean())

    def _vectors(self):
        vectors = np.load(self.job["vectors"])
        return (
            SklearnDataset(vectors[part], np.full(len(vectors[part]), LABEL_UNLABELED), target_labels=self.classes)
            for part in ("train", "test")
        )

    def _texts(self):
        from small_text import TransformersDataset
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.job["encoder"])
        both = [self.job[part]["texts"] for part in ("train", "test")]
        # It pads every text to one length: the least that cuts none off is the fastest for it.
        longest = min(max(len(ids) for texts in both for ids in tokenizer(texts)["input_ids"]), 512)
        return (
            TransformersDataset.from_arrays(
                texts,
                np.full(len(texts), LABEL_UNLABELED),
                tokenizer,
                target_labels=self.classes,
                max_length=longest,
            )
            for texts in both
        )


def seeded(*parts):
    """Let all that is random go by these numbers from here on."""
    seed = int(np.random.SeedSequence(parts).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - small-text draws from numpy's global state
    torch.manual_seed(seed)


def play(corpus, log, schedule, seed):
    """Every round of the schedule that the log has not; the first is drawn by small-text's random initialization."""
    done = [json.loads(line) for line in whole_lines(log)]
    learner = PoolBasedActiveLearner(corpus.factory(), BreakingTies(), corpus.train)
    if done and len(done) < len(schedule):
        labelled = np.array(done[-1]["labelled"])
        seeded(seed, len(labelled))
        learner.initialize_data(labelled, corpus.labels[labelled])
    for size in schedule[len(done) :]:
        began = time.perf_counter()
        if size == schedule[0]:
            seeded(seed, 0)
            asked = random_initialization(corpus.train, size)
        else:
            asked = learner.query(num_samples=size - len(learner.indices_labeled))
        queried = time.perf_counter()
        seeded(seed, size)
        if size == schedule[0]:
            learner.initialize_data(asked, corpus.labels[asked])
        else:
            learner.update(corpus.labels[asked])
        updated = time.perf_counter()
        point = {
            "n_labels": size,
            "accuracy": corpus.accuracy(learner.classifier),
            "query_s": queried - began,
            "update_s": updated - queried,
            "labelled": learner.indices_labeled.tolist(),
        }
        with log.open("a") as file:
            file.write(json.dumps(point) + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(f"small-text, seed {seed}: {size} labels, {point['accuracy']:.3f}", flush=True)


def whole_lines(log):
    """The log's lines; one that a kill cut off is taken away."""
    written = log.read_bytes() if log.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    if len(whole) < len(written):
        os.truncate(log, len(whole))
    return whole.splitlines()


def measure(corpus, labels, query):
    """Say when ready; then, for every line that is read, the seconds of a query and of the update that follows it."""
    learner = PoolBasedActiveLearner(corpus.factory(), BreakingTies(), corpus.train)
    seeded(0)
    start = random_initialization(corpus.train, labels)
    learner.initialize_data(start, corpus.labels[start])
    print(json.dumps({"ready": len(corpus.train) - labels}), flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        asked = learner.query(num_samples=query)
        queried = time.perf_counter()
        learner.update(corpus.labels[asked])
        said = {"query_s": queried - began, "update_s": time.perf_counter() - queried}
        # Back to the labels before; the model of the update stays and answers the next query.
        learner.initialize_data(start, corpus.labels[start], retrain=False)
        print(json.dumps(said), flush=True)


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    playing = verbs.add_parser("play")
    playing.add_argument("job", type=Path)
    playing.add_argument("log", type=Path)
    playing.add_argument("--schedule", type=lambda text: [int(size) for size in text.split(",")], required=True)
    playing.add_argument("--seed", type=int, required=True)
    timing = verbs.add_parser("time")
    timing.add_argument("job", type=Path)
    timing.add_argument("--labels", type=int, required=True)
    timing.add_argument("--query", type=int, required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    corpus = Corpus(json.loads(options.job.read_text()))
    if options.verb == "play":
        play(corpus, options.log, options.schedule, options.seed)
    else:
        measure(corpus, options.labels, options.query)


if __name__ == "__main__":
    main()
