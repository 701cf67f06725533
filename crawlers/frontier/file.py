"""`frontier.sqlite`: what a crawl has done and the store does not have yet.

The process that fetches writes here, page by page; the process that owns the store takes from here, batch by batch. A
page and what it gave become durable together, so a kill of either loses nothing: what lies here is brought in by the
next crawl, and what was brought in but not yet taken away is known by its keys.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawlers.extraction.page import FoundRecord
from store.errors import TilthError

VERSION = 1
TABLES = """
CREATE TABLE sources (
    source_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    declared TEXT NOT NULL              -- JSON
);
CREATE TABLE outbox_pages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,               -- which crawl fetched it
    source_id TEXT NOT NULL,
    page TEXT NOT NULL,                 -- JSON: a row of the store's pages, times as ISO 8601
    tally TEXT NOT NULL                 -- JSON: items, empty, unmatched
);
CREATE TABLE outbox_records (
    page_sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    natural_key TEXT,
    text TEXT NOT NULL,
    url TEXT NOT NULL,
    metadata TEXT NOT NULL,             -- JSON
    PRIMARY KEY (page_sequence, position)
) WITHOUT ROWID;
"""


class FrontierUnreadable(TilthError):
    """`frontier.sqlite` is damaged, or was made by a newer tilth."""


class NoSpace(TilthError):
    """There was no room to keep a page; what was kept before is safe."""


@dataclass(frozen=True)
class Waiting:
    """A page in the outbox, with what it gave."""

    sequence: int
    run_id: str
    source_id: str
    page: Mapping[str, Any]
    tally: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]


class Frontier:
    """The file, open. Several processes may have it open at once.

    Raises:
        FrontierUnreadable: It is not a frontier, or not one that this version understands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            # A commit survives the death of the process; a power cut may take the last ones, never a part of one.
            self._db.execute("PRAGMA synchronous = NORMAL")
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

    def add_source(self, source_id: str, *, name: str, kind: str, declared: Mapping[str, Any]) -> None:
        """Note a source, which pages name by its id."""
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?)", [source_id, name, kind, json.dumps(declared)]
            )

    def add_page(
        self,
        run_id: str,
        source_id: str,
        page: Mapping[str, Any],
        tally: Mapping[str, Any],
        records: Sequence[FoundRecord] = (),
    ) -> None:
        """Put a page and its records into the outbox, together or not at all."""
        url = page["final_url"] or page["url"]
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO outbox_pages (run_id, source_id, page, tally) VALUES (?, ?, ?, ?)",
                [run_id, source_id, json.dumps(page), json.dumps(tally)],
            )
            self._db.executemany(
                "INSERT INTO outbox_records VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        r.position,
                        r.natural_key,
                        r.text,
                        url,
                        json.dumps(r.metadata, ensure_ascii=False),
                    )
                    for r in records
                ],
            )

    def source(self, source_id: str) -> Mapping[str, Any]:
        """`name`, `kind` and `declared` of a source that was noted."""
        row = self._db.execute("SELECT name, kind, declared FROM sources WHERE source_id = ?", [source_id]).fetchone()
        return {"name": row["name"], "kind": row["kind"], "declared": json.loads(row["declared"])}

    def waiting(self) -> tuple[int, int]:
        """How many pages and records lie in the outbox."""
        return tuple(
            self._db.execute(
                "SELECT (SELECT count(*) FROM outbox_pages), (SELECT count(*) FROM outbox_records)"
            ).fetchone()
        )

    def take(self, limit: int) -> list[Waiting]:
        """The oldest pages of the outbox, at most `limit`; they stay there until `forget`."""
        pages = self._db.execute("SELECT * FROM outbox_pages ORDER BY sequence LIMIT ?", [limit]).fetchall()
        if not pages:
            return []
        rows: dict[int, list[Mapping[str, Any]]] = {row["sequence"]: [] for row in pages}
        for row in self._db.execute(
            "SELECT * FROM outbox_records WHERE page_sequence BETWEEN ? AND ? ORDER BY page_sequence, position",
            [pages[0]["sequence"], pages[-1]["sequence"]],
        ):
            rows[row["page_sequence"]].append(dict(row))
        return [
            Waiting(
                row["sequence"],
                row["run_id"],
                row["source_id"],
                json.loads(row["page"]),
                json.loads(row["tally"]),
                tuple(rows[row["sequence"]]),
            )
            for row in pages
        ]

    def forget(self, taken: Sequence[Waiting]) -> None:
        """Remove from the outbox what the store has."""
        ends = [taken[0].sequence, taken[-1].sequence]
        with self._transaction():
            self._db.execute("DELETE FROM outbox_records WHERE page_sequence BETWEEN ? AND ?", ends)
            self._db.execute("DELETE FROM outbox_pages WHERE sequence BETWEEN ? AND ?", ends)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error):
                raise NoSpace(
                    f"No space left on the disk that holds {self.path}. What was fetched before is safe; "
                    "free some room and crawl again."
                ) from error
            raise

    def _prepare(self) -> None:
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise FrontierUnreadable(f"{self.path} was made by a newer tilth (version {version}); upgrade tilth.")
            if version == 0:
                for statement in TABLES.strip().rstrip(";").split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {VERSION}")
