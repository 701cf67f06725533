"""The proving site, started for a test on a free port."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

POST = {"item": "article.post", "key": "::attr(data-post)", "fields": {"text": "p.body", "author": "a.author::text"}}
"""How a source declares the site's posts."""


def two_free_ports() -> int:
    """A port that is free, and the next one too, where the site's inside listens."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", 0))
                second.bind(("127.0.0.1", first.getsockname()[1] + 1))
            except OSError:
                continue
            return int(first.getsockname()[1])


@contextmanager
def proving_site(shared: Path, *, posts: int, crawl_delay: float = 0.0) -> Iterator[str]:
    """Its URL without a slash at the end; the site is up until the block ends."""
    program, rows = shared / "sites" / "proving_site.py", shared / "data" / "banking77" / "train.csv"
    if not program.is_file() or not rows.is_file():
        pytest.skip(f"needs the proving site in {shared}")
    for _ in range(5):
        port = two_free_ports()
        options = ["--data", str(rows), "--port", str(port), "--limit", str(posts), "--crawl-delay", str(crawl_delay)]
        server = subprocess.Popen(
            [sys.executable, program, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert server.stdout is not None
        if server.stdout.readline():
            break
        server.wait()
        server.stdout.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate()


def ask(site: str, path: str) -> str:
    """What the site answers."""
    with urllib.request.urlopen(site + path, timeout=60) as answer:
        return str(answer.read().decode())


def stats(site: str) -> dict[str, Any]:
    """What the site has counted since its last reset."""
    found: dict[str, Any] = json.loads(ask(site, "/__stats"))
    return found
