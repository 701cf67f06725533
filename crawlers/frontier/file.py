"""`frontier.sqlite`, open: what is to be fetched, what was, and what the store does not have yet.

The process that fetches writes here, page by page; the process that owns the store takes from here, batch by batch. A
page, what it gave and that it is done become durable together, so a kill of either loses nothing.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crawlers.frontier.tables import VERSIONS, statements
from store.errors import TilthError

BUSY_SECONDS = 30.0
"""So long another process may hold the file before this one gives up."""
NO_ROOM = 2**20
"""Bytes: with less than this free, a write that failed is taken to have failed for want of room."""


class FrontierUnreadable(TilthError):
    """`frontier.sqlite` is damaged, or was made by a newer tilth."""


class FrontierUnusable(TilthError):
    """`frontier.sqlite` cannot be opened, read or written where it lies; nothing is wrong with what is in it."""


class FrontierBusy(TilthError):
    """Another process held `frontier.sqlite` too long."""


class NoSpace(TilthError):
    """There was no room to keep a page; what was kept before is safe."""


class Frontier:
    """The file, open. Several processes may have it open at once.

    Raises:
        FrontierBusy, FrontierUnusable, NoSpace: The file, or the disk, does not let it be used now.
        FrontierUnreadable: It is not a frontier, or not one that this version understands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._depth = 0
        with self._in_words():
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=256)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            # A commit survives the death of the process; a power cut may take the last ones, never a part of one.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA cache_size = -32000")  # KiB: the tops of a million rows' indexes
            self._prepare()

    def __enter__(self) -> "Frontier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._in_words():
            return self._db.execute(sql, args).fetchall()

    def write(self, sql: str, args: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement that writes; by itself it is a transaction of its own."""
        if self._depth:
            return self._db.execute(sql, args)
        with self._in_words():
            return self._db.execute(sql, args)

    def write_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row, all or none."""
        with self.transaction():
            return self._db.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes durable together, or not at all; an inner one joins the outer.

        Raises:
            FrontierBusy, FrontierUnusable, NoSpace: It could not be made durable.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with self._in_words():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._depth = 1
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it already
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            told = in_words(error, self.path)
            if told is None:
                raise
            raise told from error

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _prepare(self) -> None:
        newest = len(VERSIONS)
        if self._version() == newest:
            return  # a crawl that is under way may hold the file for writing
        with self.transaction():
            version = self._version()
            if version > newest:
                raise FrontierUnreadable(f"{self.path} was made by a newer tilth (version {version}); upgrade tilth.")
            for script in VERSIONS[version:]:
                for statement in statements(script):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {newest}")


def in_words(error: sqlite3.Error, path: Path) -> TilthError | None:
    """What SQLite complains of, for a person; None where it is our own doing."""
    what = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says where in SQLite it happened
    if what == sqlite3.SQLITE_FULL or (what == sqlite3.SQLITE_IOERR and _free(path) < NO_ROOM):
        return NoSpace(
            f"No space left on the disk that holds {path}. What was fetched before is safe; "
            "free some room and crawl again."
        )
    if what in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return FrontierBusy(f"{path} is held by another process; end that, or crawl again when it has ended.")
    if what in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return FrontierUnreadable(
            f"{path} cannot be opened as a frontier ({error}); move it away to start with an empty one."
        )
    if isinstance(error, sqlite3.OperationalError) and what not in (0, sqlite3.SQLITE_ERROR):
        return FrontierUnusable(
            f"{path} cannot be used ({error}); look at the rights to it and its folder, and at the disk. "
            "Nothing is wrong with what is in it."
        )
    return None


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return 0
