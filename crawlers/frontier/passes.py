"""Passes: one walk over a source. A pass that was cut off goes on; after one that ended, a new one begins."""

import time
from dataclasses import dataclass

from crawlers.frontier.file import Frontier


@dataclass(frozen=True)
class Pass:
    """A walk over a source.

    Attributes:
        number: From 1.
        continued: It was begun by an earlier process that did not end it.
        pages: How many pages were fetched in it so far.
    """

    number: int
    continued: bool
    pages: int


class Passes:
    """The passes of a frontier."""

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier

    def begin(self, source: str, source_id: str, *, recrawl_after: float = 0.0, now: float | None = None) -> Pass:
        """Go on with the open pass of a source, or begin a new one.

        A new one asks again for every known URL that was asked longer than `recrawl_after` seconds ago, and for those
        that an earlier one had no room for. Where the declaration is another than before, what was skipped is
        forgotten: the pages that led there are read anew.
        """
        now = time.time() if now is None else now
        with self._frontier.transaction():
            found = self._frontier.read("SELECT * FROM passes WHERE source = ?", (source,))
            if found and found[0]["state"] == "open":
                return Pass(found[0]["pass"], True, found[0]["pages"])
            number = found[0]["pass"] + 1 if found else 1
            if found and found[0]["source_id"] != source_id:
                self._frontier.write("DELETE FROM patterns WHERE source = ?", (source,))
                self._frontier.write("DELETE FROM requests WHERE source = ? AND state = 'skipped'", (source,))
            self._frontier.write(
                """
                INSERT INTO passes VALUES (?1, ?2, ?3, 'open', ?4, 0)
                ON CONFLICT (source) DO UPDATE
                SET pass = excluded.pass, source_id = excluded.source_id, state = 'open', began = excluded.began,
                    pages = 0
                """,
                (source, number, source_id, now),
            )
            self._frontier.write(
                """
                UPDATE requests SET state = 'queued', why = NULL, not_before = 0, tries = 0, pass = ?1
                WHERE source = ?2
                    AND (
                        state = 'done' AND (fetched_at IS NULL OR fetched_at <= ?3 OR fetched_at > ?4)
                        OR state = 'skipped' AND (why LIKE 'max_pages%' OR why LIKE 'killed%' OR why LIKE 'lost%')
                    )
                """,
                (number, source, now - recrawl_after, now),
            )
        return Pass(number, False, 0)

    def ask_again(self, source: str, number: int, fingerprints: list[bytes]) -> None:
        """Queue the start pages for this pass, whenever they were asked last; those of this pass stay as they are."""
        self._frontier.write_many(
            """
            UPDATE requests SET state = 'queued', why = NULL, not_before = 0, tries = 0, pass = ?
            WHERE source = ? AND fingerprint = ? AND pass < ? AND state IN ('done', 'skipped')
            """,
            [(number, source, one, number) for one in fingerprints],
        )
        self._frontier.write_many(
            "UPDATE requests SET depth = 0 WHERE source = ? AND fingerprint = ? AND depth > 0",
            [(source, one) for one in fingerprints],
        )

    def count_page(self, source: str) -> None:
        """Count a page that was fetched."""
        self._frontier.write("UPDATE passes SET pages = pages + 1 WHERE source = ?", (source,))

    def end(self, source: str) -> bool:
        """Mark the pass as done, where nothing of it is queued or in hand; says whether it is."""
        with self._frontier.transaction():
            left = self._frontier.read(
                """
                SELECT 1 WHERE EXISTS (SELECT 1 FROM requests WHERE source = ?1 AND state = 'queued' AND not_before = 0)
                    OR EXISTS (
                        SELECT 1 FROM requests INDEXED BY requests_later
                        WHERE source = ?1 AND state = 'queued' AND not_before > 0
                    )
                    OR EXISTS (
                        SELECT 1 FROM requests INDEXED BY requests_leased WHERE source = ?1 AND state = 'leased'
                    )
                """,
                (source,),
            )
            if not left:
                self._frontier.write("UPDATE passes SET state = 'done' WHERE source = ?", (source,))
        return not left

    def forget(self, source: str) -> None:
        """Forget what a source knows: every URL, and what came of it. What lies in the outbox stays."""
        with self._frontier.transaction():
            for table in ("requests", "passes", "patterns", "templates"):
                self._frontier.write(f"DELETE FROM {table} WHERE source = ?", (source,))
