"""Files that say how a host wants to be treated, such as robots.txt: fetched once a day for all who ask."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CannotResolveHostError, IgnoreRequest, StopDownload
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.manners.host_rows import Rows
from crawlers.manners.hosts import LONGEST_WAIT, TurnFarOff
from crawlers.manners.robots_file import MOST_BYTES, whole_lines, without_last_line
from crawlers.manners.turns import hosts_of
from crawlers.page_error import describe
from crawlers.recent import Recent
from crawlers.safety.of_crawl import STRANGER
from crawlers.scope import DEFAULT_PORTS

DAY = 86_400.0
"""Seconds that a file is used without being asked for again (RFC 9309, section 2.4)."""
MOST_UNPACKED = 20 * MOST_BYTES
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ROBOTS = "/robots.txt"
PATIENCE = 30.0
"""Seconds over which a robots.txt that cannot be had is tried again; Scrapy setting MANNERS_PATIENCE."""
PATIENCE_FOR_A_NAME = 5.0
"""The same where the host's name is not known: most such names are misspelt."""
META = {
    "host_file": 0,  # how many bytes of it were read
    "download_maxsize": 0,  # reading ends by itself
    "dont_obey_robotstxt": True,
    "dont_redirect": True,
    "dont_retry": True,
}
IN_MEMORY = 256
FAILURES_IN_MEMORY = 10_000
SMALL = 16 * 1024
CUT = "download_stopped"
"""Scrapy's flag of an answer that was not read to its end."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HostFile:
    """A file of a host, or why it could not be had.

    Attributes:
        status: Of the last answer; None where there was none.
        body: At most 500 KiB of it, in whole lines, and empty unless it was found.
        fetched_at: Epoch seconds.
        error: None where the host said what holds: that there is such a file, or that there is none.
        again_at: Of one that could not be had: when it will be tried again, in epoch seconds.
        given_up: Whether it was tried as long as is worth waiting for.
    """

    status: int | None
    body: bytes
    fetched_at: float
    error: str | None = None
    again_at: float = 0.0
    given_up: bool = False

    @property
    def found(self) -> bool:
        """Whether there is such a file."""
        return self.error is None and self.status is not None and 200 <= self.status < 300


@dataclass
class _Failure:
    tries: int
    began: float
    file: HostFile


def host_files_of(crawler: Crawler) -> HostFiles:
    """The crawl's `HostFiles`, one for all who ask."""
    files: HostFiles | None = getattr(crawler, "host_files", None)
    if files is None:
        files = HostFiles(crawler)
        crawler.host_files = files  # type: ignore[attr-defined]
    return files


class HostFiles:
    """Fetches through the crawl's own downloader, so that each fetch takes its turn, is archived and is kept inside."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._hosts = hosts_of(crawler)
        self._rows: Rows | None = self._hosts.rows
        self._patience = crawler.settings.getfloat("MANNERS_PATIENCE", PATIENCE)
        self._recent: OrderedDict[tuple[str, str], HostFile] = OrderedDict()
        self._failures: Recent[tuple[str, str], _Failure] = Recent(FAILURES_IN_MEMORY)
        self._flights: dict[tuple[str, str], asyncio.Future[HostFile]] = {}
        crawler.signals.connect(self._enough, signals.bytes_received)

    async def get(self, root_url: str, path: str) -> HostFile:
        """The file at `path` of the host of `root_url`, of which only scheme, host and port count.

        A file that cannot be had (5xx, 429, no connection) is tried again when it is asked for after a growing pause.

        Raises:
            IgnoreRequest: The crawl may not go to that host at all.
        """
        key = (root_of(root_url), path)
        kept = self._kept(key)
        if kept is not None:
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(self._fly(key))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Who gives up waiting does not end it for the others.
        return await asyncio.shield(flight)

    def _kept(self, key: tuple[str, str]) -> HostFile | None:
        now = self._hosts.wall()
        failure = self._failures.get(key)
        if failure is not None:
            return failure.file if now < failure.file.again_at <= now + DAY else None
        file = self._recent.get(key)
        if file is None and self._rows is not None:
            for row in self._rows.read(
                "SELECT fetched_at, status, body, error FROM host_files WHERE host = ? AND path = ?", list(key)
            ):
                file = HostFile(row["status"], bytes(row["body"] or b""), row["fetched_at"], row["error"])
        # One of the future was fetched before the clock was set back; nobody knows how long ago.
        if file is None or not 0 <= now - file.fetched_at < DAY:
            return None
        self._remember(key, file)
        return file

    def _remember(self, key: tuple[str, str], file: HostFile) -> None:
        if self._rows is not None and len(file.body) > SMALL:
            return
        self._recent[key] = file
        self._recent.move_to_end(key)
        if self._rows is not None and len(self._recent) > IN_MEMORY:
            self._recent.popitem(last=False)

    async def _fly(self, key: tuple[str, str]) -> HostFile:
        root, path = key
        try:
            response = await self._fetch(root + path)
        except IgnoreRequest:
            raise
        except TurnFarOff as far:
            return HostFile(None, b"", self._hosts.wall(), str(far), again_at=far.ready_at)
        except Exception as error:  # noqa: BLE001 - whatever a host or a library does, it is this file's trouble
            logger.info("%s%s could not be had: %r", root, path, error)
            unknown = isinstance(error, CannotResolveHostError)
            return self._failed(key, None, self._said(error), PATIENCE_FOR_A_NAME if unknown else self._patience)
        if response is None:
            file = HostFile(None, b"", self._hosts.wall())
        elif response.status == 429 or response.status >= 500:
            return self._failed(key, response.status, f"the server answered {response.status}", self._patience)
        else:
            body = _whole(response) if 200 <= response.status < 300 else b""
            file = HostFile(response.status, body, self._hosts.wall())
        self._failures.pop(key, None)
        self._recent.pop(key, None)
        self._remember(key, file)
        if self._rows is not None:
            self._rows.write(
                "INSERT OR REPLACE INTO host_files (host, path, fetched_at, status, body, error)"
                " VALUES (?, ?, ?, ?, ?, NULL)",
                [root, path, file.fetched_at, file.status, file.body],
            )
        return file

    async def _fetch(self, url: str) -> Response | None:
        """The answer after at most five redirects; None after more, which is no file (section 2.3.1.2)."""
        engine = self._crawler.engine
        assert engine is not None
        asked = urlsplit(url).hostname
        for hop in range(MOST_REDIRECTS + 1):
            # Where a host sends us on to another one, no source's naming of that one counts.
            meta = META | {STRANGER: urlsplit(url).hostname != asked}
            request = Request(url, callback=NO_CALLBACK, priority=1000, dont_filter=True, meta=meta)
            try:
                response = await engine.download_async(request)
            except IgnoreRequest as refused:
                if hop == 0 and not request.meta["host_file"]:
                    raise
                raise UnusableFile(str(refused)) from refused
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or location is None:
                return response
            url = urljoin(response.url, location.decode("latin-1").strip())
            if not url.startswith(("http://", "https://")):
                return None
        return None

    def _failed(self, key: tuple[str, str], status: int | None, why: str, patience: float) -> HostFile:
        """Note a failure; robots.txt is tried again soon, for nothing may be fetched without it, others in an hour."""
        now = self._hosts.wall()
        failure = self._failures.get(key)
        tries, began = (failure.tries + 1, failure.began) if failure is not None else (1, now)
        pause = min(2.0 ** (tries - 1), LONGEST_WAIT)
        given_up = key[1] != ROBOTS or now + pause - began > patience or now < began
        if given_up:
            # The next time it is asked for it has as many tries again.
            tries, began, pause = 0, now + LONGEST_WAIT, LONGEST_WAIT
        file = HostFile(status, b"", now, why, again_at=now + pause, given_up=given_up)
        self._failures[key] = _Failure(tries, began, file)
        return file

    def _said(self, error: Exception) -> str:
        settings = self._crawler.settings
        timeout, most = settings.getfloat("DOWNLOAD_TIMEOUT"), settings.getint("DOWNLOAD_MAXSIZE")
        return describe(error, url=ROBOTS, timeout=timeout, max_bytes=most).partition(": ")[2]

    def _enough(self, data: bytes, request: Request) -> None:
        """Stop reading a file that is longer than what is read of it."""
        meta = request.meta
        if "host_file" not in meta:
            return
        meta["host_file"] += len(data)
        meta["download_maxsize"] = MOST_UNPACKED  # for its unpacking, which reads it after this
        if meta["host_file"] > MOST_BYTES:
            raise StopDownload(fail=False)


class UnusableFile(Exception):
    """The host answered with what cannot be read."""


def _whole(response: Response) -> bytes:
    """What was read of the file; of one that was cut, what stands before the line in which it was."""
    cut = CUT in response.flags and len(response.body) <= MOST_BYTES
    return without_last_line(response.body) if cut else whole_lines(response.body)


def root_of(url: str) -> str:
    """Scheme, host and port, for which a robots.txt stands (section 2.3)."""
    parts = urlsplit(url)
    name = (parts.hostname or "").lower()
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://[{name}]{port}" if ":" in name else f"{parts.scheme}://{name}{port}"
