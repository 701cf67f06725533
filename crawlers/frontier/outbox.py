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

    def waiting(self) -> int:
        """How many pages lie in the outbox; takes no longer the more there are."""
        # Their numbers have no gaps: they leave from the front, and one that was rolled back is given out again.
        (row,) = self._frontier.read("SELECT max(sequence) - min(sequence) + 1 FROM outbox_pages")
        return int(row[0] or 0)

    def take(self, limit: int, *, characters: int | None = None) -> list[Waiting]:
        """The oldest pages of the outbox, which stay there until `forget`.

        Args:
            limit: At most so many.
            characters: No more of them when what they gave holds that many; one at least.
        """
        taken: list[Waiting] = []
        room = characters
        for row in self._frontier.read("SELECT * FROM outbox_pages ORDER BY sequence LIMIT ?", [limit]):
            records = self._frontier.read(
                "SELECT * FROM outbox_records WHERE page_sequence = ? ORDER BY position", [row["sequence"]]
            )
            taken.append(
                Waiting(
                    row["sequence"],
                    row["run_id"],
                    row["source_id"],
                    json.loads(row["page"]),
                    json.loads(row["tally"]),
                    tuple(dict(one) for one in records),
                )
            )
            if room is not None:
                room -= sum(len(one["text"] or "") + len(one["metadata"]) for one in records)
                if room <= 0:
                    break
        return taken

    def forget(self, taken: Sequence[Waiting]) -> None:
        """Remove from the outbox what the store has."""
        ends = [taken[0].sequence, taken[-1].sequence]
        with self._frontier.transaction():
            self._frontier.write("DELETE FROM outbox_records WHERE page_sequence BETWEEN ? AND ?", ends)
            self._frontier.write("DELETE FROM outbox_pages WHERE sequence BETWEEN ? AND ?", ends)
