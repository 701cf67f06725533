"""The process that fetches, as its parent sees it: started, watched, asked to end, and why it failed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from crawlers.crawl_spec import CrawlSpec
from crawlers.frontier.file import Frontier, NoSpace
from crawlers.frontier.queue import Queue
from crawlers.run import GRACE_SECONDS
from store.errors import TilthError

SECONDS_BETWEEN_LOOKS = 0.2


class CrawlFailed(TilthError):
    """The process that fetches could not go on; what it had fetched is kept."""


def fetch(frontier: Frontier, spec: CrawlSpec, look: Callable[[], None], say: Callable[[str], None]) -> None:
    """Have a process fetch, to its end; `look` is called some times a second.

    What it had in hand is queued again where it was asked to end, or says why it cannot go on; where it died, the next
    crawl takes that back, and counts it.

    Raises:
        CrawlFailed: It died, or could not go on.
        NoSpace: It had no room to keep a page.
    """
    with tempfile.TemporaryDirectory(prefix="tilth-crawl-") as place:
        told, log = Path(place) / "spec.json", Path(place) / "log"
        spec.write(told)
        with log.open("wb") as errors:
            child = _start(told, errors)
        said, died = b"", False
        try:
            while not _ended(child):
                look()
            said = child.stdout.read() if child.stdout else b""
            died = child.returncode != 0 and not said
        except (KeyboardInterrupt, SystemExit):
            say(f"Stopping; what is being fetched has up to {GRACE_SECONDS:.0f} s to end. Crawl again to go on.")
            raise
        finally:
            _end(child)
            if not died:
                Queue(frontier).release(f"{child.pid}:")
        look()
        if child.returncode:
            _raise_failure(child.returncode, said, log.read_text(errors="replace"))


def _start(told: Path, log: BinaryIO) -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    return subprocess.Popen(
        # -P: a folder of the user's that is named like one of our packages must not be imported instead.
        [sys.executable, "-P", "-m", "crawlers.run", str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """It lives no longer than this takes, and no longer than this process."""
    assert child.stdin is not None
    child.stdin.close()  # at its end the child finishes what it is fetching
    try:
        child.wait(timeout=GRACE_SECONDS + 4)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    finally:
        if child.stdout:
            child.stdout.close()


def _ended(child: "subprocess.Popen[bytes]") -> bool:
    try:
        child.wait(timeout=SECONDS_BETWEEN_LOOKS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _raise_failure(code: int, said: bytes, log: str) -> None:
    last = said.decode(errors="replace").strip().splitlines()
    failure = json.loads(last[-1]) if last else {"kind": "failed", "message": _last_line(log) or f"exit code {code}"}
    if failure["kind"] == "disk-full":
        raise NoSpace(
            "No space left on the disk while pages were fetched. What was fetched before is safe; "
            "free some room and crawl again."
        )
    error = CrawlFailed(
        f"The crawl broke off ({failure['message']}). What was fetched before is in the store; crawl again."
    )
    if log.strip():
        error.add_note(log[-4000:])
    raise error


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
