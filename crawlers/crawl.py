"""A crawl as its owner sees it: start the process that fetches, bring what it found into the store, end it.

The store's file is held only while a batch is brought in, never while pages are being fetched.
"""

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from crawlers.crawl_spec import DEFAULT_LIMITS, DEFAULT_RIGHTS, CrawlSpec, Limits, RightsSpec, SourceSpec
from crawlers.declaration import Declaration
from crawlers.drain import drain
from crawlers.fetched_source import FetchedSource
from crawlers.fetching import fetch
from crawlers.frontier.file import Frontier
from crawlers.frontier.outbox import Outbox
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import Queue
from crawlers.live import LiveState, read_live
from crawlers.outcome import CrawlResult, Outcome
from crawlers.proxies.declaration import NO_PROXIES, ProxiesSection
from crawlers.read_in import Reading, is_read, read_in
from crawlers.runnable import NoSources, refuse_what_cannot_run
from store.database import Store, StoreHeldElsewhere
from store.errors import TilthError
from store.sources import source_id

PAGES_WORTH_A_DRAIN = 500
SECONDS_BETWEEN_DRAINS = 5.0


class CrawlRunning(TilthError):
    """Another crawl of the same project is under way."""


def _unheard(_: object) -> None:
    return


def crawl(
    store: Store,
    project_folder: Path,
    sources: Sequence[Declaration],
    *,
    contact: str,
    say: Callable[[str], None] = _unheard,
    progress: Callable[[LiveState | Reading], None] = _unheard,
    limits: Limits = DEFAULT_LIMITS,
    rights: RightsSpec = DEFAULT_RIGHTS,
    proxies: ProxiesSection = NO_PROXIES,
    restart: bool = False,
) -> CrawlResult:
    """Run sources, all at once, and bring what they give into the store.

    A crawl that died goes on where it was; what it had fetched is brought in first. After one that ended, a new pass
    begins: what is known is asked again, and adds no record twice.

    Args:
        store: Given up while pages are fetched.
        project_folder: `frontier.sqlite` and `warc/` are made in it.
        sources: What to crawl; their names must differ.
        contact: Goes into the user agent, so that a site's people can reach the user.
        say: Gets a plain line at each stage.
        progress: Told some times a second how the crawl is, and after each batch how far the reading of a source is.
        limits: What it may take.
        rights: What is asked about rights, and what they forbid to fetch.
        proxies: What pages are fetched through.
        restart: Forget what the sources know, and begin as if it were the first time; the store keeps what it has.

    Returns:
        The figures and the troubles; `exit_code` is 2 when no start page of a source could be had.

    Raises:
        BrowserMissing: A source is to be drawn by a browser, and there is none.
        CrawlFailed: The process that fetches died, or could not go on. What was fetched before is in the store.
        CrawlRunning: Another crawl of this project is under way.
        NoSpace, DiskFull: There was no room to keep a page, or to bring one into the store.
        ProxyError: A variable with the credentials of a proxy is not set.
        NotInEnvironment: A variable that a source's headers name is not set.
        NoContact: `contact` is empty, and a source is not on this machine or its network.
        NoSources: `sources` is empty.
    """
    if not sources:
        raise NoSources("There is no source to crawl; declare one as [[source]] in tilth.toml.")
    read = [source for source in sources if is_read(source)]
    fetched: list[Any] = [source for source in sources if not is_read(source)]
    refuse_what_cannot_run(fetched, contact=contact, proxies=proxies)
    project_folder.mkdir(parents=True, exist_ok=True)
    place, run_id, began = project_folder.resolve(), uuid.uuid4().hex, time.monotonic()
    spec = CrawlSpec(run_id, _specs(fetched), str(place), contact, limits, rights, proxies.declared())
    with _alone(project_folder), Frontier(project_folder / "frontier.sqlite") as frontier, _sigterm_raises():
        under_way = _Crawl(store, frontier, project_folder, Outcome(run_id, fetched), say, progress)
        under_way.begin(fetched if restart else ())
        under_way.run(read, fetched, spec)
    return under_way.outcome.result(time.monotonic() - began)


def _specs(fetched: Sequence[FetchedSource]) -> tuple[SourceSpec, ...]:
    declared = [source.declared() for source in fetched]
    return tuple(SourceSpec(source_id(one["name"], one), one) for one in declared)


@dataclass
class _Crawl:
    """A crawl under way: what its sources give goes into the store, and is heard."""

    store: Store
    frontier: Frontier
    project_folder: Path
    outcome: Outcome
    say: Callable[[str], None]
    progress: Callable[[LiveState | Reading], None]
    drained_at: float = field(default_factory=time.monotonic)

    def begin(self, forgotten: Sequence[FetchedSource]) -> None:
        """Bring in what an earlier crawl has left, and forget what is known of these sources."""
        left = self._drain()
        if left:
            self.say(f"Brought in {left} pages that an earlier crawl had fetched.")
        for source in forgotten:
            Passes(self.frontier).forget(source.name)

    def run(self, read: Sequence[Declaration], fetched: Sequence[FetchedSource], spec: CrawlSpec) -> None:
        """Read what is read, fetch what is fetched, and hear what is left."""
        try:
            for source in read:
                self.say(f'Reading "{source.name}" ({source.kind}).')
                self.outcome.hear_read(read_in(self.store, self.project_folder, source, self.progress))
            if fetched:
                self._fetch(fetched, spec)
        finally:
            self._drain()
            self.store.let_go()
        self._hear_what_is_left(fetched)

    def _fetch(self, fetched: Sequence[FetchedSource], spec: CrawlSpec) -> None:
        outbox = Outbox(self.frontier)
        for source, told in zip(fetched, spec.sources, strict=True):
            self.say(f'Crawling "{source.name}" ({source.render}).')
            outbox.add_source(told.source_id, name=source.name, kind=source.kind, declared=told.declared)
        self.store.let_go()
        fetch(self.frontier, spec, self._look, self.say)

    def _look(self) -> None:
        live = self._live()
        if live is not None:
            self.progress(live)
        waiting = Outbox(self.frontier).waiting()
        waited = time.monotonic() - self.drained_at
        if waiting >= PAGES_WORTH_A_DRAIN or (waiting and waited > SECONDS_BETWEEN_DRAINS):
            self._drain_if_free()

    def _live(self) -> LiveState | None:
        live = read_live(self.frontier)
        return live if live is not None and live.run_id == self.outcome.run_id else None

    def _drain(self) -> int:
        return drain(self.store, self.frontier, self.outcome.hear)

    def _drain_if_free(self) -> None:
        patience, self.store.wait = self.store.wait, 0.0
        try:
            self._drain()
        except StoreHeldElsewhere:
            pass  # it waits in the outbox; the last drain, after the fetching, is the one that must succeed
        finally:
            self.store.wait = patience
            self.store.let_go()
        self.drained_at = time.monotonic()

    def _hear_what_is_left(self, fetched: Sequence[FetchedSource]) -> None:
        queue, ended = Queue(self.frontier), self._live()
        for source in fetched:
            self.outcome.hear_skipped(source.name, queue.skipped(source.name))
        if ended is None:
            return
        self.outcome.hear_closed(ended.closed)
        for source in fetched:
            self.outcome.hear_left(source.name, queue.waiting([source.name]), ended.closed)
        self.outcome.hear_too_deep(ended.too_deep)


@contextmanager
def _alone(project_folder: Path) -> Iterator[None]:
    lock = FileLock(project_folder / "frontier.sqlite.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CrawlRunning(
            f"Another crawl of {project_folder} is under way; wait for it to end, or stop it."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that the child is ended and what it fetched is brought in."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
