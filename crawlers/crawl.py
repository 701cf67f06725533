"""A crawl as its owner sees it: start the process that fetches, bring what it found into the store, end it.

The store's file is held only while a batch is brought in, never while pages are being fetched.
"""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from crawlers.crawl_spec import DEFAULT_LIMITS, DEFAULT_RIGHTS, CrawlSpec, Limits, RightsSpec, SourceSpec
from crawlers.declaration import Declaration
from crawlers.drain import drain
from crawlers.fetched_source import FetchedSource
from crawlers.frontier.file import Frontier, NoSpace
from crawlers.frontier.outbox import Outbox
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import Queue
from crawlers.kinds import request_headers
from crawlers.live import LiveState, read_live
from crawlers.outcome import CrawlResult, Outcome
from crawlers.proxies.declaration import NO_PROXIES, ProxiesSection
from crawlers.read_in import Reading, is_read, read_in
from crawlers.run import GRACE_SECONDS
from crawlers.scope import host_of
from store.database import Store, StoreHeldElsewhere
from store.errors import RequestError, TilthError
from store.sources import source_id

PAGES_WORTH_A_DRAIN = 500
SECONDS_BETWEEN_DRAINS = 5.0
SECONDS_BETWEEN_LOOKS = 0.2


class CrawlFailed(TilthError):
    """The process that fetches could not go on; what it had fetched is kept."""


class CrawlRunning(TilthError):
    """Another crawl of the same project is under way."""


class NoSources(RequestError):
    """There is nothing to crawl."""


class NoContact(RequestError):
    """A site's people could not reach whoever crawls it."""


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
    _refuse_without_contact(fetched, contact)
    for source in fetched:
        request_headers(source)  # what is missing for them is missing before anything is asked
    proxies.proxies(os.environ)
    if any(source.render != "http" for source in fetched):
        from crawlers.browser.executable import find_browser

        find_browser()
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
        spec = CrawlSpec(
            run_id=outcome.run_id,
            sources=tuple(_source_spec(source) for source in fetched),
            project_folder=str(project_folder.resolve()),
            contact=contact,
            limits=limits,
            rights=rights,
            proxies=proxies.declared(),
        )
        try:
            for source in read:
                say(f'Reading "{source.name}" ({source.kind}).')
                outcome.hear_read(read_in(store, project_folder, source, progress))
            for source in fetched:
                say(f'Crawling "{source.name}" ({source.render}).')
            if fetched:
                _fetch(store, frontier, spec, outcome, lambda: _look(progress, outcome, frontier))
        finally:
            drain(store, frontier, outcome.hear)
            store.let_go()
        for source in fetched:
            outcome.hear_skipped(source.name, Queue(frontier).skipped(source.name))
        ended = read_live(frontier)
        if fetched and ended is not None and ended.run_id == outcome.run_id:
            outcome.hear_closed(ended.closed)
            outcome.hear_too_deep(ended.too_deep)
    return outcome.result(time.monotonic() - began)


def _refuse_without_contact(sources: Sequence[FetchedSource], contact: str) -> None:
    if contact.strip():
        return
    for source in sources:
        for host in (*map(host_of, source.start), *source.hosts):
            if not _is_local(host):
                raise NoContact(
                    f'source "{source.name}" is on {host}, whose people must be able to reach you: '
                    "write an e-mail address or a URL as contact under [project] in tilth.toml."
                )


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _source_spec(source: Declaration) -> SourceSpec:
    declared = source.declared()
    return SourceSpec(source_id(source.name, declared), declared)


def _fetch(store: Store, frontier: Frontier, spec: CrawlSpec, outcome: Outcome, look: Callable[[], None]) -> None:
    outbox = Outbox(frontier)
    for source in spec.sources:
        outbox.add_source(
            source.source_id,
            name=source.declared["name"],
            kind=source.declared["kind"],
            declared=source.declared,
        )
    store.let_go()
    with tempfile.TemporaryDirectory(prefix="tilth-crawl-") as place:
        told, log = Path(place) / "spec.json", Path(place) / "log"
        spec.write(told)
        with log.open("wb") as errors, _child(told, errors) as child:
            drained = time.monotonic()
            while not _ended(child):
                look()
                waiting = outbox.waiting()
                if waiting >= PAGES_WORTH_A_DRAIN or (waiting and time.monotonic() - drained > SECONDS_BETWEEN_DRAINS):
                    _drain_if_free(store, frontier, outcome)
                    drained = time.monotonic()
            said = child.stdout.read() if child.stdout else b""
        look()
        if child.returncode:
            _raise_failure(child.returncode, said, log.read_text(errors="replace"))


def _drain_if_free(store: Store, frontier: Frontier, outcome: Outcome) -> None:
    try:
        drain(store, frontier, outcome.hear)
    except StoreHeldElsewhere:
        return  # it waits in the outbox; the last drain, after the fetching, is the one that must succeed
    finally:
        store.let_go()


@contextmanager
def _child(told: Path, errors: object) -> Iterator[subprocess.Popen[bytes]]:
    """The process that fetches. It lives no longer than the block, and no longer than this process."""
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    child = subprocess.Popen(
        # -P: a folder of the user's that is named like one of our packages must not be imported instead.
        [sys.executable, "-P", "-m", "crawlers.run", str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,  # type: ignore[call-overload]
        env=environment,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        assert child.stdin is not None
        child.stdin.close()  # at its end the child finishes what it is fetching
        try:
            child.wait(timeout=GRACE_SECONDS + 4)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
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


def _look(progress: Callable[[LiveState | Reading], None], outcome: Outcome, frontier: Frontier) -> None:
    live = read_live(frontier)
    if live is not None and live.run_id == outcome.run_id:
        progress(live)


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
