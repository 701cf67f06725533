"""The process that fetches: what keeps it from beginning is said, and is no success."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from crawlers.crawl_spec import CrawlSpec, SourceSpec
from store.sources import source_id

ROOT = Path(__file__).resolve().parents[2]
DECLARED = {"kind": "site", "name": "forum", "start": ["http://127.0.0.1:9/"]}


def fetch(project: Path, **told: Any) -> tuple[int, dict[str, str]]:
    """Run it by itself; gives its exit code and what it says."""
    source = SourceSpec(source_id("forum", DECLARED), DECLARED)
    spec = CrawlSpec("run", (source,), str(project), "me@example.org", **told)
    spec.write(project / "spec.json")
    lifeline, held = os.pipe()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "crawlers.run", str(project / "spec.json")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=lifeline,
        capture_output=True,
        timeout=60,
    )
    os.close(lifeline)
    os.close(held)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}


def test_what_breaks_while_the_crawler_is_put_together_is_said(tmp_path: Path) -> None:
    pool = [{"url": "http://127.0.0.1:9", "username_env": "NOT_SET_USER", "password_env": "NOT_SET_WORD"}]
    code, said = fetch(tmp_path, proxies={"pool": pool})
    assert code == 1
    assert said["kind"] == "failed" and "NOT_SET_USER, which is not set" in said["message"]


def test_a_frontier_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "frontier.sqlite").write_bytes(b"not a database, but longer than its header would be" * 10)
    code, said = fetch(tmp_path)
    assert code == 1 and "cannot be opened as a frontier" in said["message"]
