"""Pages read in processes of their own, each under a hard limit of time and memory.

What a page does to a parser is that page's trouble: a reader that takes too long is killed, and one that dies is
replaced. A process is spoken to through a pipe that nobody else holds, so that its death, at any instant, is heard as
the end of the pipe; a lock that readers shared would be left locked by one that is killed.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeVar

from crawlers.declaration import Declaration
from crawlers.extraction.worker import Job, serve
from crawlers.page import Extraction, FetchedPage

START_SECONDS = 60.0
"""A process that has not imported its parsers by then never will."""

MEMORY_BYTES = 1 << 30
"""A reader may take so much over what it has when it starts."""

PAGES_AHEAD = 4
"""`read_all` hands out so many pages for each process before it waits for the first of them."""

# One child that has the parsers imported, and forks readers that are ready at once. Windows has none.
_CONTEXT = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
_STARTING = threading.Lock()

Tag = TypeVar("Tag")


class PageReader:
    """Reads pages in worker processes; made once in a crawl.

    The processes start when it is made, without anybody waiting for them, and end with `close`, or with this process,
    however it dies.

    Args:
        workers: How many processes; as many as there are processors where None.
        seconds: A page that takes longer costs itself an error.
        memory_bytes: A reader that wants more costs its page an error, where the system can limit it.
    """

    def __init__(self, workers: int | None = None, seconds: float = 10.0, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._readers: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
        self._all = [_Reader(seconds, memory_bytes) for _ in range(self.workers)]
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="page-reader")
        for reader in self._all:
            self._readers.put(reader)
        for _ in self._all:
            self._threads.submit(self._with_reader, _Reader.start)

    def __enter__(self) -> PageReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def read(self, source: Declaration, page: FetchedPage) -> Extraction:
        """What `crawlers.kinds.<kind>.read` makes of a page; its `error` says when that could not be had."""
        return await asyncio.wrap_future(self.submit(source, page))

    def submit(self, source: Declaration, page: FetchedPage) -> Future[Extraction]:
        """As `read`, for those who have no event loop."""
        job = Job(json.dumps(source.declared()), source.kind, page)
        return self._threads.submit(self._with_reader, lambda reader: reader.read(job))

    def read_all(
        self, source: Declaration, pages: Iterable[tuple[Tag, FetchedPage]]
    ) -> Iterator[tuple[Tag, Extraction]]:
        """Read pages, which carry a tag each, in their order; only a few are held at a time."""
        ahead: deque[tuple[Tag, Future[Extraction]]] = deque()
        for tag, page in pages:
            ahead.append((tag, self.submit(source, page)))
            if len(ahead) >= self.workers * PAGES_AHEAD:
                first, future = ahead.popleft()
                yield first, future.result()
        for tag, future in ahead:
            yield tag, future.result()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for reader in self._all:
            reader.end()
        self._threads.shutdown(wait=True)

    def _with_reader(self, use: Callable[[_Reader], Any]) -> Any:
        reader = self._readers.get()
        try:
            return use(reader)
        finally:
            self._readers.put(reader)


class _Reader:
    """One process at a time, and the pipe to it; used by one thread at a time."""

    def __init__(self, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._ended = False

    def read(self, job: Job) -> Extraction:
        """Have the page read; a process that died while it was idle is replaced first."""
        for again in (True, False):
            try:
                pipe = self.start()
                pipe.send(job)
            except (OSError, EOFError):
                self._drop()
                if self._ended or not again:
                    return Extraction(error="extract: the reader could not be started")
                continue
            return self._answer(pipe)
        raise AssertionError

    def _answer(self, pipe: Connection) -> Extraction:
        try:
            if not pipe.poll(self._seconds):
                self._drop()
                return Extraction(error=f"extract: took longer than {self._seconds:g} s")
            extraction, is_last = pipe.recv()
        except (OSError, EOFError):
            self._drop()
            return Extraction(error="extract: the reader died of this page")
        if is_last:
            self._drop()
        assert isinstance(extraction, Extraction)
        return extraction

    def start(self) -> Connection:
        """The pipe to the process, which is started where there is none and has its parsers imported.

        Raises:
            OSError, EOFError: It could not be started.
        """
        if self._pipe is not None:
            return self._pipe
        with _STARTING:
            if self._ended:
                raise EOFError
            # Asked for before the first process; what cannot be imported ahead is imported when it is used.
            _CONTEXT.set_forkserver_preload(["crawlers.extraction.worker_imports"])
            ours, theirs = _CONTEXT.Pipe()
            limits = (theirs, self._seconds, self._memory_bytes)
            process = _CONTEXT.Process(  # type: ignore[attr-defined]
                target=serve, args=limits, name="page-reader", daemon=True
            )
            process.start()
            theirs.close()
            self._process, self._pipe = process, ours
        if not ours.poll(START_SECONDS):
            raise EOFError
        ours.recv()
        return ours

    def end(self) -> None:
        """Kill the process; from any thread: whoever waits for it hears the pipe's end. None is started any more."""
        with _STARTING:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def _drop(self) -> None:
        """Be rid of the process."""
        with _STARTING:
            process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is not None:
            process.kill()
            process.join()
            process.close()
        if pipe is not None:
            pipe.close()
