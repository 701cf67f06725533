"""What ends walks that have no end: calendars, numbered pages without number, queries in every order.

URLs that differ in numbers alone are of one pattern. A source bounds how many it takes of a pattern and how many query
strings of a path; and a pattern is closed when many pages of it in a row said nothing that was not said just before.
"""

import hashlib
import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crawlers.frontier.file import Frontier
from crawlers.frontier.queue import Wanted
from crawlers.frontier.skipped import MAX_PER_PATTERN, MAX_QUERY_VARIANTS, NOTHING_NEW, reason
from crawlers.page import FoundRecord
from crawlers.scope import host_of

DRY_PAGES = 20
"""So many pages of a pattern in a row that gave nothing new close it."""
PATTERNS_IN_MEMORY = 2_000
TEXTS_IN_MEMORY = 64
DIGITS = re.compile(r"\d+")


def pattern_of(url: str) -> str | None:
    """Host, path with its numbers as 0, names of the query in order; None for a URL that is alone with its pattern."""
    parts = urlsplit(url)
    path = DIGITS.sub("0", parts.path)
    if not parts.query:
        return None if path == parts.path and not DIGITS.search(path) else f"{host_of(url)}{path}"
    names = sorted({DIGITS.sub("0", name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
    return f"{host_of(url)}{path}?{'&'.join(names)}"


@dataclass
class _Recent:
    """What a pattern's last pages said, and how many in a row said nothing else."""

    dry: int
    texts: deque[bytes]


class Caps:
    """The caps of one source.

    Args:
        frontier: Keeps the counts.
        source: Has `name`, `max_per_pattern` and `max_query_variants`.
    """

    def __init__(self, frontier: Frontier, source: Any) -> None:
        self._frontier = frontier
        self._name: str = source.name
        self.max_per_pattern: int = source.max_per_pattern
        self.max_query_variants: int = source.max_query_variants
        self._recent: OrderedDict[str, _Recent] = OrderedDict()

    def judge(self, wanted: Wanted) -> str | None:
        """Count a URL that is new; gives why it is not to be fetched, None when it is."""
        if wanted.role != "page":
            return None
        pattern = pattern_of(wanted.url)
        if pattern is None:
            return None
        urls, dry = self._count(pattern)
        if dry >= DRY_PAGES:
            return _closed(pattern)
        if urls > self.max_per_pattern:
            return reason(MAX_PER_PATTERN, f"over {self.max_per_pattern:,} URLs like {pattern}")
        parts = urlsplit(wanted.url)
        if parts.query:
            path = f"{host_of(wanted.url)}{parts.path}"
            variants, _ = self._count(f"{path}?*")
            if variants > self.max_query_variants:
                return reason(MAX_QUERY_VARIANTS, f"over {self.max_query_variants:,} query strings of {path}")
        return None

    def closed(self, url: str) -> str | None:
        """Why a URL that was queued is not fetched any more; None when it is."""
        pattern = pattern_of(url)
        if pattern is None or self._of(pattern).dry < DRY_PAGES:
            return None
        return _closed(pattern)

    def learn(self, url: str, new_links: Iterable[str], records: Iterable[FoundRecord]) -> None:
        """Take in what a page gave that was fetched for the first time."""
        pattern = pattern_of(url)
        if pattern is None:
            return
        recent = self._of(pattern)
        said = [_digest(record.text) for record in records if record.text is not None]
        anew = any(one not in recent.texts for one in said)
        recent.texts.extend(said)
        if not anew and all(pattern_of(link) == pattern for link in new_links):
            recent.dry += 1
        elif recent.dry:
            recent.dry = 0
        else:
            return
        self._frontier.write(
            """
            INSERT INTO patterns VALUES (?1, ?2, 0, ?3)
            ON CONFLICT (source, pattern) DO UPDATE SET dry = excluded.dry
            """,
            (self._name, pattern, recent.dry),
        )

    def _count(self, pattern: str) -> tuple[int, int]:
        (row,) = self._frontier.write(
            """
            INSERT INTO patterns VALUES (?, ?, 1, 0)
            ON CONFLICT (source, pattern) DO UPDATE SET urls = urls + 1
            RETURNING urls, dry
            """,
            (self._name, pattern),
        ).fetchall()
        return int(row["urls"]), int(row["dry"])

    def _of(self, pattern: str) -> _Recent:
        recent = self._recent.get(pattern)
        if recent is None:
            found = self._frontier.read(
                "SELECT dry FROM patterns WHERE source = ? AND pattern = ?", (self._name, pattern)
            )
            recent = _Recent(found[0]["dry"] if found else 0, deque(maxlen=TEXTS_IN_MEMORY))
            self._recent[pattern] = recent
            if len(self._recent) > PATTERNS_IN_MEMORY:
                self._recent.popitem(last=False)
        else:
            self._recent.move_to_end(pattern)
        return recent


def _closed(pattern: str) -> str:
    return reason(NOTHING_NEW, f"{DRY_PAGES} pages in a row like {pattern} said nothing new and led nowhere else")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]
