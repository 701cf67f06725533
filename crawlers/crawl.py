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
    began = time.monotonic()
    outcome = Outcome(uuid.uuid4().hex, fetched)
    with _alone(project_folder), Frontier(project_folder / "frontier.sqlite") as frontier, _sigterm_raises():
        left = drain(store, frontier, outcome.hear)
        if left:
            say(f"Brought in {left} pages that an earlier crawl had fetched.")
        if restart:
            for source in fetched:
                Passes(frontier).forget(source.name)
        try:
            for source in read:
                say(f'Reading "{source.name}" ({source.kind}).')
                outcome.hear_read(read_in(store, project_folder, source, progress))
            for source in fetched:
                say(f'Crawling "{source.name}" ({source.render}).')
            if fetched:
                spec = CrawlSpec(
                    outcome.run_id,
                    _specs(fetched),
                    str(project_folder.resolve()),
                    contact,
                    limits,
                    rights,
                    proxies.declared(),
                )
                _fetch(store, frontier, spec, outcome, progress, say)
        finally:
            drain(store, frontier, outcome.hear)
            store.let_go()
        _hear_what_is_left(frontier, fetched, outcome)
    return outcome.result(time.monotonic() - began)


def _specs(fetched: Sequence[FetchedSource]) -> tuple[SourceSpec, ...]:
    declared = [source.declared() for source in fetched]
    return tuple(SourceSpec(source_id(one["name"], one), one) for one in declared)


def _fetch(
    store: Store,
    frontier: Frontier,
    spec: CrawlSpec,
    outcome: Outcome,
    progress: Callable[[LiveState], None],
    say: Callable[[str], None],
) -> None:
    outbox, drains = Outbox(frontier), _Drains(store, frontier, outcome)
    for source in spec.sources:
        outbox.add_source(
            source.source_id,
            name=source.declared["name"],
            kind=source.declared["kind"],
            declared=source.declared,
        )
    store.let_go()

    def look() -> None:
        live = _live(frontier, outcome)
        if live is not None:
            progress(live)
        drains.when_due()

    fetch(frontier, spec, look, say)


def _live(frontier: Frontier, outcome: Outcome) -> LiveState | None:
    live = read_live(frontier)
    return live if live is not None and live.run_id == outcome.run_id else None


def _hear_what_is_left(frontier: Frontier, fetched: Sequence[FetchedSource], outcome: Outcome) -> None:
    queue, ended = Queue(frontier), _live(frontier, outcome)
    for source in fetched:
        outcome.hear_skipped(source.name, queue.skipped(source.name))
    if ended is None:
        return
    outcome.hear_closed(ended.closed)
    for source in fetched:
        outcome.hear_left(source.name, queue.waiting([source.name]), ended.closed)
    outcome.hear_too_deep(ended.too_deep)


@dataclass
class _Drains:
    """Brings into the store what the process that fetches has kept, now and then while it goes on."""

    store: Store
    frontier: Frontier
    outcome: Outcome
    last: float = field(default_factory=time.monotonic)

    def when_due(self) -> None:
        """Bring in what waits, where that is much or waits long, and nobody else has the store."""
        waiting = Outbox(self.frontier).waiting()
        if waiting < PAGES_WORTH_A_DRAIN and not (waiting and time.monotonic() - self.last > SECONDS_BETWEEN_DRAINS):
            return
        patience, self.store.wait = self.store.wait, 0.0
        try:
            drain(self.store, self.frontier, self.outcome.hear)
        except StoreHeldElsewhere:
            pass  # it waits in the outbox; the last drain, after the fetching, is the one that must succeed
        finally:
            self.store.wait = patience
            self.store.let_go()
        self.last = time.monotonic()


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
