"""The whole job on real input: Banking77 as a forum, crawled, labelled by careful simulated annotators, learnt,
released.

The forum is `../shared/sites/proving_site.py` with 3,000 posts; the project knows it through its `tilth.toml` alone.
Seven rounds of 100 with the probe, then, on a copy of the same crawl, two rounds with the full fine-tune.
"""

import csv
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from active_learning.rounds import Bench, run_round
from claim import Proof, arguments, at_least, at_most, reported, shared
from labeling.simulated_annotators import SimulatedAnnotator, answer_open_tasks
from store import assignments, labels, records
from store.database import Store
from tilth.people import learning_settings, people, studio_down
from tilth.project import Project
from tilth.publishing import publish_project
from tilth.report import write_report

CARE = {"ada": 0.98, "bruno": 0.97, "carla": 0.96}


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds."""
    options = arguments(__doc__)
    limit, rounds, holdout = (400, 1, 60) if options.quick else (3000, 7, 400)
    proof = Proof("real_input", "what the project's own holdout says, against what is asked", quick=options.quick)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "forum"
        truth = _truth()
        with _site(limit) as url:
            _write_project(folder, url, sorted({*_all_classes()}), holdout=holdout)
            began = time.monotonic()
            subprocess.run([sys.executable, "-m", "tilth", "--project", str(folder), "crawl"], check=True)
            proof.add(reported("crawl", time.monotonic() - began, unit="s"))
            _check_crawl(proof, folder, url, truth)
        other = Path(place) / "fine-tune"
        shutil.copytree(folder, other)
        accuracy, n_labels = _play(folder, truth, rounds)
        proof.add(reported("training labels, probe", n_labels, unit="labels"))
        bound = 0.80 if not options.quick else 0.2
        proof.add(at_least(f"holdout accuracy at {n_labels} labels, probe", accuracy, bound, unit="accuracy"))
        _check_release(proof, folder)
        if not options.quick:
            text = (other / "tilth.toml").read_text()
            (other / "tilth.toml").write_text(text.replace('model = "probe"', 'model = "fine-tune"'))
            began = time.monotonic()
            accuracy, n_labels = _play(other, truth, 2)
            proof.add(reported(f"holdout accuracy at {n_labels} labels, fine-tune", accuracy, unit="accuracy"))
            proof.add(reported("two rounds with the fine-tune", time.monotonic() - began, unit="s"))
            _check_release(proof, other)
    return proof.publish()


def _rows() -> list[dict[str, str]]:
    with shared("data", "banking77", "train.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _all_classes() -> set[str]:
    return {row["category"] for row in _rows()}


def _truth() -> dict[str, str]:
    """The class of each text, as the annotators know it."""
    return {" ".join(row["text"].split()): row["category"] for row in _rows()}


@contextmanager
def _site(limit: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = shared("data", "banking77", "train.csv")
    command = [sys.executable, str(shared("sites", "proving_site.py")), "--data", str(data), "--port", str(port)]
    with subprocess.Popen([*command, "--limit", str(limit)], stdout=subprocess.PIPE) as site:
        assert site.stdout is not None
        site.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            site.terminate()


def _write_project(folder: Path, url: str, classes: list[str], *, holdout: int) -> None:
    folder.mkdir()
    (folder / "tilth.toml").write_text(
        f"""
[project]
name = "banking-forum"
license = "CC-BY-4.0"
contact = "benchmark@localhost"
[schema]
question = "What does the customer want?"
classes = {json.dumps(classes)}
[[source]]
name = "forum"
kind = "site"
start = ["{url}/page/1"]
follow = "a.thread, a.next, main a[href^='/private']"
item = "article.post"
key = "::attr(data-post)"
[source.fields]
text = "p.body"
author = "a.author"
[rounds]
size = 100
holdout = {holdout}
[labeling]
repeat_share = 0.1
[training]
model = "probe"
""",
        encoding="utf-8",
    )


def _check_crawl(proof: Proof, folder: Path, url: str, truth: dict[str, str]) -> None:
    with urllib.request.urlopen(f"{url}/__stats") as answer:
        asks = json.load(answer)["asks"]
    with Store(folder / "tilth.duckdb") as store:
        table = records.records(store)
    keys = table["natural_key"].to_pylist()
    unknown = sum(text not in truth for text in table["text"].to_pylist())
    posts = {int(key) for key in keys if key.isdigit()}
    proof.add(reported("records", len(keys), unit="records"))
    proof.add(at_most("posts missing", len(set(range(max(posts) + 1)) - posts), 0, unit="posts"))
    proof.add(at_most("posts more than once", len(keys) - len(set(keys)), 0, unit="posts"))
    proof.add(at_most("records that are not a post of the file", unknown, 0, unit="records"))
    proof.add(at_most("asks under /private/", sum(path.startswith("/private") for path in asks), 0, unit="asks"))


def _play(folder: Path, truth: dict[str, str], rounds: int) -> tuple[float, int]:
    """Run rounds with simulated annotators; the holdout's accuracy and the number of training labels at the end."""
    project = Project(folder)
    annotators = [
        SimulatedAnnotator(name, project.schema.classes, care, seed=i) for i, (name, care) in enumerate(CARE.items())
    ]
    try:
        with people(project, print) as (store, where):
            table = records.records(store)
            known = {
                one: truth[text]
                for one, text in zip(table["record_id"].to_pylist(), table["text"].to_pylist(), strict=True)
            }

            def answer(_answered: int, _wanted: int) -> bool:
                answer_open_tasks(where, annotators, known, assignments.assignments(store, states=("sent",)))
                return True

            bench = Bench(store, project.schema, folder, replace(learning_settings(project)), where, print, answer)
            for _ in range(rounds):
                done = run_round(bench)
    finally:
        studio_down(project)
    write_report(project, folder / "report.html")
    return done.numbers["holdout"]["accuracy"]["value"], done.numbers["labels"]


def _check_release(proof: Proof, folder: Path) -> None:
    """Publish into a folder, and read it back as a user of the dataset would."""
    import datasets

    project = Project(folder)
    for line in publish_project(project, to=folder / "published", hub=None, say=print):
        print(line)
    read = datasets.load_dataset(str(folder / "published"), cache_dir=str(folder / "cache"))
    with Store(folder / "tilth.duckdb") as store:
        table = labels.labels(store)
        texts = records.records(store, table["record_id"].to_pylist())["text"].to_pylist()
    ours = {
        one: (text, json.loads(value)["label"])
        for one, text, value in zip(table["record_id"].to_pylist(), texts, table["value"].to_pylist(), strict=True)
    }
    theirs = {
        row["record_id"]: (row["text"], part.features["label"].int2str(row["label"]))
        for part in read.values()
        for row in part
    }
    differing = sum(ours.get(one) != said for one, said in theirs.items())
    proof.add(reported(f"rows released, {folder.name}", len(theirs), unit="rows"))
    proof.add(at_most(f"rows that differ when read back, {folder.name}", differing, 0, unit="rows"))
    proof.add(at_most(f"labelled records not released, {folder.name}", len(ours) - len(theirs), 0, unit="rows"))


if __name__ == "__main__":
    raise SystemExit(main())
