"""`frontier.sqlite`, open: what is to be fetched, what was, and what the store does not have yet.

The process that fetches writes here, page by page; the process that owns the store takes from here, batch by batch. A
page, what it gave and that it is done become durable together, so a kill of either loses nothing.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crawlers.frontier.tables import VERSIONS, statements
from store.errors import TilthError


class FrontierUnreadable(TilthError):
    """`frontier.sqlite` is damaged, or was made by a newer tilth."""


class NoSpace(TilthError):
    """There was no room to keep a page; what was kept before is safe."""


class Frontier:
    """The file, open. Several processes may have it open at once.

    Raises:
        FrontierUnreadable: It is not a frontier, or not one that this version understands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._depth = 0
        try:
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, cached_statements=256)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            # A commit survives the death of the process; a power cut may take the last ones, never a part of one.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA cache_size = -32000")  # KiB: the tops of a million rows' indexes
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise FrontierUnreadable(
                f"{path} cannot be opened as a frontier ({error}); move it away to start with an empty one."
            ) from error

    def __enter__(self) -> "Frontier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self._db.execute(sql, args).fetchall()

    def write(self, sql: str, args: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement that writes; by itself it is a transaction of its own."""
        if self._depth:
            return self._db.execute(sql, args)
        with self._clear_about_the_disk():
            return self._db.execute(sql, args)

    def write_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for each row, all or none."""
        with self.transaction():
            return self._db.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside becomes durable together, or not at all; an inner one joins the outer.

        Raises:
            NoSpace: The disk is full.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with self._clear_about_the_disk():
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
    def _clear_about_the_disk(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "disk is full" in str(error):
                raise NoSpace(
                    f"No space left on the disk that holds {self.path}. What was fetched before is safe; "
                    "free some room and crawl again."
                ) from error
            raise

    def _prepare(self) -> None:
        newest = len(VERSIONS)
        with self.transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > newest:
                raise FrontierUnreadable(f"{self.path} was made by a newer tilth (version {version}); upgrade tilth.")
            if version == newest:
                return
            for script in VERSIONS[version:]:
                for statement in statements(script):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {newest}")
