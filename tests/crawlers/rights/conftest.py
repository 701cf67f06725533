"""Sites whose pages say something about their use."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crawlers.manners.made_site import Site, sites


@pytest.fixture
def site() -> Iterator[Site]:
    with sites("one") as made:
        yield made["one"]


@pytest.fixture
def proving_site(shared: Path) -> Iterator[str]:
    """The proving site with a few posts, and no delay."""
    program, rows = shared / "sites" / "proving_site.py", shared / "data" / "banking77" / "train.csv"
    if not program.is_file() or not rows.is_file():
        pytest.skip(f"needs the proving site in {shared}")
    server = None
    for _ in range(5):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ["--data", rows, "--port", str(port), "--limit", "20", "--crawl-delay", "0"]
        server = subprocess.Popen(
            [sys.executable, program, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert server.stdout is not None
        if server.stdout.readline():
            break
        server.wait()
    assert server is not None and server.stdout is not None
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()
    server.stdout.close()
