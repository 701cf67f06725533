"""The outbox: pages and records that were fetched and that the store does not have yet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawlers.frontier.file import Frontier
from crawlers.page import FoundRecord


@dataclass(frozen=True)
class Waiting:
    """A page in the outbox, with what it gave."""

    sequence: int
    run_id: str
    source_id: str
    page: Mapping[str, Any]
    tally: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]


class Outbox:
    """The outbox of a frontier."""

    def __init__(self, frontier: Frontier) -> None:
        self._frontier = frontier

    def add_source(self, source_id: str, *, name: str, kind: str, declared: Mapping[str, Any]) -> None:
        """Note a source, which pages name by its id."""
        self._frontier.write(
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
        with self._frontier.transaction():
            cursor = self._frontier.write(
                "INSERT INTO outbox_pages (run_id, source_id, page, tally) VALUES (?, ?, ?, ?)",
                [run_id, source_id, json.dumps(page), json.dumps(tally)],
            )
            if not records:
                return
            self._frontier.write_many(
                "INSERT INTO outbox_records VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        cursor.lastrowid,
                        r.position,
                        r.natural_key,
                        r.text,
                        r.url or url,
                        json.dumps(r.metadata, ensure_ascii=False),
                        r.modality,
                        r.media_path,
                    )
                    for r in records
                ],
            )

    def source(self, source_id: str) -> Mapping[str, Any]:
        """`name`, `kind` and `declared` of a source that was noted."""
        (row,) = self._frontier.read("SELECT name, kind, declared FROM sources WHERE source_id = ?", [source_id])
        return {"name": row["name"], "kind": row["kind"], "declared": json.loads(row["declared"])}

    def waiting(self) -> tuple[int, int]:
        """How many pages and records lie in the outbox."""
        (row,) = self._frontier.read(
            "SELECT (SELECT count(*) FROM outbox_pages), (SELECT count(*) FROM outbox_records)"
        )
        return int(row[0]), int(row[1])

    def take(self, limit: int) -> list[Waiting]:
        """The oldest pages of the outbox, at most `limit`; they stay there until `forget`."""
        pages = self._frontier.read("SELECT * FROM outbox_pages ORDER BY sequence LIMIT ?", [limit])
        if not pages:
            return []
        rows: dict[int, list[Mapping[str, Any]]] = {row["sequence"]: [] for row in pages}
        for row in self._frontier.read(
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
        with self._frontier.transaction():
            self._frontier.write("DELETE FROM outbox_records WHERE page_sequence BETWEEN ? AND ?", ends)
            self._frontier.write("DELETE FROM outbox_pages WHERE sequence BETWEEN ? AND ?", ends)
