"""The requests of a frontier: queued, leased, done or skipped; every URL that a source knows is one row, on disk."""

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from crawlers.frontier.file import Frontier
from crawlers.frontier.leases import LeaseLost, lives, this_process
from crawlers.frontier.skipped import KILLED, reason
from crawlers.scope import identity_of

LONGEST_WAIT = 86_400.0
"""Seconds: a row that would wait longer was put back by a clock that has gone backwards since."""
DEATHS_FORGIVEN = 10
"""A request that was in hand at more deaths of the process than this is left alone."""
KILLED_EACH_TIME = reason(KILLED, "the process that fetches died each time this page was in hand")
LONGEST_REST = 120
"""Seconds. After its first death a request rests for twice as long each time, so that what else is queued goes first,
and deaths in short succession, whose fault it is not, are few of its own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to be queued, unless it is known.

    Attributes:
        source: The source's name.
        url: Canonical.
        host: Of the URL, `host` or `host:port`.
        request: Of another spider than ours: the whole Scrapy request.
    """

    source: str
    url: str
    host: str
    role: str = "page"
    about: Mapping[str, Any] | None = None
    priority: int = 0
    depth: int = 0
    request: bytes | None = None
    fingerprint: bytes | None = None

    @property
    def key(self) -> bytes:
        """By what it is known within its source."""
        return self.fingerprint or fingerprint(self.role, self.url)


@dataclass(frozen=True)
class Fetched:
    """What is kept of an answer for the next time that its URL is asked."""

    status: int | None = None
    fetched_at: float | None = None
    page_id: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    text_hash: str | None = None
    warc_file: str | None = None
    warc_offset: int | None = None
    source_id: str | None = None
    gave_records: int | None = None


def fingerprint(role: str, url: str) -> bytes:
    """16 bytes that name a request within its source; the same for every order of the URL's query."""
    return hashlib.sha256(f"{role}\n{identity_of(url)}".encode()).digest()[:16]


class Queue:
    """The requests of a frontier."""

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier

    def add(
        self, wanted: Iterable[Wanted], number: int = 1, judge: Callable[[Wanted], str | None] | None = None
    ) -> list[bool]:
        """Queue for pass `number` what is not known yet; says of each whether it was queued.

        `judge` is asked of each that is new, and may say why it is not to be fetched; it is then known, and skipped.
        """
        queued = []
        with self._frontier.transaction():
            for one in wanted:
                about = json.dumps(dict(one.about), ensure_ascii=False) if one.about else None
                cursor = self._frontier.write(
                    """
                    INSERT OR IGNORE INTO requests
                        (source, fingerprint, url, role, about, host, priority, depth, pass, state, request)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?)
                    """,
                    (
                        one.source,
                        one.key,
                        one.url,
                        one.role,
                        about,
                        one.host,
                        one.priority,
                        one.depth,
                        number,
                        one.request,
                    ),
                )
                is_new, row = cursor.rowcount > 0, cursor.lastrowid
                why = judge(one) if is_new and judge is not None else None
                if why is not None:
                    self._frontier.write("UPDATE requests SET state = 'skipped', why = ? WHERE id = ?", (why, row))
                queued.append(is_new and why is None)
        return queued

    def add_done(self, wanted: Wanted, fetched: Fetched, number: int) -> None:
        """Know a URL as fetched in pass `number`, unless it is queued or in hand and so asked for by itself."""
        with self._frontier.transaction():
            (new,) = self.add([wanted], number)
            row = self.known(wanted.source, wanted.role, wanted.url)
            assert row is not None
            if new or row["state"] in ("done", "skipped"):
                self._answered(row["id"], fetched)
                self._frontier.write("UPDATE requests SET pass = ?, why = NULL WHERE id = ?", (number, row["id"]))

    def known(self, source: str, role: str, url: str) -> sqlite3.Row | None:
        """The row of a URL, where the source knows it."""
        found = self._frontier.read(
            "SELECT * FROM requests WHERE source = ? AND fingerprint = ?", (source, fingerprint(role, url))
        )
        return found[0] if found else None

    def hosts(self, source: str) -> list[str]:
        """The hosts of which the source has requests that may be taken now."""
        found = self._frontier.read(
            """
            WITH RECURSIVE ready (host) AS (
                SELECT min(host) FROM requests WHERE source = :source AND state = 'queued' AND not_before = 0
                UNION ALL
                SELECT (
                    SELECT min(host) FROM requests
                    WHERE source = :source AND host > ready.host AND state = 'queued' AND not_before = 0
                )
                FROM ready
                WHERE ready.host IS NOT NULL
            )
            SELECT host FROM ready WHERE host IS NOT NULL
            """,
            {"source": source},  # type: ignore[arg-type]
        )
        return [row["host"] for row in found]

    def waiting(self, sources: Sequence[str]) -> dict[str, int]:
        """How many requests of these sources are queued, by host; reads an index over all of them."""
        counts: Counter[str] = Counter()
        for source in sources:
            # SQLite would take the index over all that is known.
            for index, later in (("requests_ready", "="), ("requests_later", ">")):
                for row in self._frontier.read(
                    f"""
                    SELECT host, count(*) AS n FROM requests INDEXED BY {index}
                    WHERE source = ? AND state = 'queued' AND not_before {later} 0
                    GROUP BY host
                    """,
                    (source,),
                ):
                    counts[row["host"]] += row["n"]
        return dict(counts)

    def lease(self, source: str, host: str) -> sqlite3.Row | None:
        """Take the request of a source on a host that comes first: by priority, then depth, then order."""
        found = self._frontier.write(
            """
            UPDATE requests SET state = 'leased', owner = ?
            WHERE id = (
                SELECT id FROM requests
                WHERE source = ? AND host = ? AND state = 'queued' AND not_before = 0
                ORDER BY priority DESC, depth, id
                LIMIT 1
            )
            RETURNING *
            """,
            (this_process(), source, host),
        ).fetchall()
        return found[0] if found else None

    def put_back(self, row: int, not_before: float, tries: int) -> None:
        """Queue a leased request again, not to be taken before that moment (epoch seconds)."""
        self._frontier.write(
            """
            UPDATE requests SET state = 'queued', owner = NULL, not_before = ?, tries = ?
            WHERE id = ? AND state = 'leased'
            """,
            (max(not_before, 0.0), tries, row),
        )

    def done(self, row: int, fetched: Fetched) -> None:
        """Note that a request in hand was answered, or is given up, and what is to be known the next time.

        Raises:
            LeaseLost: It is not in hand of this process.
        """
        with self._frontier.transaction():
            self._must_be_ours(row)
            self._answered(row, fetched)

    def _answered(self, row: int, fetched: Fetched) -> None:
        self._frontier.write(
            """
            UPDATE requests
            SET state = 'done', owner = NULL, tries = 0, deaths = 0, not_before = 0, status = ?, fetched_at = ?,
                page_id = ?, etag = ?, last_modified = ?, body_hash = ?, text_hash = ?, warc_file = ?, warc_offset = ?,
                source_id = ?, gave_records = ?
            WHERE id = ?
            """,
            (*astuple(fetched), row),
        )

    def read_anew(self, source: str, role: str, url: str) -> None:
        """Know no longer that a page was read: the next time its source asks for it, it is read again."""
        self._frontier.write(
            "UPDATE requests SET gave_records = NULL WHERE source = ? AND fingerprint = ?",
            (source, fingerprint(role, url)),
        )

    def skip(self, row: int, why: str) -> None:
        """Note that a request in hand will not be made.

        Raises:
            LeaseLost: It is not in hand of this process.
        """
        with self._frontier.transaction():
            self._must_be_ours(row)
            self._frontier.write(
                "UPDATE requests SET state = 'skipped', owner = NULL, not_before = 0, why = ? WHERE id = ?", (why, row)
            )

    def _must_be_ours(self, row: int) -> None:
        if not self._frontier.read(
            "SELECT 1 FROM requests WHERE id = ? AND state = 'leased' AND owner = ?", (row, this_process())
        ):
            raise LeaseLost(f"Request {row} of {self._frontier.path} is not in hand here any more.")

    def skip_queued(self, source: str, why: str, *, but: str) -> int:
        """Skip all that a source has queued, but for one role; gives how many."""
        return self._frontier.write(
            """
            UPDATE requests SET state = 'skipped', not_before = 0, why = ?
            WHERE source = ? AND state = 'queued' AND role <> ?
            """,
            (why, source, but),
        ).rowcount

    def wake(self, sources: Sequence[str], now: float | None = None) -> list[tuple[str, str]]:
        """Let requests of these sources whose time has come be taken; gives their sources and hosts."""
        now = time.time() if now is None else now
        due = f"""
            state = 'queued' AND not_before > 0 AND (not_before <= ?1 OR not_before > ?1 + {LONGEST_WAIT})
                AND source IN (SELECT value FROM json_each(?2))
        """
        args = (now, json.dumps(list(sources)))
        with self._frontier.transaction():
            found = self._frontier.read(f"SELECT DISTINCT source, host FROM requests WHERE {due}", args)
            if found:
                self._frontier.write(f"UPDATE requests SET not_before = 0 WHERE {due}", args)
        return [(row["source"], row["host"]) for row in found]

    def next_due(self, sources: Sequence[str], *, but: Iterable[str] = (), now: float | None = None) -> float | None:
        """When the first request that waits may be taken, in epoch seconds; None when none waits.

        Those of the hosts `but` are not waited for. One that would wait longer than `LONGEST_WAIT` may be taken now.
        """
        now = time.time() if now is None else now
        (row,) = self._frontier.read(
            """
            SELECT min(not_before) FROM requests INDEXED BY requests_later
            WHERE state = 'queued' AND not_before > 0
                AND source IN (SELECT value FROM json_each(?)) AND host NOT IN (SELECT value FROM json_each(?))
            """,
            (json.dumps(list(sources)), json.dumps(list(but))),
        )
        if row[0] is None:
            return None
        return now if row[0] > now + LONGEST_WAIT else float(row[0])

    def move_waits(self, sources: Sequence[str], seconds: float) -> None:
        """Let what waits of these sources be due so much later, or earlier where that is negative."""
        self._frontier.write(
            """
            UPDATE requests SET not_before = max(not_before + ?, 1.0)
            WHERE state = 'queued' AND not_before > 0 AND source IN (SELECT value FROM json_each(?))
            """,
            (seconds, json.dumps(list(sources))),
        )

    def take_back(self, *, own: bool = False, now: float | None = None) -> tuple[int, int]:
        """Queue again what processes that died had leased; of this one only where `own` says that it is of no use.

        Gives how many, and how many of them were in hand at so many deaths that they are skipped.
        """
        now = time.time() if now is None else now
        again = given_up = 0
        with self._frontier.transaction():
            for row in self._frontier.read("SELECT DISTINCT owner FROM requests WHERE state = 'leased'"):
                owner = row["owner"]
                if not own if owner == this_process() else lives(owner):
                    continue
                given_up += self._frontier.write(
                    """
                    UPDATE requests SET state = 'skipped', owner = NULL,
                        why = ?
                    WHERE state = 'leased' AND owner = ? AND deaths >= ?
                    """,
                    (KILLED_EACH_TIME, owner, DEATHS_FORGIVEN),
                ).rowcount
                again += self._frontier.write(
                    """
                    UPDATE requests SET state = 'queued', owner = NULL, deaths = deaths + 1,
                        not_before = CASE deaths WHEN 0 THEN 0 ELSE ? + min(1 << deaths, ?) END
                    WHERE state = 'leased' AND owner = ?
                    """,
                    (now, LONGEST_REST, owner),
                ).rowcount
        return again, given_up

    def release(self, owner: str) -> int:
        """Queue again what a process had leased that was asked to end, or said why it could not go on; gives how many.

        `owner` is how its name begins: `this_process()`, or `"PID:"` of another one that has ended.
        """
        return self._frontier.write(
            """
            UPDATE requests SET state = 'queued', owner = NULL
            WHERE state = 'leased' AND substr(owner, 1, length(?1)) = ?1
            """,
            (owner,),
        ).rowcount

    def leased_by_others(self) -> bool:
        """Whether another process that lives has requests in hand."""
        return bool(
            self._frontier.read(
                "SELECT 1 FROM requests WHERE state = 'leased' AND owner <> ? LIMIT 1", (this_process(),)
            )
        )

    def skipped(self, source: str) -> list[tuple[str, int, str]]:
        """Why requests of a source were skipped, how many for that, and one of them."""
        found = self._frontier.read(
            """
            SELECT why, count(*) AS n, min(url) AS url FROM requests
            WHERE source = ? AND state = 'skipped'
            GROUP BY why
            """,
            (source,),
        )
        return [(row["why"], row["n"], row["url"]) for row in found]
