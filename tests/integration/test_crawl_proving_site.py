"""Crawling the proving site: every post once, and nothing else. Its troubles are in `test_troubles.py`."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.crawl import crawl
from crawlers.kinds import read_source
from store.database import Store
from store.pages import page_counts
from store.records import records
from tests.proving_site import POST, proving_site, stats

POSTS = 300


@pytest.fixture
def site(shared: Path) -> Iterator[str]:
    with proving_site(shared, posts=POSTS) as url:
        yield url


@pytest.fixture
def questions(shared: Path) -> list[str]:
    """What the site shows, as a reader sees it: white space is one space."""
    with (shared / "data" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["text"].strip() for row in csv.DictReader(file)]
    random.Random(77).shuffle(rows)
    return sorted(" ".join(row.split()) for row in rows[:POSTS])


def test_every_post_is_brought_in_once(tmp_path: Path, site: str, questions: list[str]) -> None:
    source = read_source({"name": "forum", "start": [site + "/page/1"], "follow": "a.thread, a.next", **POST})
    with Store(tmp_path / "tilth.duckdb") as store:
        result = crawl(store, tmp_path, [source], contact="me@example.org")
        found = records(store)
        verdicts = {row["robots"] for row in page_counts(store).to_pylist()}
    assert sorted(found["text"].to_pylist()) == questions
    assert sorted(map(int, found["natural_key"].to_pylist())) == list(range(POSTS))
    assert (result.records_new, result.records_known, result.exit_code, result.troubles) == (POSTS, 0, 0, ())
    counted = stats(site)
    asked = {
        path: times
        for path, times in counted["asks"].items()
        if path not in ("/robots.txt", "/.well-known/tdmrep.json")
    }
    assert set(asked.values()) == {1} and result.statuses == {200: len(asked)}
    assert not any("/private/" in path or "/u/" in path for path in asked)
    assert verdicts == {"allowed"} and all(agent.startswith("tilth/") for agent in counted["agents"])
