"""Passes: one walk over a source. A pass that was cut off goes on; after one that ended, a new one begins."""

import json
import time
from collections.abc import Collection
from dataclasses import dataclass

from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Queue
from crawlers.frontier.skipped import BOUNDS, CAPS, TRIED_AGAIN


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
        that an earlier one left alone for reasons that may not hold any more. After a change of the declaration it asks
        for all that was read by another one, however lately, and what was out of bounds is judged anew; the latter also
        where a pass goes on.
        """
        now = time.time() if now is None else now
        with self._frontier.transaction():
            found = self._frontier.read("SELECT * FROM passes WHERE source = ?", (source,))
            before = found[0] if found else None
            goes_on = before is not None and before["state"] == "open"
            number = 1 if before is None else before["pass"] + (not goes_on)
            changed = before is not None and before["source_id"] != source_id
            if changed:
                self._judge_anew(source, number)
            if before is not None and goes_on:
                self._frontier.write(
                    "UPDATE passes SET source_id = ?, mixed = ? WHERE source = ?",
                    (source_id, before["mixed"] or changed, source),
                )
                return Pass(number, True, before["pages"])
            self._frontier.write(
                """
                INSERT INTO passes (pass, source_id, state, began, pages, source) VALUES (?, ?, 'open', ?, 0, ?)
                ON CONFLICT (source) DO UPDATE
                SET pass = excluded.pass, source_id = excluded.source_id, state = 'open', began = excluded.began,
                    pages = 0, mixed = 0
                """,
                (number, source_id, now, source),
            )
            self._ask_again_for_old(source, number, now, recrawl_after)
            if before is not None and (changed or before["mixed"]):
                self._ask_again_for_read_otherwise(source, number, source_id)
        return Pass(number, False, 0)

    def _judge_anew(self, source: str, number: int) -> None:
        """Another declaration has other bounds; what its caps kept out is found again on the pages that led there."""
        self._frontier.write("DELETE FROM patterns WHERE source = ?", (source,))
        self._frontier.write(
            """
            DELETE FROM requests
            WHERE source = ? AND state = 'skipped'
                AND substr(why, 1, instr(why, ':') - 1) IN (SELECT value FROM json_each(?))
            """,
            (source, json.dumps(CAPS)),
        )
        self._frontier.write(
            """
            UPDATE requests SET state = 'queued', why = NULL, tries = 0, pass = ?
            WHERE source = ? AND state = 'skipped'
                AND substr(why, 1, instr(why, ':') - 1) IN (SELECT value FROM json_each(?))
            """,
            (number, source, json.dumps(BOUNDS)),
        )

    def _ask_again_for_old(self, source: str, number: int, now: float, recrawl_after: float) -> None:
        self._frontier.write("UPDATE patterns SET dry = 0 WHERE source = ? AND dry > 0", (source,))
        self._frontier.write(
            """
            UPDATE requests SET state = 'queued', why = NULL, not_before = 0, tries = 0, pass = ?1
            WHERE source = ?2
                AND (
                    state = 'done' AND (fetched_at IS NULL OR fetched_at <= ?3 OR fetched_at > ?4)
                    OR state = 'skipped'
                        AND substr(why, 1, instr(why, ':') - 1) IN (SELECT value FROM json_each(?5))
                )
            """,
            (number, source, now - recrawl_after, now, json.dumps(TRIED_AGAIN)),
        )
        # What the last pass left for this one is asked once in it.
        self._frontier.write(
            "UPDATE requests SET pass = ? WHERE source = ? AND state IN ('queued', 'leased')", (number, source)
        )

    def _ask_again_for_read_otherwise(self, source: str, number: int, source_id: str) -> None:
        self._frontier.write(
            """
            UPDATE requests SET state = 'queued', not_before = 0, tries = 0, pass = ?
            WHERE source = ? AND state = 'done' AND source_id <> ?
            """,
            (number, source, source_id),
        )

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

    def leave_starts(self, source: str, source_id: str, fingerprints: list[bytes]) -> None:
        """Forget start pages that the declaration names no more, so that only a link makes them known again."""
        begun_with = self._frontier.read(
            """
            SELECT id, fingerprint FROM requests
            WHERE source = ? AND depth = 0 AND state <> 'leased' AND source_id IS NOT ?
            """,
            (source, source_id),
        )
        named = set(fingerprints)
        self._frontier.write_many(
            "DELETE FROM requests WHERE id = ?",
            [(row["id"],) for row in begun_with if row["fingerprint"] not in named],
        )

    def count_page(self, source: str) -> None:
        """Count a page that was fetched."""
        self._frontier.write("UPDATE passes SET pages = pages + 1 WHERE source = ?", (source,))

    def end(self, source: str, *, but: Collection[str] = ()) -> bool:
        """Mark the pass as done, where nothing of it is in hand or queued, except on hosts `but`; says whether it is.

        What is queued on these stays so, for the next pass.
        """
        with self._frontier.transaction():
            in_hand = self._frontier.read(
                "SELECT 1 FROM requests INDEXED BY requests_leased WHERE source = ? AND state = 'leased' LIMIT 1",
                (source,),
            )
            if in_hand or not Queue(self._frontier).waiting([source]).keys() <= set(but):
                return False
            self._frontier.write("UPDATE passes SET state = 'done' WHERE source = ?", (source,))
        return True

    def forget(self, source: str) -> None:
        """Forget what a source knows: every URL, and what came of it. What lies in the outbox stays."""
        with self._frontier.transaction():
            for table in ("requests", "passes", "patterns", "templates"):
                self._frontier.write(f"DELETE FROM {table} WHERE source = ?", (source,))
