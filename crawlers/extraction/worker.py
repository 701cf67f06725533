"""The process that reads pages: one after the other, as they come through a pipe, until the pipe ends."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.extraction.whole_characters import whole
from crawlers.page import Extraction, FetchedPage

if TYPE_CHECKING:
    from crawlers.declaration import Declaration

PAGES_A_PROCESS = 2_000
"""Parsers leak; a process that has read so many pages is replaced."""

GROWN_BYTES = 256 << 20
"""So is one that has grown by so much."""


@dataclass(frozen=True)
class Job:
    """A page to read, for a source.

    Attributes:
        source: The declaration as JSON: some hundred bytes, understood once in a process.
    """

    source: str
    kind: str
    page: FetchedPage


def serve(pipe: Connection, seconds: float, memory_bytes: int) -> None:
    """Answer each `Job` with its `Extraction`, and whether this process should be replaced; first of all say "ready".

    Args:
        seconds: No page takes much more of processor time: the kernel ends this process where nobody is left to.
        memory_bytes: So much may be taken over what is held at the start.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us to hear
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    import crawlers.extraction.worker_imports  # noqa: F401

    held = _memory_held()
    _limit_memory(memory_bytes)
    pipe.send("ready")
    done = 0
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        _limit_processor(seconds)
        extraction = _read(job)
        done += 1
        pipe.send((extraction, done >= PAGES_A_PROCESS or _memory_held() - held > GROWN_BYTES))


def _read(job: Job) -> Extraction:
    from crawlers.kinds import kind_module

    try:
        extraction = kind_module(job.kind).read(declaration(job.source, job.kind), job.page)
        assert isinstance(extraction, Extraction)
        return whole(extraction)
    except MemoryError:
        return Extraction(error="extract: reading it takes more memory than a reader may have")
    except RecursionError:
        return Extraction(error="extract: it nests too deeply")
    except Exception as error:  # noqa: BLE001  whatever a page does to the parsers is this page's trouble alone
        return whole(Extraction(error=f"extract: {type(error).__name__}: {' '.join(str(error).split())[:200]}"))


@lru_cache(maxsize=256)
def declaration(source: str, kind: str) -> Declaration:
    """The source that was sent as JSON."""
    from crawlers.kinds import kind_module

    found: Declaration = kind_module(kind).Source.declare(json.loads(source))
    return found


def _end_with_parent() -> None:
    """A thread that ends this process with the one that wants its answers; it waits for a pipe's end, not by asking."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _limit_memory(more: int) -> None:
    """Address space, where the system counts it; MemoryError, or the process's end, is what comes of more."""
    try:
        import resource

        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = held + more
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def _limit_processor(seconds: float) -> None:
    """Let the kernel end this process some time after its parent should have: a C loop hears nothing else."""
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = math.ceil(used.ru_utime + used.ru_stime + seconds + 5)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (ImportError, OSError, ValueError):
        return


def _memory_held() -> int:
    import psutil

    held: Any = psutil.Process().memory_info().rss
    return int(held)
